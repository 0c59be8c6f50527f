"""What a transcript says of tools, and whose consent a turn waits for, read from the books by any process."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.access.roles import Person
from core.store.database import Store
from tests.core.agent.toolkit import asks, says
from tests.core.chat.conftest import ended
from tests.core.chat.test_approvals import waiting
from tests.core.chat.tooling import Workshop, workshop


@pytest.fixture
def shop(store: Store, tmp_path: Path) -> Iterator[Workshop]:
    shop = workshop(store, tmp_path, [], ask_first=("echo",))
    yield shop
    shop.services.close()


def test_a_call_that_waits_is_found_and_its_decision_is_kept(shop: Workshop) -> None:
    services, me = shop.services, shop.services.me
    shop.script.give(asks(("a", "echo", {"say": "Hi"}), ("b", "slow", {})), says("Done."))
    [request] = waiting(turn := shop.send())
    [pending] = services.approvals.pending(me, turn.id)
    assert (pending.span_id, pending.tool_name, json.loads(pending.given)) == (request.span_id, "echo", {"say": "Hi"})
    assert pending.expires_at == request.expires_at
    assert services.approvals.pending(Person("other", "Eve", "admin"), turn.id) == []
    [listed] = services.conversations.list(me)
    assert (listed.running, listed.waiting) == (True, True)
    assert shop.answer(turn).tools["a"].status == "running"
    services.approvals.decide(me, request.span_id, approved=False, reason="Not now.")
    ended(turn)
    assert services.approvals.pending(me, turn.id) == []
    assert not services.conversations.get(me, turn.conversation_id).waiting
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


def test_an_agent_that_was_asked_is_named_and_its_own_tools_are_not_the_answer_s(shop: Workshop) -> None:
    shop.change(delegates=(shop.helper(tools=("slow",)),))
    shop.script.give(
        asks(("a", "ask_Helper", {"task": "Help."})), asks(("b", "slow", {})), says("Helped."), says("Done.")
    )
    ended(turn := shop.send())
    assert {call: run.asked_agent for call, run in shop.answer(turn).tools.items()} == {"a": "Helper"}
