"""What a transcript says of tools, and whose consent a turn waits for, read from the books by any process."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.chat.agents import AgentDraft
from core.chat.people import Person
from core.chat.turn import Turn
from core.errors import InputError, NotFound
from core.events import ApprovalRequested
from core.store.database import Store
from tests.core.agent.toolkit import MODEL, asks, says
from tests.core.chat.conftest import ended
from tests.core.chat.tooling import Workshop, workshop


@pytest.fixture
def shop(store: Store, tmp_path: Path) -> Iterator[Workshop]:
    shop = workshop(store, tmp_path, [], ask_first=("echo",))
    yield shop
    shop.services.close()


def asked_for(turn: Turn) -> ApprovalRequested:
    """Wait until somebody's consent is asked for."""
    seen = 0
    while batch := turn.get(seen, 10):
        seen = batch[-1].sequence
        for logged in batch:
            if isinstance(logged.event, ApprovalRequested):
                return logged.event
    raise AssertionError("nobody was asked")


def test_a_call_that_waits_is_found_and_its_decision_is_kept(shop: Workshop) -> None:
    services, me = shop.services, shop.services.me
    shop.script.give(asks(("a", "echo", {"say": "Hi"}), ("b", "slow", {})), says("Done."))
    request = asked_for(turn := shop.send())
    [pending] = services.approvals.pending(me, turn.id)
    assert (pending.span_id, pending.tool_name, json.loads(pending.given)) == (request.span_id, "echo", {"say": "Hi"})
    assert pending.expires_at == request.expires_at
    assert services.approvals.pending(Person("other", "Eve", "admin"), turn.id) == []
    [listed] = services.conversations.list(me.id)
    assert (listed.running, listed.waiting) == (True, True)
    assert shop.answer(turn).tools["a"].status == "running"
    services.approvals.decide(me, request.span_id, approved=False, reason="Not now.")
    ended(turn)
    assert services.approvals.pending(me, turn.id) == []
    assert not services.conversations.get(me.id, turn.conversation_id).waiting
    tools = shop.answer(turn).tools
    denied = tools["a"]
    assert (denied.status, denied.decision, denied.decided_by, denied.reason) == (
        "failed",
        "denied",
        me.name,
        "Not now.",
    )
    assert 0 < (denied.waited_ms or 0) <= (denied.duration_ms or 0)
    assert (tools["b"].status, tools["b"].decision, tools["b"].size) == ("success", None, 10)


def test_the_second_of_two_decisions_and_a_stranger_s_are_refused(shop: Workshop) -> None:
    approvals, me = shop.services.approvals, shop.services.me
    shop.script.give(asks(("a", "echo", {})), says("Done."))
    span_id = asked_for(turn := shop.send()).span_id
    with pytest.raises(NotFound):
        approvals.decide(Person("other", "Eve", "admin"), span_id, approved=True)
    approvals.decide(me, span_id, approved=True)
    with pytest.raises(InputError, match=r"decided already|has ended"):
        approvals.decide(me, span_id, approved=False)
    ended(turn)
    assert shop.answer(turn).tools["a"].decision == "approved"


def test_an_agent_that_was_asked_is_named_and_its_own_tools_are_not_the_answer_s(shop: Workshop) -> None:
    helper = AgentDraft("Helper", "", MODEL, "", 4_000, False, (), tools=("slow",))
    other = shop.services.agents.create(helper, shop.services.me.id)
    shop.change(delegates=(other.id,))
    shop.script.give(
        asks(("a", "ask_Helper", {"task": "Help."})), asks(("b", "slow", {})), says("Helped."), says("Done.")
    )
    ended(turn := shop.send())
    assert {call: run.asked_agent for call, run in shop.answer(turn).tools.items()} == {"a": "Helper"}
