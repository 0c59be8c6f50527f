"""Agents that ask other agents: runs of their own within one turn, seen, priced and closed whatever happens."""

from collections.abc import Callable
from typing import Any

import pytest

from core.analytics.filters import TraceFilter
from core.analytics.trace_tree import SessionRow
from core.books.books import Books
from core.chat.turn import Turn
from core.errors import StoreError
from core.events import CostSoFar, Delegated, TextDelta, ToolDetected, ToolProgress, TurnEnded
from core.provider.simulator.scripted import failed
from core.provider.simulator.wire import WireResponse
from core.store.database import Store
from core.store.tables import TaskTrace, TraceSession, TraceSpan
from tests.core.agent.toolkit import asks, results, says
from tests.core.books.in_store import rows
from tests.core.chat.conftest import ended, events_of
from tests.core.chat.tooling import HELPERS_MODEL, Open, Workshop, assert_adds_up

ASK = ("a", "ask_Helper", {"task": "Count the stars."})
MASTERS_CALL = 100 * 4_000 + 20 * 20_000
HELPERS_CALL = 100 * 1_000 + 20 * 5_000


def with_helper(shop: Workshop, **changes: Any) -> Workshop:
    shop.change(delegates=(shop.helper(**changes),))
    return shop


def helped() -> WireResponse:
    return says("Nine.", model=HELPERS_MODEL)


def sessions_of(store: Store, turn: Turn) -> tuple[Any, list[Any]]:
    """The master agent's and the others in the order they began."""
    found = sorted(rows(store, TraceSession, task_trace_id=turn.id), key=lambda row: str(row["id"]))
    [master] = [row for row in found if row["parent_span_id"] is None]
    return master, [row for row in found if row is not master]


def test_another_agent_answers_in_a_run_of_its_own(store: Store, work: Open) -> None:
    shop = with_helper(work(asks(ASK), helped(), says("Nine stars.")))
    events = events_of(turn := shop.send())
    end = ended(turn)
    assert (end.status, end.total, end.basis) == ("completed", 2 * MASTERS_CALL + HELPERS_CALL, "computed")
    assert Delegated("a", "Helper", TextDelta("Nine.")) in events
    assert TextDelta("Nine.") not in events
    assert all(event.total for event in events if isinstance(event, CostSoFar))
    master, [child] = sessions_of(store, turn)
    [asked] = rows(store, TraceSpan, task_trace_id=turn.id, kind="tool")
    assert (child["parent_span_id"], child["status"], child["model"]) == (asked["id"], "success", HELPERS_MODEL)
    assert (child["cost_nanos"], master["cost_nanos"]) == (HELPERS_CALL, 2 * MASTERS_CALL)
    assert asked["output"] == "Nine."
    assert shop.answer(turn).text == "Nine stars."
    assert [message["role"] for message in shop.script.messages[1]] == ["user"], "it sees nothing but its task"
    assert results(shop.script.messages[2][-1])[0]["content"] == "Nine."
    assert_adds_up(store, turn)


@pytest.mark.each_database
def test_its_trace_is_a_tree_and_is_found_by_either_agent_and_model(store: Store, work: Open) -> None:
    shop = with_helper(work(asks(ASK), helped(), says("Nine stars.")))
    ended(turn := shop.send())
    traces, me = shop.services.traces, shop.services.me
    detail = traces.detail(me, turn.id)
    assert [(place.depth, isinstance(place.of, SessionRow)) for place in detail.tree] == [
        *((1, True), (2, False), (2, False)),
        *((3, True), (4, False)),
        (2, False),
    ]
    assert all(each.adds_up for each in detail.sums())
    _, [child] = sessions_of(store, turn)
    for found in (TraceFilter(agents=(child["agent_id"],), text="go"), TraceFilter(models=(HELPERS_MODEL,))):
        assert [row.id for row in traces.page(me, found)] == [turn.id]
    assert traces.page(me, TraceFilter(agents=(shop.agent_id,), models=(HELPERS_MODEL,))) == []


def test_who_was_asked_may_use_tools_and_ask_further_but_never_in_a_circle(store: Store, work: Open) -> None:
    further = ("b", "ask_Third", {"task": "Look."})
    answers = [asks(ASK), asks(further), asks(("c", "echo", {"say": "Hi"})), says("Seen."), says("So."), says("Done.")]
    shop = work(*answers)
    third = shop.helper("Third", tools=("echo",))
    helper = shop.helper(delegates=(third, shop.agent_id))
    shop.services.agents.edit(shop.services.me, third, shop.draft(third, delegates=(helper, shop.agent_id)))
    shop.change(delegates=(helper,))
    events = events_of(turn := shop.send())
    assert ended(turn).status == "completed"
    seen = Delegated("a", "Helper", Delegated("b", "Third", ToolDetected("c", "echo", {"say": "Hi"})))
    assert seen in events
    offered = [[tool["name"] for tool in request.json().get("tools", [])] for request in shop.script.requests]
    assert offered[1] == ["ask_Third"]
    assert offered[2] == ["echo"]
    _, others = sessions_of(store, turn)
    assert len(others) == 2
    assert_adds_up(store, turn)


def test_what_fails_there_is_told_and_the_turn_goes_on(store: Store, work: Open) -> None:
    shop = with_helper(work(asks(ASK), failed(400, "invalid_request_error", "No."), says("Then not.")))
    events = events_of(turn := shop.send())
    assert ended(turn).status == "completed"
    assert [event.status for event in events if isinstance(event, ToolProgress)] == ["executing", "failed"]
    _, [child] = sessions_of(store, turn)
    assert (child["status"], child["cost_nanos"]) == ("failed", 0)
    assert results(shop.script.messages[2][-1])[0]["is_error"]
    assert_adds_up(store, turn)


@pytest.mark.parametrize(
    ("changes", "limits"),
    [({}, {"max_cost_nanos": MASTERS_CALL + 1}), ({"max_iterations": 1}, {})],
    ids=["of whoever asked", "of its own"],
)
def test_a_limit_ends_the_other_run_with_what_there_is(
    store: Store, work: Open, changes: dict[str, Any], limits: dict[str, Any]
) -> None:
    answers = [asks(ASK), asks(("b", "echo", {}), text="So far."), says("Done.")]
    shop = with_helper(work(*answers, **limits), tools=("echo",), **changes)
    end = ended(turn := shop.send())
    assert end.status == ("stopped" if limits else "completed")
    _, [child] = sessions_of(store, turn)
    assert (child["status"], child["error_type"]) == ("stopped", "cost_limit" if limits else "iteration_limit")
    [asked] = [row for row in rows(store, TraceSpan, task_trace_id=turn.id) if row["tool_name"] == "ask_Helper"]
    assert asked["output"].startswith("So far.\n\n[Helper was cut short.")
    assert_adds_up(store, turn)


def test_stopping_stops_all_runs(store: Store, work: Open) -> None:
    shop = with_helper(work(asks(ASK), asks(("b", "stuck", {}), model=HELPERS_MODEL)), tools=("stuck",))
    turn = shop.send()
    watch(turn, lambda event: isinstance(event, Delegated) and isinstance(event.event, ToolProgress))
    turn.stop()
    end = ended(turn)
    assert (end.status, end.total) == ("stopped", MASTERS_CALL + 100 * 1_000 + 20 * 5_000)
    master, [child] = sessions_of(store, turn)
    assert (master["status"], child["status"]) == ("stopped", "stopped")
    assert_adds_up(store, turn)


def watch(turn: Turn, wanted: Callable[[Any], bool]) -> None:
    after = 0
    while True:
        for logged in turn.get(after, 5):
            after = logged.sequence
            assert not isinstance(logged.event, TurnEnded)
            if wanted(logged.event):
                return


@pytest.mark.parametrize("step", ["open_run", "close_run"])
@pytest.mark.parametrize("committed", [False, True], ids=["refused", "committed but not said"])
def test_a_database_that_fails_there_costs_nothing_but_the_step(
    store: Store, work: Open, monkeypatch: pytest.MonkeyPatch, step: str, committed: bool
) -> None:
    asked = step == "close_run"
    shop = with_helper(work(asks(ASK), *([helped()] if asked else []), says("Done.")))
    write = getattr(Books, step)

    async def fail(self: Books, *args: Any) -> None:
        if committed:
            await write(self, *args)
        raise StoreError("The database is away.")

    monkeypatch.setattr(Books, step, fail)
    end = ended(turn := shop.send())
    assert (end.status, end.total) == ("completed", 2 * MASTERS_CALL + asked * HELPERS_CALL)
    [trace] = rows(store, TaskTrace, id=turn.id)
    assert trace["cost_nanos"] == end.total
    assert_adds_up(store, turn)


def test_several_are_asked_at_once(store: Store, work: Open) -> None:
    both = [("a", "ask_Helper", {"task": "One."}), ("b", "ask_Helper", {"task": "Two."})]
    shop = with_helper(work(asks(*both), helped(), helped(), says("Done.")))
    end = ended(turn := shop.send())
    assert end.total == 2 * MASTERS_CALL + 2 * HELPERS_CALL
    _, children = sessions_of(store, turn)
    assert len({row["parent_span_id"] for row in children}) == 2
    assert_adds_up(store, turn)
