"""The trace list on both databases: its rows, its pages, and what it must never read."""

import re
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Delete, delete, event, func, select

from core.analytics.filters import TraceFilter
from core.analytics.traces import TraceRow
from core.clock import new_id
from core.store.database import Store
from core.store.tables import TaskTrace, TraceSession, TraceSpan
from core.usage import Usage
from tests.core.analytics.conftest import Books, books_in
from tests.core.rows import AT, MODEL

RUNNING = {"status": "running", "cost_nanos": None, "cost_basis": None, "ended_at": None, "duration_ms": None}


def test_a_row_holds_who_asked_whom_and_what_it_took(books: Books) -> None:
    tokens = {"input_tokens": 1, "cache_write_5m_tokens": 2, "cache_write_1h_tokens": 3, "cache_read_tokens": 4}
    rest = {"output_tokens": 6, "thinking_tokens": 5, "web_searches": 7, "cost_nanos": 123_456_789}
    trace = books.add(spans=3, **tokens, **rest)
    assert books.traces.page(books.by) == [
        TraceRow(
            id=trace,
            started_at=AT,
            status="completed",
            agent_name="Helper",
            model=MODEL,
            person="Ada",
            conversation_id=books.conversation,
            source="chat",
            simulated=True,
            usage=Usage(1, 2, 3, 4, 6, 5, 7),
            total=123_456_789,
            basis="computed",
            duration_ms=3_000,
            time_to_first_token_ms=400,
            error_type=None,
            attempts=3,
            provenance="simulated",
            key_source="",
            key_label=None,
            agent_id=books.agent,
            person_id=books.person,
        )
    ]


def test_unknown_costs_stay_unknown(books: Books) -> None:
    books.add(cost_nanos=None, cost_basis="unpriced", started_at=AT + timedelta(seconds=1))
    books.add(**RUNNING)
    assert [(row.status, row.total, row.basis) for row in books.traces.page(books.by)] == [
        ("completed", None, "unpriced"),
        ("running", None, None),
    ]


def test_a_real_answer_is_not_simulated_and_a_failed_one_names_its_error(books: Books) -> None:
    books.add(simulated=False, status="failed", error_type="overloaded_error")
    (row,) = books.traces.page(books.by)
    assert (row.simulated, row.error_type, row.status) == (False, "overloaded_error", "failed")


def remove(store: Store, statement: Delete) -> None:
    assert store.write(lambda connection: connection.execute(statement).rowcount).result() == 1


def test_a_trace_without_sessions_is_listed_and_one_with_two_only_once(books: Books, store: Store) -> None:
    bare, double = books.add(), books.add(cost_nanos=5)
    sessions, spans = TraceSession.__table__, TraceSpan.__table__
    with store.read() as connection:
        kept = connection.execute(select(sessions).where(sessions.c.task_trace_id == double)).mappings().one()
    second = {**kept, "id": f"00{kept['id'][2:]}", "model": "claude-haiku-5-5", "parent_span_id": "a tool's"}
    second["trace_started_at"] = AT
    store.write(lambda connection: connection.execute(sessions.insert(), second).rowcount).result()
    for table in (spans, sessions):
        remove(store, delete(table).where(table.c.task_trace_id == bare))
    found = {row.id: (row.model, row.attempts, row.total) for row in books.traces.page(books.by)}
    assert found == {bare: (MODEL, 0, 1_000), double: (MODEL, 1, 5)}
    assert books.traces.count(books.by) == 2


def test_pages_follow_each_other_without_gap_or_repetition_even_within_one_moment(books: Books) -> None:
    moments = [AT, AT, AT, AT + timedelta(microseconds=1), AT - timedelta(days=1), AT, AT]
    made = books.add_all([{"started_at": moment} for moment in moments])
    seen: list[TraceRow] = []
    while page := books.traces.page(books.by, limit=2, before=(seen[-1].started_at, seen[-1].id) if seen else None):
        seen += page
    assert [row.id for row in seen] == [made[index] for index in (3, 6, 5, 2, 1, 0, 4)]


def test_a_trace_that_arrives_while_one_pages_moves_nothing(books: Books) -> None:
    made = books.add_all([{"started_at": AT + timedelta(seconds=number)} for number in range(4)])
    first = books.traces.page(books.by, limit=2)
    books.add(started_at=AT + timedelta(hours=1))
    rest = books.traces.page(books.by, before=(first[-1].started_at, first[-1].id))
    assert [row.id for row in (*first, *rest)] == made[::-1]


def test_one_status_can_be_asked_for(books: Books) -> None:
    failed = books.add(status="failed")
    books.add()
    assert [row.id for row in books.traces.page(books.by, TraceFilter(statuses=("failed",)))] == [failed]
    assert (
        books.traces.count(books.by),
        books.traces.count(books.by, TraceFilter(statuses=("failed",))),
        books.traces.count(books.by, TraceFilter(statuses=("no",))),
    ) == (2, 1, 0)


def test_no_word_of_a_conversation_is_ever_read(books: Books, store: Store) -> None:
    trace = books.add()
    books.rows.message(books.conversation, "user", "words", trace)
    asked: list[str] = []
    event.listen(store.engine, "before_cursor_execute", lambda *context: asked.append(context[2].lower()))
    shown: list[object] = [
        books.traces.page(books.by),
        books.traces.page(books.by, before=(AT, trace)),
        books.traces.page(books.by, TraceFilter(statuses=("failed",))),
        books.traces.page(books.by, TraceFilter(text="asked", people=(books.person,))),
        books.traces.detail(books.by, trace),
    ]
    shown += [books.traces.spans(books.by, trace), books.traces.ledger(books.by, trace), books.traces.count(books.by)]
    reads = [statement for statement in asked if "select" in statement]
    assert len(reads) >= len(shown)
    for secret in ("instruction", "title", "messages", "content", "system_prompt"):
        assert [statement for statement in reads if secret in statement] == []
    assert "What was asked" not in str(shown)


def test_the_first_page_and_a_deep_one_read_through_the_index(sqlite_store: Store) -> None:
    books = books_in(sqlite_store)
    plans: list[str] = []

    def explain(connection, cursor, statement, parameters, *_) -> None:  # type: ignore[no-untyped-def]
        if statement.startswith("SELECT"):
            rows = cursor.connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.append(" / ".join(row[3] for row in rows))

    event.listen(sqlite_store.engine, "before_cursor_execute", explain)
    trace = books.add()
    plans.clear()
    books.traces.page(books.by)
    books.traces.page(books.by, before=(AT, "x"))
    assert len(plans) == 4
    for plan in plans[::2]:
        assert re.search("task_trace USING (COVERING )?INDEX ix_task_trace_started", plan)
    for plan in plans[1::2]:
        assert "task_trace USING INDEX sqlite_autoindex_task_trace_1" in plan
    for plan in plans:
        assert "TEMP B-TREE" not in plan
    assert [row.id for row in books.traces.page(books.by)] == [trace]


def test_a_deep_page_is_entered_where_the_one_before_ended(sqlite_store: Store) -> None:
    books = books_in(sqlite_store)
    shown = books.add(started_at=AT - timedelta(days=300))
    bounds: list[object] = []
    event.listen(sqlite_store.engine, "before_cursor_execute", lambda *context: bounds.extend(context[3]))
    year = TraceFilter(start=AT - timedelta(days=365), end=AT)
    before = AT - timedelta(days=299)
    assert [row.id for row in books.traces.page(books.by, year, before=(before, "x"))] == [shown]
    times = [str(bound) for bound in bounds if str(bound).startswith("202")]
    assert len(times) >= 3
    assert max(times) == str(before + timedelta(microseconds=1)).removesuffix("+00:00")


@given(costs=st.lists(st.none() | st.integers(0, 10**15), max_size=6))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pages_together_hold_the_sum_of_the_books(sqlite_store: Store, costs: list[int | None]) -> None:
    books = books_in(sqlite_store, agent=new_id())
    books.add_all([{"cost_nanos": cost} for cost in costs])
    with sqlite_store.read() as connection:
        booked = connection.execute(select(func.sum(TaskTrace.__table__.c.cost_nanos))).scalar() or 0
    rows = books.traces.page(books.by, limit=1_000)
    assert len(rows) == books.traces.count(books.by)
    assert sum(row.total for row in rows if row.total is not None) == booked


@pytest.mark.parametrize("unknown", ["nothing", "", "\0", "\ud800"])
def test_an_unknown_trace_has_neither_spans_nor_lines(books: Books, unknown: str) -> None:
    books.add()
    assert (books.traces.spans(books.by, unknown), books.traces.ledger(books.by, unknown)) == ([], [])
