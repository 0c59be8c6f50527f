"""Whatever the tables hold and whatever is chosen: byte for byte what a slow and plain writer writes, to the nano."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from core.analytics.choice import DIMENSIONS
from core.analytics.costs import Costs
from core.analytics.filters import BASES, EVERYTHING, STATUSES, TraceFilter
from core.analytics.rollups.pieces import Piece
from core.analytics.rollups.question import Dimension, Question, Sums
from core.analytics.rollups.snapshot import snapshot
from core.analytics.search import matching
from core.analytics.traces import TraceRow, Traces
from core.exports.cells import safe_text
from core.quarters import quarter_of
from core.store.database import Store
from core.store.tables import TaskTrace
from core.store.text import storable
from tests.core.exports import reference
from tests.core.exports.ledgers import EVERY_FILE, Ledgers, exported, rows_of
from tests.core.rows import ADMIN, AT

_traces = TaskTrace.__table__

# NUL and lone surrogates are what no text column takes: they are replaced before, which test_values.py shows.
SPECIAL = st.sampled_from(
    ['"', ",", "\r\n", "\n", "\r", "=1+1", "+", "-", "@x", "\t", "＝1", "＋", "－", "＠", "'", "", "%s", "\\"]
)
TEXTS = st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=4) | SPECIAL).map(
    "".join
)
COUNTS = st.integers(0, 2**63 - 1)
NANOS = st.none() | st.integers(-(10**12), 10**15) | st.sampled_from([-(2**63), 2**63 - 1, -1, 0, -999_999_999])
TIMES = st.datetimes(datetime(1900, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def optional(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


TALLIES = st.fixed_dictionaries(
    {
        "started_at": TIMES,
        "status": TEXTS.filter(lambda text: text != "running") | st.sampled_from(STATUSES[1:]),
        "model": TEXTS,
        "source": TEXTS,
        "cost_nanos": NANOS,
        "cost_basis": optional(TEXTS | st.sampled_from(BASES)),
        "duration_ms": optional(COUNTS),
        "time_to_first_token_ms": optional(COUNTS),
        "error_type": optional(TEXTS),
        "input_tokens": COUNTS,
        "web_searches": COUNTS,
    }
)
LINES = st.fixed_dictionaries(
    {
        "model": TEXTS,
        "unit": TEXTS,
        "quantity": st.integers(-(2**63), 2**63 - 1),
        "unit_price_usd": optional(TEXTS),
        "amount_nanos": NANOS,
        "uncached_nanos": NANOS,
        "price_source": optional(TEXTS),
        "price_from": optional(TIMES),
        "estimated": st.booleans(),
        "correction": st.booleans(),
        "billed_at": TIMES,
        "recorded_at": TIMES,
    }
)
ON_ONE_STORE = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(TEXTS, TEXTS, TALLIES, st.lists(LINES, max_size=3), st.integers(1, 3))
@ON_ONE_STORE
def test_whatever_the_tables_hold_each_file_is_what_a_plain_writer_writes(
    store: Store, person: str, agent: str, tally: dict[str, Any], lines: list[dict[str, Any]], attempts: int
) -> None:
    books = Ledgers(store)
    books.names(person, agent)
    books.trace(lines, **tally, spans=attempts, simulated=bool(attempts % 2))
    mine = TraceFilter(agents=(books.agents[-1],))
    for name in EVERY_FILE:
        file = exported(store, name, mine)
        assert file == reference.written(store, name, mine)
        for row in rows_of(file):
            texts = [cell for cell in row.values() if not re.fullmatch(r"-?[\d.]+", cell)]
            assert not any(cell.startswith(tuple("=+-@\t\r\n＝＋－＠")) for cell in texts)


@given(TEXTS, st.lists(TEXTS, max_size=3))
@ON_ONE_STORE
def test_a_reader_gets_back_the_names_that_were_given(store: Store, name: str, models: list[str]) -> None:
    books = Ledgers(store)
    books.names(name, name)
    for number, model in enumerate(models):
        books.trace([], model=model, started_at=AT - timedelta(seconds=number))
    read = rows_of(exported(store, "traces", TraceFilter(people=(books.people[-1],))))
    assert [row["model"] for row in read] == [safe_text(storable(model)) for model in models]
    assert [row["person"] for row in read] == [safe_text(storable(name)) for _ in models]


def _filters(books: Ledgers) -> st.SearchStrategy[TraceFilter]:
    def some(values: list[str]) -> st.SearchStrategy[tuple[str, ...]]:
        return st.lists(st.sampled_from(sorted(set(values))), unique=True, max_size=3).map(tuple)

    moments = st.none() | st.integers(-5, 5).map(lambda days: AT + timedelta(days=days))
    return st.builds(
        TraceFilter,
        start=moments,
        end=moments,
        agents=some(books.agents),
        models=some(books.models),
        people=some(books.people),
        statuses=some(list(STATUSES)),
        bases=some(list(BASES)),
    )


@pytest.fixture
def mixed(store: Store) -> Ledgers:
    """Traces of three people with three agents, of every status and basis, over ten days; some have others help."""
    books = Ledgers(store)
    for number in range(36):
        if number % 12 == 0:
            books.names(f"Person {number}", f"Agent {number}")
        status, basis = STATUSES[number % len(STATUSES)], BASES[number % 4 % len(BASES)]
        amount = None if basis == "unpriced" else number**7 + 1
        amounts = () if status == "running" else (amount, number, -number)
        lines: list[dict[str, Any]] = [{"amount_nanos": each} for each in amounts]
        tally = {"status": status, "cost_basis": basis, "model": f"model-{number % 4}"}
        trace = books.trace(lines, **tally, started_at=AT + timedelta(hours=7 * (number - 18)))
        for helper in range(number % 3 if status != "running" else 0):
            helped = books.agents[(number + helper) % len(books.agents)]
            books.delegated(trace, helped, f"model-{(number + helper) % 5}", 10**6 + number)
    return books


@given(st.data())
@ON_ONE_STORE
def test_for_any_filter_the_files_hold_those_traces_and_the_sum_of_their_ledger(
    mixed: Ledgers, data: st.DataObject
) -> None:
    chosen = data.draw(_filters(mixed))
    traces, ledger = (exported(mixed.store, name, chosen) for name in ("traces", "ledger"))
    assert traces == reference.written(mixed.store, "traces", chosen)
    assert ledger == reference.written(mixed.store, "ledger", chosen)
    assert _sum(rows_of(ledger), "amount_usd") == _spend(mixed.store, chosen)
    listed = [row["trace_id"] for row in rows_of(traces)]
    assert _pages(mixed.store, chosen) == _pages(mixed.store, replace(chosen, text="was ask")) == listed
    assert Traces(mixed.store).count(ADMIN, chosen) == len(listed)
    assert {row["trace_id"] for row in rows_of(ledger)} <= set(listed)


@given(st.data())
@ON_ONE_STORE
def test_for_any_filter_its_groups_come_to_the_whole(mixed: Ledgers, data: st.DataObject) -> None:
    chosen = data.draw(_filters(mixed))
    for by in DIMENSIONS:
        parts = {id_: spend for (_, id_), (spend,) in _asked(mixed.store, chosen, by).items()}
        assert sum(parts.values()) == _spend(mixed.store, chosen)
        if by == "agent":
            written = rows_of(exported(mixed.store, "ledger", chosen))
            names = {name.removeprefix("'"): id_ for id_, name in Costs(mixed.store).names(ADMIN).agent.items()}
            assert {names[row["agent"].removeprefix("'")] for row in written} <= set(parts)


@given(st.data())
@ON_ONE_STORE
def test_whole_traces_cost_what_their_lines_come_to(mixed: Ledgers, data: st.DataObject) -> None:
    chosen = replace(data.draw(_filters(mixed)), agents=(), models=())
    traces, ledger = (rows_of(exported(mixed.store, name, chosen)) for name in ("traces", "ledger"))
    known = {row["trace_id"] for row in traces if row["cost_usd"]}
    assert _sum(traces, "cost_usd") == _sum([row for row in ledger if row["trace_id"] in known], "amount_usd")


def _sum(rows: list[dict[str, str]], column: str) -> Decimal:
    return sum((Decimal(row[column]) for row in rows if row[column]), Decimal(0)) * 10**9


def _pages(store: Store, chosen: TraceFilter) -> list[str]:
    """The list of traces, some at a time."""
    listed = list[TraceRow]()
    while more := Traces(store).page(
        ADMIN, chosen, before=(listed[-1].started_at, listed[-1].id) if listed else None, limit=11
    ):
        listed += more
    return [row.id for row in listed]


def _spend(store: Store, chosen: TraceFilter) -> int:
    """As Costs and the head of Traces have it."""
    return sum(spend for (spend,) in _asked(store, chosen).values())


def _asked(store: Store, chosen: TraceFilter, by: Dimension | None = None) -> Sums:
    start, end = (quarter_of(at) for at in (chosen.start or AT - timedelta(99), chosen.end or AT + timedelta(99)))
    with snapshot(store) as moment:
        return moment.ask(Question((Piece(0, start, max(start, end)),), ("spend_nanos",), chosen, by))


@pytest.mark.parametrize("several", [False, True])
def test_a_text_narrows_both_files(mixed: Ledgers, several: bool) -> None:
    asked = reference.chosen_traces
    with mixed.store.read() as connection:
        wanted = asked(connection, EVERYTHING)[4]
        assert (
            len(
                list(
                    connection.execute(
                        select(_traces.c.id).where(*matching(TraceFilter(text=wanted.id), mixed.store.dialect))
                    )
                )
            )
            == 1
        )
    agents = tuple(mixed.agents) if several else ()
    for name in EVERY_FILE:
        found = rows_of(exported(mixed.store, name, TraceFilter(text=wanted.id, agents=agents)))
        assert {row["trace_id"] for row in found} == {wanted.id}
        assert rows_of(exported(mixed.store, name, TraceFilter(text="nobody said this"))) == []
        everything = exported(mixed.store, name, TraceFilter(text="what was asked", agents=agents))
        assert everything == exported(mixed.store, name)
