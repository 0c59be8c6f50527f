"""A stopped reply may be read to its end, unseen, so that what it cost is exact; nothing more of it is shown."""

from collections.abc import Callable
from typing import Any

import pytest

from core.books.values import STEP_STATUS
from core.chat.turn import StopReason, Turn
from core.events import Event, TextDelta, TurnEnded
from core.store.tables import LedgerLine, Message, TraceSpan
from core.wiring import Services
from tests.core.books.in_store import rows
from tests.core.chat.conftest import ended, events_of

# Thirty tokens come quickly; after them the reply would go on for as long as it is read.
SLOW = "[[tokens: 60]] [[first: 0]] [[rate: 200]]"
ENDLESS = "[[tokens: 100000]] [[first: 0]] [[rate: 50]]"

Make = Callable[..., Services]


def begun(services: Services, text: str) -> Turn:
    """A turn of which some words have arrived."""
    agent = services.agents.list(services.me)[0]
    turn = services.turns.send(owner=services.me, agent_id=agent.id, text=text)
    seen: list[Event] = []
    while not any(isinstance(event, TextDelta) for event in seen):
        batch = turn.get(len(seen), 30)
        assert batch, "the turn fell silent"
        seen += [logged.event for logged in batch]
    return turn


def shown(turn: Turn) -> str:
    return "".join(event.text for event in events_of(turn) if isinstance(event, TextDelta))


def kept(services: Services) -> str:
    return str(rows(services.store, Message, role="assistant")[0]["text"])


def output_lines(services: Services) -> list[tuple[int, bool]]:
    lines = rows(services.store, LedgerLine, unit="output")
    return [(line["quantity"], line["estimated"]) for line in lines]


@pytest.mark.parametrize("reason", ["asked", "unwatched"])
def test_a7_what_is_stopped_is_read_to_its_end_and_costs_what_it_cost(make_services: Make, reason: StopReason) -> None:
    services = make_services(simulator_pace=1, drain_stopped_seconds=60)
    turn = begun(services, SLOW)
    turn.halt(reason)
    turn.halt(reason)  # as a second click, or the engine's next look
    end = ended(turn)
    assert (end.status, end.basis, end.stop_reason) == ("stopped", "computed", "end_turn")
    assert end.usage.output >= 60
    assert output_lines(services) == [(end.usage.output, False)]
    assert len(shown(turn).split()) < 60
    assert kept(services) == shown(turn)
    assert rows(services.store, TraceSpan)[0]["status"] == STEP_STATUS["stopped"]
    if reason == "asked":
        assert end.error_text is not None
        assert "for its exact cost" in end.error_text


def test_a7_what_does_not_end_in_time_is_hung_up_on_and_estimated(make_services: Make) -> None:
    services = make_services(simulator_pace=1, drain_stopped_seconds=0.3)
    turn = begun(services, ENDLESS)
    turn.stop()
    end = ended(turn)
    assert (end.status, end.error_type, end.basis) == ("stopped", "stopped", "estimated")
    assert kept(services) == shown(turn)


@pytest.mark.parametrize("reason", ["shutdown", "deactivated", "lost"])
def test_a7_what_must_end_at_once_does_also_while_it_is_read_on(make_services: Make, reason: StopReason) -> None:
    services = make_services(simulator_pace=1, drain_stopped_seconds=600)
    turn = begun(services, ENDLESS)
    turn.stop()
    turn.halt(reason)
    assert ended(turn).status == "stopped"


@pytest.mark.parametrize("changes", [{}, {"drain_stopped_seconds": 600}])
def test_a7_without_a_reply_there_is_nothing_to_read_on(make_services: Make, changes: dict[str, Any]) -> None:
    services = make_services(**changes)
    agent = services.agents.list(services.me)[0]
    turn = services.turns.send(owner=services.me, agent_id=agent.id, text="[[fault: unanswered]]")
    turn.stop()
    end = ended(turn)
    assert isinstance(end, TurnEnded)
    assert (end.status, end.total) == ("stopped", 0)
