"""Requests to the simulator and what its planned answers hold."""

import json
from typing import Any

from core.provider.simulator.wire import WireRequest, WireResponse

HEADERS = {"authorization": "Bearer test"}


def body(text: str = "What is tea?", **fields: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": text}]
    plain = {"model": "claude-sonnet-5-5", "max_tokens": 1_000, "messages": messages, "stream": True}
    return {**plain, "thinking": {"type": "between_tools"}, **fields}


def wire(content: Any, headers: dict[str, str] | None = None, path: str = "/v1/messages") -> WireRequest:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return WireRequest("POST", path, HEADERS if headers is None else headers, data)


def events(response: WireResponse) -> list[dict[str, Any]]:
    """The events of a planned stream, in order."""
    data = b"".join(chunk.data for chunk in response.chunks).decode()
    lines = (line for line in data.splitlines() if line.startswith("data: "))
    return [json.loads(line.removeprefix("data: ")) for line in lines]


def text(response_events: list[dict[str, Any]], kind: str = "text") -> str:
    deltas = (event["delta"] for event in response_events if event["type"] == "content_block_delta")
    return "".join(delta[kind] for delta in deltas if kind in delta)


def error(response: WireResponse) -> dict[str, Any]:
    answer = json.loads(b"".join(chunk.data for chunk in response.chunks))
    found: dict[str, Any] = answer["error"]
    return found
