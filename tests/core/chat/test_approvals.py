"""Tools that run only with somebody's consent: asked, answered, in time or not, and written down."""

import time
from typing import Any

import pytest

from core.access.roles import Person
from core.chat.turn import Turn
from core.errors import InputError, NotFound
from core.events import ApprovalDecided, ApprovalRequested, ToolProgress
from core.store.database import Store
from core.store.tables import TraceSpan
from core.store.tool_tables import ToolApproval
from tests.core.agent.toolkit import asks, results, says
from tests.core.books.in_store import rows
from tests.core.chat.conftest import ended, events_of
from tests.core.chat.tooling import Open, Workshop, assert_adds_up, assert_whole

CALL = ("a", "echo", {"say": "Hi"})


def waiting(turn: Turn, n: int = 1) -> list[ApprovalRequested]:
    asked: list[ApprovalRequested] = []
    after = 0
    while len(asked) < n:
        for logged in turn.get(after, 5):
            after = logged.sequence
            if isinstance(logged.event, ApprovalRequested):
                asked.append(logged.event)
    return asked


def decide(shop: Workshop, asked: ApprovalRequested, **decision: Any) -> None:
    shop.services.approvals.decide(shop.services.me, asked.span_id, **decision)


@pytest.mark.parametrize(
    ("approved", "reason", "result"),
    [(True, "", "Hi for "), (False, "Not now.", "Local admin did not allow this call. Not now.")],
)
def test_a_call_waits_for_consent(store: Store, work: Open, approved: bool, reason: str, result: str) -> None:
    shop = work(asks(CALL), says("Done."), ask_first=("echo",))
    turn = shop.send()
    [asked] = waiting(turn)
    assert (asked.name, asked.input) == ("echo", {"say": "Hi"})
    assert len(shop.script.requests) == 1
    time.sleep(0.05)
    decide(shop, asked, approved=approved, reason=reason)
    assert ended(turn).status == "completed"
    [given] = results(shop.script.messages[1][-1])
    assert (given["content"].startswith(result), given.get("is_error", False)) == (True, not approved)
    decided = ApprovalDecided("a", "approved" if approved else "denied", "Local admin", reason)
    assert decided in events_of(turn)
    [span] = rows(store, TraceSpan, task_trace_id=turn.id, kind="tool")
    assert 50 <= span["waited_ms"] <= span["duration_ms"]
    [kept] = rows(store, ToolApproval)
    assert (kept["span_id"], kept["tool_name"], kept["decision"]) == (span["id"], "echo", decided.decision)
    assert (kept["decided_by"], kept["reason"]) == (shop.services.me.id, reason)
    assert_whole(store, turn)
    assert_adds_up(store, turn)
    shop.services.conversations.delete(shop.services.me, turn.conversation_id)
    assert [row["reason"] for row in rows(store, ToolApproval)] == [""]


def test_without_an_answer_in_time_it_is_not_made(store: Store, work: Open) -> None:
    shop = work(asks(CALL, ("b", "slow", {})), says("Done."), ask_first=("echo",), consent_seconds=0.1)
    turn = shop.send()
    [asked] = waiting(turn)
    assert ended(turn).status == "completed"
    assert [event.decision for event in events_of(turn) if isinstance(event, ApprovalDecided)] == ["expired"]
    assert [row["status"] for row in rows(store, TraceSpan, tool_name="slow")] == ["success"], "others need not wait"
    with pytest.raises(InputError, match="nothing is left to decide"):
        decide(shop, asked, approved=True)


def test_waiting_does_not_count_as_unwatched_even_once_it_is_over(work: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = work(asks(CALL), says("Done."), ask_first=("echo",))
    turn = shop.send()
    [asked] = waiting(turn)
    monkeypatch.setattr(turn.log, "_last_read", time.monotonic() - 1_000)
    assert turn.unwatched_seconds() < 100
    decide(shop, asked, approved=True)
    assert turn.unwatched_seconds() < 100
    assert ended(turn).status == "completed"


def test_calls_wait_on_their_own(store: Store, work: Open) -> None:
    shop = work(asks(CALL, ("b", "slow", {})), says("Done."), ask_first=("echo", "slow"))
    turn = shop.send()
    first, second = waiting(turn, 2)
    decide(shop, second, approved=True)
    decide(shop, first, approved=False)
    assert ended(turn).status == "completed"
    assert [given.get("is_error", False) for given in results(shop.script.messages[1][-1])] == [
        name == first.name for name in ("echo", "slow")
    ]


def test_only_who_asked_decides_and_only_once(store: Store, work: Open) -> None:
    shop = work(asks(CALL), says("Done."), ask_first=("echo",))
    turn = shop.send()
    [asked] = waiting(turn)
    stranger = Person("stranger", "Stranger", "admin")
    for person, span in [(stranger, asked.span_id), (shop.services.me, "nothing"), (shop.services.me, "\0")]:
        with pytest.raises(NotFound):
            shop.services.approvals.decide(person, span, approved=True)
    with pytest.raises(InputError, match="at most 1,000"):
        decide(shop, asked, approved=False, reason="x" * 1_001)
    decide(shop, asked, approved=True)
    with pytest.raises(InputError, match=r"already|nothing is left"):
        decide(shop, asked, approved=False)
    assert ended(turn).status == "completed"
    assert rows(store, ToolApproval)[0]["decision"] == "approved"


def test_nobody_is_asked_about_a_call_that_does_not_fit(store: Store, work: Open) -> None:
    shop = work(asks(("a", "strict", {"say": 7})), says("Done."), ask_first=("strict",))
    assert ended(turn := shop.send()).status == "completed"
    assert rows(store, ToolApproval) == []
    assert [event.status for event in events_of(turn) if isinstance(event, ToolProgress)] == ["executing", "failed"]


def test_a_turn_that_waits_can_be_stopped(store: Store, work: Open) -> None:
    shop = work(asks(CALL), ask_first=("echo",))
    turn = shop.send()
    [asked] = waiting(turn)
    turn.stop()
    assert ended(turn).status == "stopped"
    with pytest.raises(InputError, match="nothing is left to decide"):
        decide(shop, asked, approved=True)
    assert_whole(store, turn)
    assert_adds_up(store, turn)
