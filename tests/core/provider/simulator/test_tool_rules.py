"""Requests with tools that the API would reject."""

from typing import Any

import pytest

from core.provider.simulator.validation import Rejection, check_body
from tests.core.provider.simulator.requests import body

TOOL = {"name": "echo", "description": "", "input_schema": {"type": "object"}}
SEARCH = {"type": "web_search_20250305", "name": "web_search"}
CALL = {"type": "tool_use", "id": "a", "name": "echo", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "a", "content": "ok"}
TEXT = {"type": "text", "text": "And?"}
OPEN = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "s", "content": []}


def talk(*parts: tuple[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    return [{"role": "user", "content": "Go."}, *({"role": role, "content": blocks} for role, blocks in parts)]


def asked(*given: dict[str, Any], calls: int = 1) -> list[dict[str, Any]]:
    return talk(("assistant", [{**CALL, "id": "ab"[place]} for place in range(calls)]), ("user", list(given)))


@pytest.mark.parametrize(
    "messages",
    [
        asked(RESULT),
        asked(RESULT, TEXT),
        asked({**RESULT, "tool_use_id": "b"}, RESULT, calls=2),
        talk(("assistant", [CALL]), ("user", [RESULT]), ("user", [TEXT])),
        talk(("assistant", [TEXT]), ("assistant", [CALL]), ("user", [RESULT])),
        talk(("assistant", [TEXT, OPEN])),
    ],
)
def test_good_talks_pass(messages: list[dict[str, Any]]) -> None:
    check_body(body(messages=messages, tools=[TOOL, SEARCH]))


@pytest.mark.parametrize(
    ("messages", "message"),
    [
        (asked(TEXT), "without `tool_result` blocks immediately after: a"),
        (asked(RESULT, calls=2), "immediately after: b"),
        (asked(TEXT, RESULT), "must come before"),
        (asked(RESULT, RESULT), "single result"),
        (asked(RESULT, {**RESULT, "tool_use_id": "x"}), "unexpected `tool_use_id` found in `tool_result` blocks: x"),
        (talk(("assistant", [TEXT]), ("user", [RESULT])), "unexpected"),
        (talk(("assistant", [CALL, CALL]), ("user", [RESULT])), "ids must be unique"),
        (talk(("assistant", [{**CALL, "input": "x"}]), ("user", [RESULT])), "should be an object"),
        (talk(("assistant", [CALL])), "immediately after: a"),
        (talk(("assistant", [OPEN, FOUND])), "prefill"),
    ],
)
def test_a_call_without_its_one_result_is_rejected(messages: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(Rejection) as raised:
        check_body(body(messages=messages, tools=[TOOL]))
    assert message in raised.value.message


@pytest.mark.parametrize(
    ("tools", "message"),
    [
        ([{**TOOL, "name": "no spaces"}], "tools.0.name"),
        ([TOOL, TOOL], "unique"),
        ([{"name": "echo"}], "tools.0.input_schema"),
        ("echo", "valid list"),
        ([], "must define tools"),
    ],
)
def test_bad_definitions_are_rejected(tools: Any, message: str) -> None:
    with pytest.raises(Rejection) as raised:
        check_body(body(messages=asked(RESULT), tools=tools))
    assert message in raised.value.message
