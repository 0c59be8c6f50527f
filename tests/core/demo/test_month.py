"""The demo month is loaded whole, once, and removed without a trace, whatever breaks off and whoever clicks twice."""

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from core.access.audit import Audit
from core.access.roles import Person
from core.analytics.filters import TraceFilter
from core.analytics.rollups.check import differences
from core.analytics.rollups.refresh import refresh
from core.analytics.traces import Traces
from core.demo.month import DemoMonth
from core.errors import InputError
from core.registry.agents import Agents
from core.store.database import Store
from core.store.tables import Agent, LedgerLine, Row, TaskTrace, TraceSession, TraceSpan
from tests.core.analytics.rollups.histories import History
from tests.core.books.histories import BOOK
from tests.core.books.in_store import rows
from tests.core.books.test_sums import assert_priced, assert_sums
from tests.core.demo.looks import BERLIN, TODAY, Crash, CrashingStore, added, contents
from tests.core.rows import ADMIN, Rows

NOON = datetime(2026, 11, 19, 12, tzinfo=UTC)
LATER = NOON + timedelta(days=2)
"""When all of the month is over."""


@pytest.fixture(autouse=True)
def _later() -> object:
    with time_machine.travel(LATER):
        yield


@pytest.fixture
def history(store: Store) -> History:
    """Real turns at the hours of the demo month, some of them stopped, some without a price."""
    history = History(store)
    for kind in range(8):
        history.turn(NOON - timedelta(hours=kind), kind)
    return history


def refresh_all(store: Store) -> None:
    while refresh(store, BERLIN, LATER + timedelta(days=1)):
        pass


def test_it_is_offered_only_where_there_is_no_trace(store: Store, demo: DemoMonth) -> None:
    assert (demo.offer(ADMIN), demo.phase(ADMIN)) == (True, None)
    demo.load(ADMIN, TODAY)
    assert (demo.offer(ADMIN), demo.phase(ADMIN)) == (False, "loaded")
    demo.remove(ADMIN)
    assert (demo.offer(ADMIN), demo.phase(ADMIN)) == (True, None)
    assert [(entry.action, entry.subject_kind) for entry in Audit(store).list(ADMIN)] == [
        ("removed", "demo month"),
        ("loaded", "demo month"),
    ]
    History(store).turn(NOON, 0)
    assert demo.offer(ADMIN) is False


def test_a_date_has_always_the_same_month(store: Store, demo: DemoMonth) -> None:
    count = demo.load(ADMIN, TODAY)
    first = contents(store)
    assert count == first["task_trace"].total() > 50
    assert demo.load(ADMIN, date(2026, 12, 1)) == count, "it is loaded already"
    assert contents(store) == first
    assert demo.remove(ADMIN) == count
    demo.load(ADMIN, TODAY)
    assert contents(store) == first
    demo.remove(ADMIN)
    demo.load(ADMIN, TODAY + timedelta(days=1))
    assert contents(store) != first


def test_parents_are_sums_of_children_and_of_the_ledger(store: Store, demo: DemoMonth) -> None:
    demo.load(ADMIN, TODAY)
    parts = {name: _by_trace(store, table) for name, table in (("sessions", TraceSession), ("spans", TraceSpan))}
    lines = _by_trace(store, LedgerLine)
    for trace in rows(store, TaskTrace):
        sessions, spans = parts["sessions"][trace["id"]], parts["spans"][trace["id"]]
        assert_sums([trace], sessions)
        assert_sums(sessions, spans)
        assert_priced([span for span in spans if not span["cache_write_1h_tokens"]], lines.get(trace["id"], []))
        amounts = [line["amount_nanos"] for line in lines.get(trace["id"], [])]
        assert trace["cost_nanos"] == (None if None in amounts else sum(amounts))
    refresh_all(store)
    assert list(differences(store)) == []


def _by_trace(store: Store, table: type[Row]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for row in rows(store, table):
        found.setdefault(row["task_trace_id"], []).append(row)
    return found


def test_all_of_it_is_labelled(store: Store, demo: DemoMonth) -> None:
    demo.load(ADMIN, TODAY)
    assert {row["source"] for row in rows(store, TaskTrace)} == {"demo"}
    assert {row["session_type"] for row in rows(store, TraceSession)} == {"simulated"}
    assert all(row["price_source"].startswith("demo month: ") for row in rows(store, LedgerLine))
    assert all(row["name"].startswith("Demo · ") for row in rows(store, Agent))


@pytest.mark.each_database
def test_removal_leaves_every_table_as_it_was(store: Store, demo: DemoMonth, history: History) -> None:
    refresh_all(store)
    before, sums = contents(store), contents(store, rollups=True)
    count = demo.load(ADMIN, TODAY)
    more = added(before, contents(store))
    assert (more["task_trace"], more["agents"], more["users"]) == (count, 6, 6)
    refresh_all(store)
    assert contents(store, rollups=True) != sums
    assert Traces(store).page(ADMIN, TraceFilter(text="delivery"))
    assert demo.remove(ADMIN) == count
    assert contents(store) == before
    assert Traces(store).page(ADMIN, TraceFilter(text="delivery")) == []
    refresh_all(store)
    assert contents(store, rollups=True) == sums
    assert list(differences(store)) == []
    assert demo.remove(ADMIN) == 0


@pytest.mark.parametrize("committed", [False, True])
@pytest.mark.parametrize("at", [1, 2, 3, "last"])
def test_what_breaks_off_while_loading_is_completed(
    store: Store, demo: DemoMonth, at: int | str, committed: bool
) -> None:
    counting = CrashingStore(store)
    DemoMonth(counting, BOOK, BERLIN).load(ADMIN, TODAY)
    whole = contents(store)
    demo.remove(ADMIN)
    with pytest.raises(Crash):
        _crashing(store, counting.writes if at == "last" else int(at), committed).load(ADMIN, TODAY)
    demo.load(ADMIN, TODAY if at == 1 and not committed else TODAY + timedelta(days=3))
    assert contents(store) == whole


def _crashing(store: Store, at: int, committed: bool) -> DemoMonth:
    return DemoMonth(CrashingStore(store, at=at, committed=committed), BOOK, BERLIN)


@pytest.mark.parametrize("committed", [False, True])
@pytest.mark.parametrize("at", [1, 2, 3, 4])
@pytest.mark.parametrize("then", ["remove", "load"])
def test_what_breaks_off_while_removing_is_completed(
    store: Store, demo: DemoMonth, at: int, committed: bool, then: str
) -> None:
    before = contents(store)
    demo.load(ADMIN, TODAY)
    whole = contents(store)
    with pytest.raises(Crash):
        _crashing(store, at, committed).remove(ADMIN)
    if then == "remove":
        demo.remove(ADMIN)
        assert contents(store) == before
    else:
        demo.load(ADMIN, TODAY)
        assert contents(store) == whole


def at_once(*calls: Callable[[], int]) -> list[int]:
    results: list[int] = []
    gate = threading.Barrier(len(calls))

    def click(call: Callable[[], int]) -> None:
        gate.wait()
        results.append(call())

    threads = [threading.Thread(target=click, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.each_database
def test_two_clicks_load_it_once_and_remove_it_once(store: Store, demo: DemoMonth) -> None:
    before = contents(store)
    count = demo.load(ADMIN, TODAY)
    whole = contents(store)
    demo.remove(ADMIN)
    assert at_once(lambda: demo.load(ADMIN, TODAY), lambda: demo.load(ADMIN, TODAY)) == [count, count]
    assert contents(store) == whole
    assert sum(at_once(lambda: demo.remove(ADMIN), lambda: demo.remove(ADMIN))) == count
    assert contents(store) == before


@pytest.mark.each_database
def test_who_removes_what_another_is_loading_wins(store: Store, demo: DemoMonth) -> None:
    before = contents(store)
    at_once(lambda: demo.load(ADMIN, TODAY), lambda: demo.remove(ADMIN), lambda: demo.remove(ADMIN))
    demo.remove(ADMIN)
    assert contents(store) == before


def test_an_agent_that_was_used_or_changed_stays_and_still_cannot_be_asked(store: Store, demo: DemoMonth) -> None:
    demo.load(ADMIN, TODAY)
    real = Rows(store)
    me = real.person("Grace")
    used, changed, *_ = agents = Agents(store).list(ADMIN, include_inactive=True)
    conversation = real.conversation(me, used.id)
    Agents(store).edit(Person(me, "Grace", "admin"), changed.id, changed)
    demo.remove(ADMIN)
    assert len(agents) == 6
    left = Agents(store).list(ADMIN, include_inactive=True)
    assert [(agent.id, agent.active) for agent in left] == [(used.id, False), (changed.id, False)]
    assert [agent.version for agent in Agents(store).versions(ADMIN, changed.id)] == [2, 1]
    assert [row["id"] for row in rows(store, TaskTrace)] == []
    demo.load(ADMIN, TODAY)
    again = Agents(store).list(ADMIN, include_inactive=True)
    assert [agent.id for agent in again] == [agent.id for agent in agents]
    demo.remove(ADMIN)
    with store.read() as connection:
        assert connection.execute(text("SELECT id FROM conversations")).scalars().all() == [conversation]


def test_a_name_that_is_taken_is_told_and_nothing_is_written(store: Store, demo: DemoMonth) -> None:
    real = Rows(store)
    real.agent(real.person(), "Demo · Analyst")
    before = contents(store)
    with pytest.raises(InputError, match="Rename it"):
        demo.load(ADMIN, TODAY)
    assert contents(store) == before


@time_machine.travel(NOON)
def test_nothing_in_it_is_later_than_now(store: Store, demo: DemoMonth) -> None:
    demo.load(ADMIN, TODAY)
    with store.read() as connection:
        last = connection.execute(select(func.max(TaskTrace.__table__.c.ended_at))).scalar_one()
    assert NOON - timedelta(hours=3) < last <= NOON


OF_DEMO = {
    "ledger_lines": "price_source LIKE 'demo month: %'",
    "agent_versions": "name LIKE 'Demo · %'",
}


@pytest.mark.parametrize("table", OF_DEMO)
def test_only_rows_that_were_born_as_demo_can_be_deleted_and_none_be_changed(
    store: Store, demo: DemoMonth, history: History, table: str
) -> None:
    real = contents(store)[table]
    demo.load(ADMIN, TODAY)
    before = contents(store)
    for change in (
        f"DELETE FROM {table}",
        f"DELETE FROM {table} WHERE NOT coalesce({OF_DEMO[table]}, false)",
        f"UPDATE {table} SET model = 'another' WHERE {OF_DEMO[table]}",
    ):
        with pytest.raises(IntegrityError, match="append-only"):
            run(store, change)
    assert contents(store) == before
    run(store, f"DELETE FROM {table} WHERE {OF_DEMO[table]}")
    assert contents(store)[table] == real


def run(store: Store, statement: str) -> None:
    store.write(lambda connection: connection.execute(text(statement)).close()).result()


def test_e3_demo_agents_cannot_be_asked_nor_made_to_answer(store: Store, demo: DemoMonth) -> None:
    demo.load(ADMIN, TODAY)
    agents = Agents(store)
    assert agents.active() == []
    for agent in agents.list(ADMIN, include_inactive=True):
        assert agent.demo
        with pytest.raises(InputError, match="cannot be asked"):
            agents.set_active(ADMIN, agent.id, True)
    assert agents.active() == []
    assert {row["provenance"] for row in rows(store, TaskTrace)} == {"demo"}
