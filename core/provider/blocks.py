"""Content blocks as the Messages API has them: calls of tools, their results, and the messages they make up."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeAlias

Block: TypeAlias = dict[str, Any]

_COUNTED = {
    "web_search_tool_result": "web_search_requests",
    "web_fetch_tool_result": "web_fetch_requests",
    "code_execution_tool_result": "code_execution_requests",
}
THINKING = ("thinking", "redacted_thinking")


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool the model asked for; ``id`` ties its result to it."""

    id: str
    name: str
    input: Mapping[str, Any]


def tool_calls(blocks: Sequence[Block]) -> list[ToolCall]:
    """The calls in the order they were asked for."""
    return [ToolCall(block["id"], block["name"], block["input"]) for block in blocks if block["type"] == "tool_use"]


def tool_result(call: ToolCall, text: str, *, failed: bool = False) -> Block:
    """What the model is told; characters that no request can carry become question marks."""
    sendable = text.encode("utf-8", "replace").decode("utf-8")
    result = {"type": "tool_result", "tool_use_id": call.id, "content": sendable}
    return {**result, "is_error": True} if failed else result


def as_messages(blocks: Sequence[Block]) -> list[dict[str, Any]]:
    """An answer's blocks as it was had: what the assistant said, the results it was given, what it said then."""
    by_role = groupby(blocks, key=lambda block: "user" if block["type"] == "tool_result" else "assistant")
    return [{"role": role, "content": list(content)} for role, content in by_role]


def lone_server_tools(blocks: Sequence[Block]) -> set[str]:
    """Ids of the provider's own tools that have no result, or a result without what asked for it: neither is taken."""
    asked, given = _server_tools(blocks)
    return asked ^ given


def server_tools(blocks: Sequence[Block]) -> set[str]:
    """Ids of all calls of the provider's own tools."""
    asked, given = _server_tools(blocks)
    return asked | given


def _server_tools(blocks: Sequence[Block]) -> tuple[set[str], set[str]]:
    asked = {block["id"] for block in blocks if block["type"].endswith("_tool_use")}
    return asked, {block["tool_use_id"] for block in blocks if block["type"].endswith("_tool_result")}


def server_tool_results(blocks: Sequence[Block]) -> Counter[str]:
    """Calls of the provider's own tools that came to a result among the blocks, as usage names what it counts of them.

    The result of a call from before a pause is counted where it was asked for.
    """
    asked = [block.get("id") for block in blocks if str(block.get("type")).endswith("_tool_use")]
    kinds = (block["type"] for block in blocks if _came_to_something(block) and block.get("tool_use_id") in asked)
    return Counter(name for kind in kinds for end, name in _COUNTED.items() if kind.endswith(end))


def _came_to_something(block: Block) -> bool:
    content = block.get("content")
    failed = isinstance(content, dict) and str(content.get("type", "")).endswith("_error")
    return str(block.get("type", "")).endswith("_tool_result") and not failed


def open_calls(blocks: Sequence[Block]) -> list[ToolCall]:
    """The calls that have no result yet."""
    return [call for said, results in _exchanges(blocks) for call in tool_calls(said) if call.id not in results]


def with_every_result(blocks: Sequence[Block], word: str) -> list[Block]:
    """The blocks with a failed result of this word for each call that has none: the API takes no call without one."""
    whole: list[Block] = []
    for said, results in _exchanges(blocks):
        whole += said
        whole += [results.get(call.id) or tool_result(call, word, failed=True) for call in tool_calls(said)]
    return whole


def _exchanges(blocks: Sequence[Block]) -> Iterator[tuple[list[Block], dict[str, Block]]]:
    """What the assistant said at a stretch, and the results it got for it."""
    messages = as_messages(blocks)
    for place, message in enumerate(messages):
        if message["role"] == "assistant":
            following = messages[place + 1]["content"] if place + 1 < len(messages) else []
            yield message["content"], {result["tool_use_id"]: result for result in following}
