"""How the rows are read: all of them, in order, in constant memory, never a word that was said, never sorting all."""

import re
import tracemalloc
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from sqlalchemy import event

from core.analytics.filters import EVERYTHING, TraceFilter
from core.exports.columns import FileName
from core.store.database import Store
from tests.core.analytics.conftest import Books, books_in
from tests.core.exports.ledgers import EVERY_FILE, Ledgers, an_order, exported, exports_on, rows_of
from tests.core.rows import AT


def test_over_many_batches_no_row_is_lost_or_out_of_order(books: Books, store: Store) -> None:
    tallies: list[dict[str, Any]] = [
        {"started_at": AT + timedelta(seconds=number), "cost_nanos": number * 7 + 1} for number in range(2_500)
    ]
    books.add_all([*tallies, {"cost_nanos": None, "cost_basis": "unpriced"}])
    read = rows_of(exported(store, "traces"))
    assert len(read) == len({row["trace_id"] for row in read}) == books.traces.count(books.by) == 2_501
    assert sum(Decimal(row["cost_usd"]) * 10**9 for row in read if row["cost_usd"]) == sum(
        tally["cost_nanos"] for tally in tallies
    )
    assert [row["cost_basis"] for row in read if not row["cost_usd"]] == ["unpriced"]
    assert [row["started_at"] for row in read] == sorted((row["started_at"] for row in read), reverse=True)


def test_no_word_of_a_conversation_is_ever_read(books: Books, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    books.rows.message(books.conversation, "user", "words", books.add())
    asked, copy = list[str](), psycopg.Cursor.copy

    def heard(cursor: Any, statement: str, *values: Any) -> Any:
        asked.append(statement.lower())
        return copy(cursor, statement, *values)

    monkeypatch.setattr(psycopg.Cursor, "copy", heard)
    event.listen(store.engine, "before_cursor_execute", lambda *context: asked.append(context[2].lower()))
    read = b"".join(exported(store, name) for name in EVERY_FILE)
    assert b"What was asked" not in read
    assert len([statement for statement in asked if "ledger_lines" in statement]) == 1
    assert len([statement for statement in asked if "cache_read_tokens" in statement]) == 1
    for secret in ("instruction", "title", "messages", "content", "system_prompt", "error_text"):
        assert [statement for statement in asked if secret in statement] == []
    # Of the usage that the provider reported two words are read, never all of it.
    whole = re.compile(r"(?<!json_extract\()trace_spans\.usage(?! ->>)")
    assert [statement for statement in asked if whole.search(statement)] == []


@pytest.mark.parametrize(
    "narrowed",
    [
        lambda books: EVERYTHING,
        lambda books: TraceFilter(start=AT, end=AT + timedelta(days=1)),
        lambda books: TraceFilter(agents=(books.agent,)),
        lambda books: TraceFilter(agents=(books.agent, "another"), people=(books.person,)),
        lambda books: TraceFilter(people=(books.person, "another"), models=("a", "b")),
        lambda books: TraceFilter(statuses=("failed",)),
    ],
)
@pytest.mark.parametrize("file", EVERY_FILE)
def test_on_sqlite_the_newest_come_first_without_sorting_all(
    sqlite_store: Store, narrowed: Callable[[Books], TraceFilter], file: FileName
) -> None:
    books, plans = books_in(sqlite_store), list[str]()

    def explain(connection, cursor, statement, parameters, *_) -> None:  # type: ignore[no-untyped-def]
        if "printf" in statement:
            rows = cursor.connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.append(" / ".join(row[3] for row in rows))

    event.listen(sqlite_store.engine, "before_cursor_execute", explain)
    exported(sqlite_store, file, narrowed(books))
    [plan] = plans
    assert "task_trace USING INDEX ix_task_trace_" in plan
    # The lines of one trace are sorted among themselves.
    assert "TEMP B-TREE FOR ORDER BY" not in plan


@pytest.mark.parametrize("file", EVERY_FILE)
def test_memory_does_not_grow_with_the_file(store: Store, file: FileName) -> None:
    books = Ledgers(store)
    books.names("Ada", "Helper")

    def peak() -> int:
        tracemalloc.start()
        length = sum(map(len, exports_on(store).begin(an_order(file)).pieces))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert length > 500_000
        return most

    _fill(books, 30)
    peak()
    small = peak()
    _fill(books, 50)
    assert peak() < 1.3 * small


def _fill(books: Ledgers, hundreds: int) -> None:
    """With so many hundreds of traces and of lines."""
    who = books.people[0], books.agents[0]
    tallies = [{"started_at": AT + timedelta(seconds=number)} for number in range(hundreds)]
    traces = books.rows.traces(*who, books.rows.conversation(*who), tallies)
    books.rows.copies(traces, 99)
    books.lines(traces[0], [{"line": 0}])
    books.more_lines(traces[0], 100 * hundreds - 1)
