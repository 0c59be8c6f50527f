"""Limits hold for the whole answer, over everything it starts: models, tools, other agents; consent waits apart."""

import pytest

from core.agent import limits
from core.chat import delegation
from core.chat.turn_clock import TurnClock
from core.events import ApprovalRequested
from core.provider.simulator.wire import WireResponse
from core.store.database import Store
from core.store.tables import TraceSession, TraceSpan
from tests.core.agent.toolkit import asks, says
from tests.core.books.in_store import rows
from tests.core.chat.conftest import ended
from tests.core.chat.test_delegation import ASK, helped, with_helper
from tests.core.chat.tooling import Open, assert_adds_up

STUCK = asks(("a", "stuck", {}))


def hanging() -> WireResponse:
    return WireResponse(None, end="hang")


@pytest.mark.parametrize("place", ["a tool", "the second call", "another agent", "its tool"])
def test_c9_the_time_of_an_answer_holds_over_all_that_it_starts(store: Store, work: Open, place: str) -> None:
    answers = {
        "a tool": [STUCK],
        "the second call": [asks(("a", "slow", {"seconds": 0.2})), hanging()],
        "another agent": [asks(ASK), hanging()],
        "its tool": [asks(ASK), STUCK],
    }[place]
    shop = work(*answers, turn_seconds=0.6)
    with_helper(shop, tools=("stuck",))
    end = ended(turn := shop.send(), 20)
    assert (end.status, end.error_type) == ("failed", "turn_timeout")
    assert end.duration_ms < 5_000
    assert "TURN_SECONDS" in (end.error_text or "")
    assert_adds_up(store, turn)


def test_c9_waiting_for_consent_takes_nothing_of_that_time(store: Store, work: Open) -> None:
    shop = work(asks(("a", "echo", {"say": "x"})), says("Well."), turn_seconds=1.5)
    shop.change(ask_first=("echo",))
    turn = shop.send()
    span = asked_for(turn)
    turn.log.get(10_000, 2.0)
    shop.services.approvals.decide(shop.services.me, span, approved=True)
    assert ended(turn).status == "completed"


def asked_for(turn) -> str:  # type: ignore[no-untyped-def]
    seen = 0
    while batch := turn.get(seen, 10):
        seen += len(batch)
        for logged in batch:
            if isinstance(logged.event, ApprovalRequested):
                return logged.event.span_id
    raise AssertionError("nobody was asked")


def test_c9_one_answer_starts_so_many_runs_whoever_asks_for_them(
    store: Store, work: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delegation, "MOST_RUNS", 2)
    shop = with_helper(
        work(asks(ASK), helped(), asks(ASK), helped(), asks(ASK), says("Enough.")),
    )
    turn = shop.send()
    assert ended(turn).status == "completed"
    assert len(rows(store, TraceSession, task_trace_id=turn.id)) == 3
    outputs = [row["output"] for row in rows(store, TraceSpan, task_trace_id=turn.id, kind="tool")]
    assert any("Other agents were asked 2 times" in str(output) for output in outputs)


def test_c9_one_answer_asks_models_so_often_whichever_agents_do(
    store: Store, work: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MOST_CALLS", 3)
    shop = with_helper(work(asks(ASK), helped(), asks(ASK), says("Never.")))
    end = ended(turn := shop.send())
    assert (end.status, end.error_type) == ("stopped", "call_limit")
    assert len(rows(store, TraceSpan, task_trace_id=turn.id, kind="model_call")) == 3
    assert_adds_up(store, turn)


def test_c9_several_that_wait_at_once_stop_the_clock_once() -> None:
    clock = TurnClock(100)
    with clock.standing_still(), clock.standing_still():
        first = clock.left
        assert clock.left == first
    assert first >= clock.left > 99
