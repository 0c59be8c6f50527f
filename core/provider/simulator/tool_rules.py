"""What the API demands of tools: their definitions, and a result for every call, at once and in its place."""

import re
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from core.provider.blocks import lone_server_tools

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")


def tool_faults(body: dict[str, Any]) -> Iterator[str]:
    """Whatever the API would reject a request for, in its words or like them."""
    tools = body.get("tools") or []
    yield from _definition_faults(tools)
    turns = _turns(body["messages"])
    yield from _server_tool_faults(turns)
    for index, (role, blocks) in enumerate(turns):
        if not tools and any(block["type"] in ("tool_use", "tool_result") for block in blocks):
            yield "Requests which include `tool_use` or `tool_result` blocks must define tools"
        if role == "assistant":
            following = turns[index + 1][1] if index + 1 < len(turns) else []
            yield from _call_faults(f"messages.{index}", blocks, following)
        else:
            before = turns[index - 1][1] if index else []
            yield from _result_faults(f"messages.{index}", blocks, before)


def paused_at(body: dict[str, Any]) -> str | None:
    """Where the last words are the assistant's own, sent back for it to go on: the server's tool it left open."""
    role, blocks = _turns(body["messages"])[-1]
    done = {block.get("tool_use_id") for block in blocks}
    opened = [block["id"] for block in blocks if block["type"] == "server_tool_use" and block["id"] not in done]
    return opened[-1] if role == "assistant" and opened else None


def _definition_faults(tools: list[Any]) -> Iterator[str]:
    names = [tool.get("name") for tool in tools]
    if len(set(names)) < len(names):
        yield "tools: Tool names must be unique."
    for index, tool in enumerate(tools):
        if not _NAME.fullmatch(str(tool.get("name") or "")):
            yield f"tools.{index}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"
        if "type" not in tool and (tool.get("input_schema") or {}).get("type") != "object":
            yield f"tools.{index}.input_schema.type: Field required"


def _turns(messages: list[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Messages of one role in a row count as one."""
    by_role = groupby(messages, key=lambda message: message["role"])
    return [(role, [block for message in said for block in _blocks(message["content"])]) for role, said in by_role]


def _blocks(content: Any) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _call_faults(where: str, blocks: list[dict[str, Any]], following: list[dict[str, Any]]) -> Iterator[str]:
    ids = [block.get("id") for block in blocks if block["type"] == "tool_use"]
    if len(set(ids)) < len(ids):
        yield f"{where}: `tool_use` ids must be unique"
    if any(not isinstance(block.get("input"), dict) for block in blocks if block["type"] == "tool_use"):
        yield f"{where}: tool_use.input: Input should be an object"
    results = {block.get("tool_use_id") for block in following if block["type"] == "tool_result"}
    missing = [str(each) for each in ids if each not in results]
    if missing:
        yield f"{where}: `tool_use` ids were found without `tool_result` blocks immediately after: {', '.join(missing)}"


def _server_tool_faults(turns: list[tuple[str, list[dict[str, Any]]]]) -> Iterator[str]:
    """Only the last answer may have left one open: one that paused, or that got results of ours and goes on."""
    *_, last = (number for number, (role, _) in enumerate(turns) if role == "assistant" or number == 0)
    following = [block["type"] for _, blocks in turns[last + 1 :] for block in blocks]
    going_on = turns[last][1] if all(kind == "tool_result" for kind in following) else []
    left_open = {block["id"] for block in going_on if block["type"] == "server_tool_use"}
    for lone in sorted(lone_server_tools([block for _, blocks in turns for block in blocks]) - left_open):
        yield f"server tool use with id `{lone}` was found without its result block, or the result without it"


def _result_faults(where: str, blocks: list[dict[str, Any]], before: list[dict[str, Any]]) -> Iterator[str]:
    kinds = [block["type"] for block in blocks]
    if "tool_result" in kinds[kinds.count("tool_result") :]:
        yield f"{where}: `tool_result` blocks must come before all other blocks"
    asked = {block.get("id") for block in before if block["type"] == "tool_use"}
    given = [block.get("tool_use_id") for block in blocks if block["type"] == "tool_result"]
    unasked = [str(each) for each in given if each not in asked]
    if unasked:
        yield f"{where}: unexpected `tool_use_id` found in `tool_result` blocks: {', '.join(unasked)}"
    if len(set(given)) < len(given):
        yield f"{where}: each tool_use must have a single result"
