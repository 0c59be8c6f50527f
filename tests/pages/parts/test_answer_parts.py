"""A finished answer's blocks in the order they came about, each call with its result."""

from typing import Any

from core.clock import now
from core.conversations.tool_history import ToolRun
from core.conversations.transcript import MessageView
from pages.parts.answer_parts import AnswerPart, Said, Thought, parts_of
from pages.parts.tool_line import Consent, ToolLine

RUN = ToolRun("success", 500, 100, 9, None, None, None, None, "")


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def use(call: str, name: str = "echo") -> dict[str, Any]:
    return {"type": "tool_use", "id": call, "name": name, "input": {}}


def gave(call: str, words: Any, **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": call, "content": words, **more}


def parts(*blocks: dict[str, Any], **tools: ToolRun) -> list[AnswerPart]:
    return parts_of(MessageView("m", "assistant", "complete", blocks, "", now(), None, tools))


def test_everything_keeps_its_place_and_calls_get_their_results() -> None:
    thought = {"type": "thinking", "thinking": "hm", "signature": "s"}
    found = parts(
        thought, text("One."), use("a"), use("b"), gave("a", "A"), gave("b", "B", is_error=True), text("Two.")
    )
    assert found == [
        Thought("hm"),
        Said("One."),
        ToolLine("echo", state="completed", result="A"),
        ToolLine("echo", state="failed", result="B"),
        Said("Two."),
    ]


def test_pieces_of_one_text_are_joined_and_the_provider_s_own_tools_part_them() -> None:
    server = [{"type": "server_tool_use", "id": "s", "name": "web_search"}, {"type": "web_search_tool_result"}]
    assert parts(text("Look"), text("ing."), *server, text("Found"), text(".")) == [Said("Looking."), Said("Found.")]
    assert parts(text("\n"), {"type": "redacted_thinking", "data": "x"}) == []


def test_what_the_books_say_counts() -> None:
    refused = ToolRun("failed", 500, 500, 3, "denied", None, "denied", "Ada", "No.")
    not_run = ToolRun("stopped", 0, None, None, "not_run", None, None, None, "")
    found = parts(
        use("a"), use("b"), use("c"), gave("a", "A"), gave("b", "B"), gave("c", "C"), a=RUN, b=refused, c=not_run
    )
    assert found == [
        ToolLine("echo", state="completed", duration_ms=400, size=9, result="A"),
        ToolLine("echo", state="failed", duration_ms=0, size=3, result="B", consent=Consent("denied", "Ada", "No.")),
        ToolLine("echo", state="not run", duration_ms=0, result="C"),
    ]


def test_an_id_that_comes_again_belongs_to_the_newer_call() -> None:
    first, second = parts(use("a"), gave("a", "1"), use("a"), gave("a", [{"type": "text", "text": "2"}]))
    assert [first, second] == [
        ToolLine("echo", state="completed", result="1"),
        ToolLine("echo", state="completed", result='[{"type": "text", "text": "2"}]'),
    ]
