"""The simulated web search: made when it is offered and wanted, found within the answer, counted at its end."""

from typing import Any

import pytest

from core.provider.simulator.messages_api import Simulator
from core.usage import Usage, fold_usage, read_usage
from tests.core.provider.simulator.requests import body, error, events, wire

SEARCH = {"type": "web_search_20260318", "name": "web_search", "max_uses": 5}
CALL = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "tea"}}
RESULT = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
TEXT = {"type": "text", "text": "Tea."}


def ask(question: str, **fields: Any) -> list[dict[str, Any]]:
    given = {"tools": [SEARCH], **fields}
    return events(Simulator().answer(wire(body(messages=[{"role": "user", "content": question}], **given))))


def blocks(answer: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each["content_block"] for each in answer if each["type"] == "content_block_start"]


def used(answer: list[dict[str, Any]]) -> tuple[Usage, Usage]:
    """At the start, and in the end."""
    start = answer[0]["message"]["usage"]
    return read_usage(start).usage, read_usage(fold_usage(start, answer[-2]["usage"])).usage


@pytest.mark.parametrize(
    "question", ["Search the web for tea", '[[call: web_search {"query": "tea"}]]', "[[call: web_search]] Tea?"]
)
def test_a_wanted_search_finds_pages_and_what_is_read_counts_at_the_end(question: str) -> None:
    answer = ask(question)
    call, result, text = blocks(answer)
    assert (call["type"], result["type"], text["type"]) == ("server_tool_use", "web_search_tool_result", "text")
    assert result["tool_use_id"] == call["id"]
    assert [page["type"] for page in result["content"]] == ["web_search_result"] * 3
    before, after = used(answer)
    assert (before.web_searches, after.web_searches) == (0, 1)
    assert after.input > before.input
    assert answer[-2]["delta"]["stop_reason"] == "end_turn"


@pytest.mark.parametrize(("question", "tools"), [("Search the web for tea", []), ("What is tea?", [SEARCH])])
def test_nothing_is_searched_that_is_not_offered_or_not_wanted(question: str, tools: list[Any]) -> None:
    answer = ask(question, tools=tools)
    assert [block["type"] for block in blocks(answer)] == ["text"]
    assert used(answer)[1].web_searches == 0


def test_there_is_no_search_without_room_for_it() -> None:
    assert "server_tool_use" not in [block["type"] for block in blocks(ask("Search the web for tea", max_tokens=3))]


@pytest.mark.parametrize(
    ("said", "fits"),
    [([CALL, RESULT, TEXT], True), ([TEXT], True), ([CALL, TEXT], False), ([RESULT, TEXT], False)],
)
def test_neither_a_search_nor_what_it_found_is_taken_alone(said: list[Any], fits: bool) -> None:
    messages = [{"role": "user", "content": "Tea?"}, {"role": "assistant", "content": said}]
    request = body(messages=[*messages, {"role": "user", "content": "And?"}], tools=[SEARCH])
    response = Simulator().answer(wire(request))
    assert response.status == (200 if fits else 400)
    if not fits:
        assert "srvtoolu_1" in str(error(response))


def test_an_answer_that_asks_for_a_tool_of_ours_may_leave_a_search_open() -> None:
    ours = {"type": "tool_use", "id": "t1", "name": "calculator", "input": {}}
    given = {"type": "tool_result", "tool_use_id": "t1", "content": "2"}
    tools = [SEARCH, {"name": "calculator", "input_schema": {"type": "object"}}]
    messages = [
        {"role": "user", "content": "Tea?"},
        {"role": "assistant", "content": [CALL, ours]},
        {"role": "user", "content": [given]},
    ]
    assert Simulator().answer(wire(body(messages=messages, tools=tools))).status == 200
