"""What goes into a request, and what does not fit."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.agent.context import Persona, Said, build_request, estimate_prompt
from core.errors import ContextTooLong

MODEL = "claude-opus-5-5"
PERSONA = Persona(MODEL, "You answer briefly.", 1_000, thinking=True)
MARK = {"type": "ephemeral"}


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def said(role: str, *blocks: dict[str, Any], **more: Any) -> Said:
    return Said(role, blocks, **more)


def test_the_whole_conversation_is_sent_in_order_with_the_new_message_last() -> None:
    history = [said("user", text("one")), said("assistant", text("two"))]
    request = build_request(PERSONA, history, "three")
    assert [message["role"] for message in request.messages] == ["user", "assistant", "user"]
    assert [message["content"][0]["text"] for message in request.messages] == ["one", "two", "three"]


def test_the_system_prompt_the_history_and_the_new_message_are_marked_for_caching() -> None:
    request = build_request(PERSONA, [said("user", text("one")), said("assistant", text("two"))], "three")
    assert request.system == [{"type": "text", "text": "You answer briefly.", "cache_control": MARK}]
    assert [message["content"][-1].get("cache_control") for message in request.messages] == [None, MARK, MARK]


def test_marking_leaves_the_stored_blocks_alone() -> None:
    block = text("two")
    build_request(PERSONA, [said("user", text("one")), said("assistant", block)], "three")
    assert block == {"type": "text", "text": "two"}


def test_an_empty_system_prompt_is_left_out() -> None:
    assert build_request(Persona(MODEL, "  ", 1_000, thinking=False), [], "hello").system == []


THINKING = {"type": "thinking", "thinking": "hm", "signature": "sig"}


def test_thinking_goes_back_unchanged_to_the_model_that_had_it() -> None:
    history = [said("user", text("one")), said("assistant", THINKING, text("two"), model=MODEL)]
    assert build_request(PERSONA, history, "three").messages[1]["content"][0] == THINKING


@pytest.mark.parametrize(
    ("persona", "model", "partial"),
    [
        (PERSONA, "claude-sonnet-5-5", False),
        (Persona(MODEL, "", 1_000, thinking=False), MODEL, False),
        (PERSONA, MODEL, True),
    ],
    ids=["another model's", "thinking switched off", "cut short"],
)
def test_thinking_that_would_be_refused_is_left_out(persona: Persona, model: str, partial: bool) -> None:
    history = [said("user", text("one")), said("assistant", THINKING, text("two"), model=model, partial=partial)]
    kinds = [block["type"] for block in build_request(persona, history, "three").messages[1]["content"]]
    assert kinds == ["text"]


def test_an_answer_without_text_is_left_out() -> None:
    history = [said("user", text("one")), said("assistant", text("  "), partial=True)]
    assert [message["role"] for message in build_request(PERSONA, history, "again").messages] == ["user", "user"]


def test_what_the_provider_counted_is_not_estimated_again() -> None:
    history = [said("user", text("x" * 9_000)), said("assistant", text("y" * 9_000), tokens=5_000)]
    assert estimate_prompt(PERSONA, history, "") == 5_000
    assert estimate_prompt(PERSONA, history, "z" * 36) == 5_010


def test_a_conversation_that_cannot_fit_says_so_with_both_sizes() -> None:
    history = [said("user", text("one")), said("assistant", text("two"), tokens=999_900)]
    with pytest.raises(ContextTooLong, match=r"about 999,9\d\d tokens.*at most 1,000,000.*Nothing was sent"):
        build_request(PERSONA, history, "three")


def test_the_answer_gets_only_the_room_there_is() -> None:
    history = [said("user", text("one")), said("assistant", text("two"), tokens=999_500)]
    request = build_request(PERSONA, history, "abc")
    assert request.max_tokens == 1_000_000 - 999_501


@given(st.lists(st.text(max_size=40), max_size=6), st.text(min_size=1, max_size=40))
def test_no_empty_block_is_ever_sent(texts: list[str], last: str) -> None:
    history = [said("user" if place % 2 == 0 else "assistant", text(words)) for place, words in enumerate(texts)]
    request = build_request(PERSONA, history, last)
    sent = [block["text"] for message in request.messages for block in message["content"]]
    assert sent == [words for words in texts if words.strip()] + [last]
