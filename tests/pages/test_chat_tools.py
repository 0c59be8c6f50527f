"""Tools on the chat page: what was seen while it was written is what stands there afterwards."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core import wiring
from core.chat.turn import Turn
from core.store.database import Store
from tests.core.agent.toolkit import asks, says
from tests.core.chat.conftest import ended, events_of
from tests.core.chat.test_approvals import waiting
from tests.core.chat.tooling import Workshop, workshop
from tests.pages.parts.live import ScriptedTurn, drawn
from tests.pages.screen import answer, has_button, healthy, open_app, press, words

Open: TypeAlias = Callable[[Turn], AppTest]

EVERY_SECONDS = 2.0
"""How long the page waits before it looks again at what another process writes."""


@pytest.fixture
def shop(sqlite_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workshop]:
    """The services of the page."""
    shop = workshop(sqlite_store, tmp_path, [], ask_first=("slow",))
    monkeypatch.setattr(wiring, "_running", shop.services)
    yield shop
    monkeypatch.undo()
    shop.services.close()


@pytest.fixture
def elsewhere(shop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Opens the page of another process, which looks once instead of again and again."""
    other, sleep = workshop(shop.services.store, tmp_path, []), time.sleep
    monkeypatch.setattr(wiring, "_running", other.services)
    monkeypatch.setattr(time, "sleep", lambda wait: st.stop() if wait == EVERY_SECONDS else sleep(wait))
    yield lambda turn: open_app(conversation=turn.conversation_id)
    other.services.close()


def seen(app: AppTest) -> list[list[str]]:
    """The lines, what is in them, and what is said, without figures."""
    code = [each.value for each in app.code if each.value != "Let me see.\n\nDone."]
    said = [each.value for each in app.markdown if each.value in ("Let me see.", "Hm.", "Done.")]
    return [[each.label for each in app.expander], code, said]


def test_the_transcript_looks_like_the_live_answer_at_its_end(shop: Workshop) -> None:
    calls: tuple[tuple[str, str, Any], ...] = (
        ("a", "echo", {"say": "![x](http://127.0.0.1:9/x.png)"}),
        ("b", "broken", {}),
        ("c", "slow", {}),
    )
    shop.script.give(asks(*calls, text="Let me see.", thought="Hm."), asks(("d", "echo", {})), says("Done."))
    [request] = waiting(turn := shop.send())
    shop.services.approvals.decide(shop.services.me, request.span_id, approved=False, reason="No.")
    live = drawn(ScriptedTurn(*events_of(turn)))
    after = open_app(conversation=turn.conversation_id)
    assert seen(after) == seen(live)
    labels, code, said = seen(after)
    assert [label.split(" · ")[0] for label in labels] == ["Thinking", "**echo**", "**broken**", "**slow**", "**echo**"]
    assert said == ["Hm.", "Let me see.", "Done."]
    assert any("![x]" in each for each in code)
    assert not any("![" in each.value for each in after.markdown)


def test_copy_gives_the_words_alone(shop: Workshop) -> None:
    shop.script.give(asks(("a", "echo", {}), text="Let me see."), says("Done."))
    ended(turn := shop.send())
    app = open_app(conversation=turn.conversation_id)
    assert app.code[-1].value == "Let me see.\n\nDone."


def test_an_answer_cut_short_says_by_what_and_what_to_do(shop: Workshop) -> None:
    shop.change(max_iterations=1)
    shop.script.give(asks(("a", "echo", {}), text="One."))
    ended(turn := shop.send())
    app = open_app(conversation=turn.conversation_id)
    assert "Too many steps" in words(app)
    assert "Ask it to go on, or raise the limit" in words(app)
    assert app.expander[0].label == "**echo** · not run"


def test_an_agent_that_was_asked_leaves_a_way_to_its_steps(shop: Workshop) -> None:
    shop.change(delegates=(shop.helper(),))
    shop.script.give(asks(("a", "ask_Helper", {"task": "Help."})), says("Helped."), says("Done."))
    ended(turn := shop.send())
    [line] = open_app(conversation=turn.conversation_id).expander
    [link] = line.get("page_link")
    assert link.proto.label == "What Helper did, and what it cost"
    assert turn.id in str(link.proto)


def test_an_answer_that_another_process_writes_asks_here_too(shop: Workshop, elsewhere: Open) -> None:
    shop.script.give(asks(("a", "slow", {"seconds": 0}), text="Let me see."), says("Done."))
    waiting(turn := shop.send())
    app = elsewhere(turn)
    assert '{"seconds": 0}' in [each.value for each in app.code]
    assert [each.label for each in app.expander] == ["**slow**"]
    [listed] = [each for each in app.sidebar.button if (each.key or "").startswith("open-")]
    assert listed.proto.icon == ":material/front_hand:"
    press(app, "Approve")
    assert not has_button(app, "Approve")
    ended(turn)
    healthy(app.run())
    assert app.expander[0].label.startswith("**slow** · ")
    assert "Done." in answer(app)


def test_a_decision_that_comes_too_late_is_told(shop: Workshop, elsewhere: Open) -> None:
    shop.script.give(asks(("a", "slow", {})), says("Done."))
    [request] = waiting(turn := shop.send())
    app = elsewhere(turn)
    shop.services.approvals.decide(shop.services.me, request.span_id, approved=True)
    press(app, "Deny")
    assert app.error[0].value.startswith(("This was decided already", "The answer has ended"))
    ended(turn)
