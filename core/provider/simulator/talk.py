"""What a request asks for: the question, and how far it has been worked on since."""

from dataclasses import dataclass
from typing import Any

from core.provider.simulator.tool_rules import paused_at


@dataclass(frozen=True, slots=True)
class GivenResult:
    """What a tool gave for one call."""

    tool: str
    text: str
    failed: bool


@dataclass(frozen=True, slots=True)
class Talk:
    """``rounds`` is how often tools have answered since the question, ``results`` what they gave the last time.

    ``paused`` is the id of a server's tool that was left open when the answer paused.
    """

    question: str
    rounds: int = 0
    results: tuple[GivenResult, ...] = ()
    paused: str | None = None


def read_talk(body: dict[str, Any]) -> Talk:
    """From a valid request."""
    messages = [(message["role"], _blocks(message["content"])) for message in body["messages"]]
    asked = max((place for place, said in enumerate(messages) if _is_question(*said)), default=0)
    since = [blocks for role, blocks in messages[asked + 1 :] if role == "user"]
    names = {block["id"]: block["name"] for _, blocks in messages for block in blocks if block["type"] == "tool_use"}
    return Talk(
        question="\n".join(block["text"] for block in messages[asked][1] if block["type"] == "text"),
        rounds=len(since),
        results=tuple(_result(block, names) for block in messages[-1][1] if block["type"] == "tool_result"),
        paused=paused_at(body),
    )


def _blocks(content: str | list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _is_question(role: str, blocks: list[dict[str, Any]]) -> bool:
    return role == "user" and any(block["type"] != "tool_result" for block in blocks)


def _result(block: dict[str, Any], names: dict[str, str]) -> GivenResult:
    content = block.get("content") or ""
    text = content if isinstance(content, str) else "\n".join(str(part.get("text", "")) for part in content)
    return GivenResult(names.get(block["tool_use_id"], "tool"), text, bool(block.get("is_error")))
