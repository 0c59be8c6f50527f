"""Answers with tools as messages that the API takes."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from core.provider.blocks import as_messages, open_calls, tool_calls, tool_result, with_every_result
from core.provider.simulator.validation import check_body
from tests.core.provider.simulator.requests import body

TOOLS = [{"name": "echo", "description": "", "input_schema": {"type": "object"}}]


def call(number: int) -> dict[str, Any]:
    return {"type": "tool_use", "id": f"c{number}", "name": "echo", "input": {"n": number}}


@st.composite
def answers(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Rounds of text and calls, of which all have their results but perhaps some of the last."""
    blocks, number = [{"type": "text", "text": "Well."}], 0
    for last in [*[False] * draw(st.integers(0, 3)), True]:
        calls = [call(number + place) for place in range(draw(st.integers(1, 3)))]
        number += len(calls)
        done = draw(st.lists(st.sampled_from(calls), unique_by=id)) if last else calls
        in_order = [each for each in calls if each in done]
        blocks += [*calls, *(tool_result(tool_calls([each])[0], "ok") for each in in_order)]
    return blocks


@given(answers())
def test_any_answer_is_made_fit_to_send_and_loses_nothing(blocks: list[dict[str, Any]]) -> None:
    missing = {each.id for each in open_calls(blocks)}
    whole = with_every_result(blocks, "not run")
    assert open_calls(whole) == []
    assert [block for block in whole if block.get("content") != "not run"] == blocks
    assert {block["tool_use_id"] for block in whole if block.get("is_error")} == missing
    messages = [{"role": "user", "content": "Go."}, *as_messages(whole), {"role": "user", "content": "And?"}]
    check_body(body(messages=messages, tools=TOOLS))


def test_an_answer_without_tools_is_one_message_as_it_stands() -> None:
    blocks = [{"type": "text", "text": "Hello."}]
    assert with_every_result(blocks, "x") == blocks
    assert as_messages(blocks) == [{"role": "assistant", "content": blocks}]
    assert as_messages([]) == []
