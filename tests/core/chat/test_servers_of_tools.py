"""A turn opens before the servers of its tools: readers see them connect, and what was missing stays told (H2)."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.chat.turn import Turn
from core.events import IterationStarted, ServerChanged, TurnStarted, Warned
from core.provider.simulator.scripted import failed
from core.registry.mcp_registry import McpServerDraft
from core.store.budgets import BudgetReservation
from core.store.database import Store
from core.store.tables import TraceSession, TraceSpan
from tests.core.agent.toolkit import asks, says
from tests.core.books.in_store import rows
from tests.core.chat.conftest import ended, events_of
from tests.core.chat.tooling import Open, Workshop, assert_adds_up

GATED = """
import pathlib, runpy, sys, time
while not pathlib.Path(sys.argv[1]).exists():
    time.sleep(0.01)
sys.argv[1:] = sys.argv[2:]
runpy.run_module("tests.core.agent.mcp.wicked", run_name="__main__")
"""


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Path]:
    """The server starts once it is there."""
    yield tmp_path / "open"
    (tmp_path / "open").touch()


Gated = Callable[..., Workshop]


@pytest.fixture
def gated(work: Open, gate: Path) -> Gated:
    def make(*answers: object, mode: tuple[str, ...] = ()) -> Workshop:
        shop = work(*answers)
        args = ("-c", GATED, str(gate), *mode)
        shop.services.registry.register(
            shop.services.me, McpServerDraft("wicked", "stdio", command=sys.executable, args=args)
        )
        shop.change(tools=("wicked__echo", "echo"))
        return shop

    return make


def heard(turn: Turn, of: type, n: int = 1) -> list[object]:
    """The events up to the n-th of a kind."""
    seen: list[object] = []
    while sum(isinstance(each, of) for each in seen) < n:
        batch = turn.get(len(seen), 30)
        assert batch, "the turn fell silent"
        seen += [logged.event for logged in batch]
    return seen


def test_h2_the_turn_is_there_while_a_server_starts_and_uses_its_tools_then(
    store: Store, gated: Gated, gate: Path
) -> None:
    shop = gated(asks(("a", "wicked__echo", {"text": "Hi"})), says("Done."))
    turn = shop.send()
    first, second = heard(turn, ServerChanged)[:2]
    assert isinstance(first, TurnStarted)
    assert second == ServerChanged("wicked", "connecting")
    assert shop.script.requests == []
    assert [row["status"] for row in rows(store, TraceSession)] == ["running"]
    gate.touch()
    assert ended(turn).status == "completed"
    told = events_of(turn)
    assert told.index(ServerChanged("wicked", "ready")) < next(
        place for place, event in enumerate(told) if isinstance(event, IterationStarted)
    )
    assert {tool["name"] for tool in shop.script.requests[0].json()["tools"]} == {"wicked__echo", "echo"}
    assert_adds_up(store, turn)
    shop.script.give(says("Again."))
    again = shop.send()
    assert ended(again).status == "completed"
    assert not any(isinstance(event, ServerChanged) for event in events_of(again)), "nobody has to wait any more"


def test_h2_what_was_missing_is_told_live_and_stays_on_message_and_trace(
    store: Store, gated: Gated, gate: Path
) -> None:
    gate.touch()
    shop = gated(says("Without it."), mode=("crash_at_start",))
    turn = shop.send()
    assert ended(turn).status == "completed"
    changes = [event for event in events_of(turn) if isinstance(event, ServerChanged)]
    assert [change.condition for change in changes] == ["connecting", "unavailable"]
    [warned] = [event.text for event in events_of(turn) if isinstance(event, Warned)]
    assert warned.startswith("The server wicked is unavailable, so its tools were left out: ")
    assert shop.answer(turn).turn.notes == (warned,)
    assert [row["notes"] for row in rows(store, TraceSession)] == [[warned]]
    assert [session.notes for session in shop.services.traces.detail(shop.services.me, turn.id).sessions] == [(warned,)]
    assert {tool["name"] for tool in shop.script.requests[0].json()["tools"]} == {"echo"}


def test_h2_a_turn_that_waits_for_a_server_can_be_stopped_and_cost_nothing(store: Store, gated: Gated) -> None:
    shop = gated(failed(500, "api_error", "never asked"))
    turn = shop.send()
    heard(turn, ServerChanged)
    turn.stop()
    end = ended(turn)
    assert (end.status, end.total, shop.script.requests) == ("stopped", 0, [])
    assert rows(store, BudgetReservation) == []
    assert_adds_up(store, turn)


def test_h2_the_hold_is_for_the_call_as_it_is_made(store: Store, gated: Gated, gate: Path) -> None:
    shop = gated(says("Done."))
    turn = shop.send()
    heard(turn, ServerChanged)
    [before] = rows(store, TraceSpan)
    gate.touch()
    assert ended(turn).status == "completed"
    [after] = rows(store, TraceSpan)
    assert after["most_nanos"] > before["most_nanos"], "the server's tools are part of the prompt"
