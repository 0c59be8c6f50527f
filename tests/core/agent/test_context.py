"""What goes into a request, and what does not fit."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.agent.context import HistoryMessage, Persona, build_request, estimate_prompt, follow_up
from core.errors import ContextTooLong
from core.estimates import Estimate, estimate
from core.provider.reply import Reply

MODEL = "claude-opus-5-5"
PERSONA = Persona(MODEL, "You answer briefly.", 1_000, thinking=True)
MARK = {"type": "ephemeral"}


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def said(role: str, *blocks: dict[str, Any], **more: Any) -> HistoryMessage:
    return HistoryMessage(role, blocks, **more)


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
    assert estimate_prompt(PERSONA, history, "") == Estimate(5_000, 5_000)
    assert estimate_prompt(PERSONA, history, "z" * 36) == Estimate(5_000, 5_000) + estimate("z" * 36, MODEL)


def test_a_conversation_that_cannot_fit_says_so_with_both_sizes() -> None:
    history = [said("user", text("one")), said("assistant", text("two"), tokens=999_900)]
    with pytest.raises(ContextTooLong, match=r"about 999,9\d\d tokens.*at most 1,000,000.*Nothing was sent"):
        build_request(PERSONA, history, "three")


def test_the_answer_gets_only_the_room_there_is() -> None:
    history = [said("user", text("one")), said("assistant", text("two"), tokens=999_500)]
    request = build_request(PERSONA, history, "abc")
    assert request.max_tokens == 1_000_000 - 999_500 - estimate("abc", MODEL).upper


@given(st.lists(st.text(max_size=40), max_size=6), st.text(min_size=1, max_size=40))
def test_no_empty_block_is_ever_sent(texts: list[str], last: str) -> None:
    history = [said("user" if place % 2 == 0 else "assistant", text(words)) for place, words in enumerate(texts)]
    request = build_request(PERSONA, history, last)
    sent = [block["text"] for message in request.messages for block in message["content"]]
    assert sent == [words for words in texts if words.strip()] + [last]


CALL = {"type": "tool_use", "id": "a", "name": "echo", "input": {"say": "Hi"}}
RESULT = {"type": "tool_result", "tool_use_id": "a", "content": "Hi back"}
ECHO = {"name": "echo", "description": "", "input_schema": {"type": "object"}}
SKILLED = Persona(MODEL, "You answer briefly.", 1_000, thinking=True, tools=[ECHO])


def sent_after(persona: Persona, *blocks: dict[str, Any], **more: Any) -> list[tuple[str, list[str]]]:
    """Role and kinds of blocks of what is sent of one answer."""
    answer = said("assistant", *blocks, **{"model": MODEL, **more})
    request = build_request(persona, [said("user", text("one")), answer], "three")
    return [(each["role"], [block["type"] for block in each["content"]]) for each in request.messages[1:-1]]


def test_an_answer_with_tools_is_sent_as_the_talk_it_was() -> None:
    assert sent_after(SKILLED, THINKING, CALL, RESULT, THINKING, text("two")) == [
        ("assistant", ["thinking", "tool_use"]),
        ("user", ["tool_result"]),
        ("assistant", ["thinking", "text"]),
    ]


def test_of_an_answer_cut_short_all_is_sent_but_what_was_cut() -> None:
    assert sent_after(SKILLED, THINKING, CALL, RESULT, THINKING, text("tw"), partial=True) == [
        ("assistant", ["thinking", "tool_use"]),
        ("user", ["tool_result"]),
        ("assistant", ["text"]),
    ]


def test_a_call_is_never_sent_without_a_result() -> None:
    assert sent_after(SKILLED, THINKING, CALL) == [("assistant", ["thinking", "tool_use"]), ("user", ["tool_result"])]


def test_an_agent_without_tools_is_told_only_the_words() -> None:
    assert sent_after(PERSONA, THINKING, text("Well."), CALL, RESULT, text("two")) == [
        ("assistant", ["text"]),
        ("assistant", ["text"]),
    ]


def test_another_models_thinking_is_left_out_beside_its_calls() -> None:
    assert sent_after(SKILLED, THINKING, CALL, RESULT, text("two"), model="claude-sonnet-5-5") == [
        ("assistant", ["tool_use"]),
        ("user", ["tool_result"]),
        ("assistant", ["text"]),
    ]


def test_tools_and_what_they_gave_count_into_the_prompt() -> None:
    bare, offered = (estimate_prompt(persona, [], "x") for persona in (PERSONA, SKILLED))
    assert offered.central > bare.central
    assert offered.upper > bare.upper + 500
    history = [said("assistant", CALL, {**RESULT, "content": "y" * 36_000})]
    assert estimate_prompt(SKILLED, history, "x").central > 10_000


def a_reply(usage: dict[str, Any]) -> Reply:
    reply = Reply(MODEL, usage)
    reply.begin_block(0, dict(CALL))
    return reply


def test_the_request_that_goes_on_holds_the_reply_and_its_results() -> None:
    request = build_request(SKILLED, [], "one")
    following, prompt = follow_up(request, a_reply({"input_tokens": 400, "output_tokens": 100}), [RESULT])
    assert following.messages[1:] == [
        {"role": "assistant", "content": [CALL]},
        {"role": "user", "content": [{**RESULT, "cache_control": MARK}]},
    ]
    assert (following.tools, following.max_tokens) == ([ECHO], 1_000)
    assert prompt == Estimate(500, 500) + estimate("Hi back", MODEL)


def test_the_request_that_goes_on_has_only_the_room_there_is_or_is_not_sent() -> None:
    request = build_request(SKILLED, [], "one")
    following, _ = follow_up(request, a_reply({"input_tokens": 999_000, "output_tokens": 500}), [RESULT])
    assert following.max_tokens == 1_000_000 - 999_500 - estimate("Hi back", MODEL).upper
    with pytest.raises(ContextTooLong):
        follow_up(request, a_reply({"input_tokens": 999_800, "output_tokens": 1}), [RESULT])


def test_a6_what_must_fit_the_model_is_judged_by_the_upper_bound() -> None:
    history = [said("user", text("one")), said("assistant", text("two"), tokens=900_000)]
    chinese = "今天的天气很好，我们决定去公园散步。" * 4_000
    likely = estimate(chinese, MODEL)
    assert 900_000 + likely.central < 1_000_000 < 900_000 + likely.upper
    with pytest.raises(ContextTooLong, match=f"perhaps {900_000 + likely.upper:,}"):
        build_request(PERSONA, history, chinese)


def test_a4_a_reply_that_reports_no_prompt_goes_on_with_our_estimate_of_it() -> None:
    request = build_request(SKILLED, [], "word " * 1_000)
    for usage in ({}, {"input_tokens": 0, "output_tokens": 0}, {"input_tokens": "?", "output_tokens": 7}):
        _, prompt = follow_up(request, a_reply(usage), [RESULT])
        assert prompt.central > estimate("word " * 1_000, MODEL).central
