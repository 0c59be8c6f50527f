"""What benchmarks measure on is like the real thing: sums that add up, an unchanged schema, uneven use."""

from collections import Counter, defaultdict
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

import pytest
from sqlalchemy import select, text

from core.analytics.filters import TraceFilter
from core.analytics.rollups.facts import read_facts
from core.analytics.traces import Traces
from core.errors import AppError
from core.quarters import quarter_of
from core.store.database import Store, open_store
from core.store.rollups import MEASURES
from core.store.tables import Conversation, LedgerLine, Row, TaskTrace, TraceSession, TraceSpan
from core.units import COLUMNS
from tests.bench.generate import generate
from tests.bench.year import END, Batch, Year
from tests.core.rows import ADMIN

TRACES = 2_000

_SCHEMA = {
    "sqlite": ["SELECT type, name, tbl_name, sql FROM sqlite_master"],
    "postgresql": [
        "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
        "SELECT conrelid::regclass::text, conname, convalidated, pg_get_constraintdef(oid) FROM pg_constraint",
        "SELECT tgrelid::regclass::text, tgenabled, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
        "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i')",
    ],
}


def schema(store: Store) -> Counter[tuple[Any, ...]]:
    with store.read() as connection:
        rows = chain.from_iterable(connection.execute(text(query)) for query in _SCHEMA[store.dialect])
        return Counter(map(tuple, rows))


def rows(store: Store, table: type[Row]) -> list[Any]:
    with store.read() as connection:
        return list(connection.execute(select(table.__table__)).mappings())


def test_the_year_is_whole_and_the_schema_as_it_was(database_url: str) -> None:
    with closing(open_store(database_url)) as store:
        before = schema(store)
    generate(database_url, TRACES)
    with closing(open_store(database_url)) as store:
        assert schema(store) == before
        check_sums(store)
        check_facts(store)
        check_search(store)
    with pytest.raises(AppError, match="holds traces already"):
        generate(database_url, 1)


def check_sums(store: Store) -> None:
    traces, spans = rows(store, TaskTrace), rows(store, TraceSpan)
    sessions = {row["id"]: row for row in rows(store, TraceSession)}
    shared = ("started_at", "ended_at", "cost_nanos", "cost_basis", *COLUMNS)
    of_trace = {row["id"]: [row[name] for name in shared] for row in traces}
    assert len(of_trace) == TRACES == len(sessions) == len(spans)
    lines = defaultdict[str, list[Any]](list)
    for line in rows(store, LedgerLine):
        lines[line["span_id"]].append(line)
    for span in spans:
        session = sessions.pop(span["trace_session_id"])
        assert (
            of_trace[session["task_trace_id"]] == [session[name] for name in shared] == [span[name] for name in shared]
        )
        check_ledger(span, sorted(lines.pop(span["id"], []), key=lambda line: int(line["line"])))
    assert not sessions
    assert not lines


def check_ledger(span: Any, lines: list[Any]) -> None:
    amounts = [line["amount_nanos"] for line in lines]
    assert [line["line"] for line in lines] == list(range(1, len(lines) + 1))
    assert span["cost_nanos"] == (None if None in amounts else sum(amounts))
    assert (span["cost_nanos"] is None) == (span["cost_basis"] == "unpriced")
    tokens = {f"{line['unit']}_tokens": line["quantity"] for line in lines}
    assert tokens == {name: span[name] for name in COLUMNS if span[name]}
    assert all(line["estimated"] == (span["cost_basis"] == "estimated") for line in lines)


def check_facts(store: Store) -> None:
    """The rollups' own reading of the ledger sees every trace and conversation once."""
    with store.read() as connection:
        facts = list(read_facts(connection, quarter_of(END - timedelta(days=400)), quarter_of(END)))
    total = {name: sum(fact.sums[place] for fact in facts) for place, name in enumerate(MEASURES)}
    assert (total["traces"], total["calls"]) == (TRACES, TRACES)
    assert total["conversations"] == len(rows(store, Conversation))
    assert total["spend_nanos"] == sum(trace["cost_nanos"] or 0 for trace in rows(store, TaskTrace))
    assert total["saved_nanos"] > 0


def check_search(store: Store) -> None:
    word = rows(store, TaskTrace)[0]["instruction"].split()[0]
    having = [trace["id"] for trace in rows(store, TaskTrace) if word in trace["instruction"].split()]
    found = Traces(store).page(ADMIN, TraceFilter(text=f"{word} "), limit=TRACES)
    assert sorted(trace.id for trace in found) == sorted(having)


def columns(seed: int) -> dict[str, list[Any]]:
    batches: list[tuple[Batch, Batch]] = list(Year(20_000, seed).batches())
    return {name: list(chain.from_iterable(traces[name] for _, traces in batches)) for name in batches[0][1]}


def test_the_same_seed_makes_the_same_year() -> None:
    assert columns(1) == columns(1)
    assert columns(1) != columns(2)


def test_use_is_uneven_as_it_is_in_life() -> None:
    year = columns(1)
    count = len(year["id"])
    agents, models = Counter(year["agent_id"]), Counter(year["model"])
    assert 0.09 < max(agents.values()) / count < 0.16
    assert 0.3 < max(models.values()) / count < 0.4
    assert (len(agents), len(models), len(set(year["owner_id"]))) == (40, 12, 200)
    used = defaultdict[str, set[str]](set)
    for person, agent in zip(year["owner_id"], year["agent_id"], strict=True):
        used[person].add(agent)
    numbers = Counter(len(agents) for agents in used.values())
    assert max(numbers) == 4
    assert sum(numbers[few] for few in (2, 3, 4)) >= 190
    outcomes = Counter(year["status"])
    assert 0.025 < 1 - outcomes["completed"] / count < 0.035


def test_the_year_has_weekends_nights_and_growth() -> None:
    began = [datetime.fromisoformat(at).replace(tzinfo=UTC) for at in columns(1)["started_at"]]
    assert min(began) > END - timedelta(days=366)
    assert max(began) < END
    weekdays, hours = Counter(at.weekday() for at in began), Counter(at.hour for at in began)
    assert weekdays[6] < weekdays[2] / 5
    assert hours[3] < hours[10] / 10
    middle = END - timedelta(days=183)
    assert sum(at > middle for at in began) > 1.3 * sum(at <= middle for at in began)
