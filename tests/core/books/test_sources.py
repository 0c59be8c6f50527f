"""A trace that ran elsewhere comes into the books through their door, and from there to every page, file and budget."""

import csv
import io
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.exc import IntegrityError

from core.analytics.choice import Choice
from core.analytics.costs import Costs
from core.analytics.filters import TraceFilter
from core.analytics.rollups.check import differences
from core.analytics.rollups.refresh import refresh
from core.analytics.rollups.state import empty_tables
from core.analytics.traces import Traces
from core.books.books import Books
from core.books.settling import LiveCall, settle
from core.books.values import Ended, FinishedRun, ModelCall, ModelCallEnd, Run, RunEnd, ToolCall, ToolCallEnd, Trace
from core.budgets.budgets import Budgets
from core.clock import new_id
from core.errors import NotFound
from core.provider.passage import Passage
from core.store.budgets import Budget
from core.store.database import Store, open_store
from core.store.rollups import UNASSIGNED
from core.store.tables import LedgerLine, TaskTrace, TraceSession, TraceSpan
from tests.core.access.conftest import at_once
from tests.core.books.histories import AT, BOOK, MODEL, a_reply
from tests.core.books.in_store import completed, finished, opened, recovered, rows
from tests.core.books.processes import Processes
from tests.core.budgets.test_holding import UTC_ZONE, a_budget, assert_true_to_the_ledger
from tests.core.exports.ledgers import exported
from tests.core.rows import ADMIN, Rows

ZONE = ZoneInfo("UTC")
CHOICE = Choice(ZONE, date(2026, 11, 1), date(2026, 11, 30))
USAGE = {"input_tokens": 1_000, "output_tokens": 50}
COST = 5_000_000
"""Of one of its model calls, in nano-dollars."""


class Elsewhere:
    """A source that tells of finished traces, of nobody here unless told so, with times and request ids of its own."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def tell(self, trace: Trace, calls: int = 1, request_id: str = "req_theirs") -> bool:
        run = Run(new_id(), trace.id, trace.started_at, trace.model, trace.started_at, "claude-code", trace.agent_id)
        ends = [self._call(run, number, f"{request_id}_{number}") for number in range(calls)]
        over = Ended("completed", ends[-1].ended.at, 3_000 * calls, 400)
        tool = ToolCall(new_id(), "toolu_1", "bash", '{"command": "ls"}', 1, trace.started_at)
        end = RunEnd(run.id, over, ends[-1], (ToolCallEnd(tool, replace(over, first_token_ms=None), "a.txt", 5),))
        return self._books.record(trace, [FinishedRun(run, end, tuple(ends[:-1]))], over)

    def _call(self, run: Run, number: int, request_id: str) -> ModelCallEnd:
        at, passage = run.started_at + timedelta(seconds=3 * number), Passage()
        passage.sent_at = passage.answered_at = at
        call = ModelCall(new_id(), run.trace_id, run.id, run.model, at, iteration=number + 1)
        reply = a_reply("Much.", USAGE)
        reply.request_id = request_id
        return settle(BOOK, LiveCall(call, reply, 400, passage), Ended("completed", at + timedelta(seconds=3), 3_000))


def a_trace(**known: Any) -> Trace:
    return replace(Trace(new_id(), AT, "gateway", MODEL, "Which files are there?"), **known)


@pytest.fixture
def books(store: Store, tmp_path: Path) -> Books:
    return Processes(store, tmp_path).one()


def refreshed(store: Store) -> None:
    store.write(lambda connection: empty_tables(connection, ZONE)).result()
    while refresh(store, ZONE, AT + timedelta(days=9)):
        pass


def test_a_foreign_trace_is_booked_once_and_whole(store: Store, books: Books) -> None:
    trace = a_trace()
    assert [Elsewhere(books).tell(trace, calls=3) for _ in range(2)] == [True, False]
    (row,) = rows(store, TaskTrace)
    assert (row["source"], row["status"], row["cost_nanos"], row["cost_basis"]) == (
        "gateway",
        "completed",
        3 * COST,
        "computed",
    )
    assert {row[name] for name in ("owner_id", "master_agent_id", "conversation_id", "instance_id")} == {None}
    assert (row["started_at"], row["ended_at"]) == (AT, AT + timedelta(seconds=9))
    (run,) = rows(store, TraceSession)
    spans = rows(store, TraceSpan)
    assert (run["cost_nanos"], len(spans), {span["status"] for span in spans}) == (3 * COST, 4, {"success"})
    lines = rows(store, LedgerLine)
    assert (len(lines), sum(line["amount_nanos"] for line in lines)) == (6, 3 * COST)
    assert {line["billed_at"] for line in lines} == {AT + timedelta(seconds=3 * number) for number in range(3)}


def test_of_many_who_tell_the_same_trace_at_once_one_does(store: Store, tmp_path: Path) -> None:
    """Each through a process of its own on the one database."""
    others, trace = [open_store(store.url) for _ in range(3)], a_trace()
    processes = Processes(store, tmp_path)
    tellers = [Elsewhere(processes.one(each)) for each in (store, *others)]
    try:
        told = at_once([partial(each.tell, trace, 2) for each in tellers])
    finally:
        for each in others:
            each.close()
    assert sorted(map(str, told)) == ["False", "False", "False", "True"]
    assert sum(line["amount_nanos"] for line in rows(store, LedgerLine)) == 2 * COST
    assert len(rows(store, TraceSession)) == 1


def test_a_trace_of_a_person_who_is_not_there_is_refused_and_leaves_nothing(store: Store, books: Books) -> None:
    with pytest.raises(IntegrityError):
        Elsewhere(books).tell(a_trace(owner_id="nobody"))
    assert (rows(store, TaskTrace), rows(store, LedgerLine)) == ([], [])


@pytest.mark.parametrize("tables", ["fresh", "filled"])
def test_a_foreign_trace_is_on_costs_beside_ours(store: Store, ids: tuple[str, str], books: Books, tables: str) -> None:
    finished(store, completed(opened(store, ids)))
    Elsewhere(books).tell(a_trace(), calls=2)
    Elsewhere(books).tell(a_trace(owner_id=ids[0]))
    if tables == "filled":
        refreshed(store)
        assert list(differences(store)) == []
    costs = Costs(store)
    names = costs.names(ADMIN)
    assert costs.total(ADMIN, CHOICE).spend == 4 * COST
    view = costs.view(ADMIN, CHOICE, names, AT + timedelta(days=1))
    assert (view.total.traces, view.total.conversations) == (3, 1)
    by_person = {part.id: part.spend.spend for part in costs.parts(ADMIN, CHOICE, "person", names)}
    by_agent = {part.id: part.spend.spend for part in costs.parts(ADMIN, CHOICE, "agent", names)}
    assert by_person == {ids[0]: 2 * COST, UNASSIGNED: 2 * COST}
    assert by_agent == {ids[1]: COST, UNASSIGNED: 3 * COST}
    assert (names.of("agent", UNASSIGNED), names.of("person", UNASSIGNED)) == ("No agent", "No person")
    for chosen, due in (
        ({"agents": (UNASSIGNED,)}, 3 * COST),
        ({"people": (UNASSIGNED,)}, 2 * COST),
        ({"agents": (UNASSIGNED, ids[1])}, 4 * COST),
        ({"agents": (UNASSIGNED,), "people": (ids[0],)}, COST),
    ):
        narrowed = replace(CHOICE, **chosen)
        assert costs.total(ADMIN, narrowed).spend == due
        assert costs.view(ADMIN, narrowed, names, AT + timedelta(days=1)).total.spend == due


def test_a_foreign_trace_is_found_and_opened_on_traces(store: Store, ids: tuple[str, str], books: Books) -> None:
    ours, theirs, traces = opened(store, ids), a_trace(), Traces(store)
    finished(store, completed(ours))
    Elsewhere(books).tell(theirs)
    assert {row.id for row in traces.page(ADMIN)} == {ours.trace.id, theirs.id}
    for text in ("files", "req_theirs_0", theirs.id):
        for agents in ((), (UNASSIGNED,), (UNASSIGNED, ids[1])):
            assert [row.id for row in traces.page(ADMIN, TraceFilter(agents=agents, text=text))] == [theirs.id]
    assert [row.id for row in traces.page(ADMIN, TraceFilter(people=(UNASSIGNED,), text="files"))] == [theirs.id]
    detail = traces.detail(ADMIN, theirs.id)
    assert (detail.trace.agent_name, detail.trace.person, detail.trace.conversation_id) == (
        "No agent",
        "No person",
        None,
    )
    assert [each.agent_name for each in detail.sessions] == ["No agent"]
    assert all(each.adds_up for each in detail.sums())
    assert not detail.deleted


def test_a_foreign_trace_of_nobody_is_for_those_alone_who_may_see_everything(store: Store, books: Books) -> None:
    theirs, mine, traces = a_trace(), Rows(store).person("Ada"), Traces(store)
    Elsewhere(books).tell(theirs)
    by = replace(ADMIN, id=mine, role="operator")
    assert traces.page(by) == []
    with pytest.raises(NotFound):
        traces.detail(by, theirs.id)
    assert Costs(store).total(by, CHOICE).spend == 0
    assert UNASSIGNED not in Costs(store).names(by).person
    assert Elsewhere(books).tell(own := a_trace(owner_id=mine))
    assert [row.id for row in traces.page(by)] == [own.id]


@pytest.mark.parametrize("agents", [(), (UNASSIGNED,), (UNASSIGNED, "nobody")])
def test_a_foreign_trace_is_in_both_files_with_its_request_id(
    store: Store, books: Books, agents: tuple[str, ...]
) -> None:
    trace = a_trace()
    Elsewhere(books).tell(trace)
    chosen = TraceFilter(agents=agents)
    [whole] = csv.DictReader(io.StringIO(exported(store, "traces", chosen).decode()))
    assert (whole["trace_id"], whole["source"], whole["cost_usd"]) == (trace.id, "gateway", "0.005000000")
    assert [whole[name] for name in ("person", "agent", "person_id", "agent_id", "conversation_id")] == [""] * 5
    lines = [*csv.DictReader(io.StringIO(exported(store, "ledger", chosen).decode()))]
    assert {(line["trace_id"], line["request_id"], line["agent"]) for line in lines} == {(trace.id, "req_theirs_0", "")}
    assert len(lines) == 2


def test_a_foreign_trace_counts_in_budgets_and_is_never_refused(
    store: Store, ids: tuple[str, str], books: Books
) -> None:
    for scope in ("organisation", "person", "agent"):
        a_budget(store, ids, scope, limit=1)
    Elsewhere(books).tell(a_trace(), calls=2)
    Elsewhere(books).tell(a_trace(owner_id=ids[0]))
    assert {row["scope"]: row["spent_nanos"] for row in rows(store, Budget)} == {
        "organisation": 3 * COST,
        "person": COST,
        "agent": 0,
    }
    assert_true_to_the_ledger(store)
    assert all(not view.reserved for view in Budgets(store, UTC_ZONE).list(ADMIN))


def test_recovery_leaves_alone_what_does_not_run_here(store: Store, ids: tuple[str, str], books: Books) -> None:
    """Also one that its source has told of before its end, so that it is running for all that is known."""
    running = opened(store, ids, instance_id=None, source="otlp")
    assert recovered(store) == 0
    books.take_over()
    (row,) = rows(store, TaskTrace, id=running.trace.id)
    assert (row["status"], row["instance_id"], row["heartbeat_at"]) == ("running", None, None)
    finished(store, completed(running))
    assert rows(store, TaskTrace, id=running.trace.id)[0]["status"] == "completed"
