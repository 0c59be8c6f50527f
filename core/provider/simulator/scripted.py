"""Answers written out beforehand, for tests that need the wire to do exactly one thing."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from core.provider.simulator.wire import Chunk, End, WireRequest, WireResponse, sse

_STREAM_HEADERS = {"content-type": "text/event-stream; charset=utf-8", "request-id": "req_scripted"}


class Script:
    """Gives its responses in order, whoever asks, and keeps the requests it saw."""

    def __init__(self, *responses: WireResponse) -> None:
        self.requests: list[WireRequest] = []
        self._responses = list(responses)

    def answer(self, request: WireRequest) -> WireResponse:
        self.requests.append(request)
        if not self._responses:
            return failed(400, "invalid_request_error", f"the script has no answer to request {len(self.requests)}")
        return self._responses.pop(0)


def streamed(
    events: Iterable[Mapping[str, Any] | bytes], *, end: End = "clean", gap: float = 0.0, first: float = 0.0
) -> WireResponse:
    """A stream of these events, or raw bytes, ``gap`` seconds apart."""
    data = [event if isinstance(event, bytes) else sse(event) for event in events]
    chunks = [Chunk(piece, gap if place else first) for place, piece in enumerate(data)]
    return WireResponse(200, _STREAM_HEADERS, chunks, end)


def failed(
    status: int, kind: str, message: str, *, headers: Mapping[str, str] | None = None, code: str | None = None
) -> WireResponse:
    """An error response in the API's form."""
    error: dict[str, Any] = {"type": kind, "message": message}
    if code is not None:
        error["details"] = {"error_code": code}
    body = json.dumps({"type": "error", "error": error, "request_id": "req_scripted"}).encode()
    all_headers = {"content-type": "application/json", "request-id": "req_scripted", **(headers or {})}
    return WireResponse(status, all_headers, [Chunk(body)])


def answer_events(
    *texts: str,
    model: str = "claude-sonnet-5-5",
    usage: Mapping[str, Any] | None = None,
    final: Mapping[str, Any] | None = None,
    blocks: Sequence[Sequence[Mapping[str, Any]]] = (),
    calls: Sequence[Sequence[Mapping[str, Any]]] = (),
    stop_reason: str | None = None,
) -> list[dict[str, Any]]:
    """The events of an answer with one text block, each text a delta of it.

    ``usage`` goes into message_start, ``final`` into the last message_delta; ``blocks`` are event lists put before
    the text and ``calls`` such of tools put after it, without their ``index``.
    """
    events: list[dict[str, Any]] = [message_start(model, usage or {"input_tokens": 10, "output_tokens": 1})]
    written = [*blocks, text_block(*texts), *calls] if texts else [*blocks, *calls]
    for index, block in enumerate(written):
        events += [{**event, "index": index} for event in block]
    reason = stop_reason or ("tool_use" if calls else "end_turn")
    return [*events, *ending(final or {"output_tokens": len(texts)}, reason)]


def message_start(model: str, usage: Mapping[str, Any]) -> dict[str, Any]:
    message: dict[str, Any] = {"id": "msg_scripted", "type": "message", "role": "assistant", "model": model}
    return {
        "type": "message_start",
        "message": {**message, "content": [], "stop_reason": None, "stop_sequence": None, "usage": dict(usage)},
    }


def text_block(*texts: str) -> list[dict[str, Any]]:
    return block({"type": "text", "text": ""}, *({"type": "text_delta", "text": text} for text in texts))


def thinking_block(*texts: str, signature: str) -> list[dict[str, Any]]:
    deltas: list[dict[str, Any]] = [{"type": "thinking_delta", "thinking": text} for text in texts]
    start = {"type": "thinking", "thinking": "", "signature": ""}
    return block(start, *deltas, {"type": "signature_delta", "signature": signature})


def tool_call(call_id: str, name: str, given: Mapping[str, Any] | str, *, split: int = 0) -> list[dict[str, Any]]:
    """A call of a tool; its JSON comes in pieces of ``split`` characters, 0 for one piece, after an empty one.

    A text instead of an object is sent as it is, however broken.
    """
    text = given if isinstance(given, str) else json.dumps(given)
    size = split or max(1, len(text))
    pieces = ["", *(text[start : start + size] for start in range(0, len(text), size))]
    start = {"type": "tool_use", "id": call_id, "name": name, "input": {}}
    return block(start, *({"type": "input_json_delta", "partial_json": piece} for piece in pieces))


def block(start: Mapping[str, Any], *deltas: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"type": "content_block_start", "content_block": dict(start)},
        *({"type": "content_block_delta", "delta": dict(delta)} for delta in deltas),
        {"type": "content_block_stop"},
    ]


def ending(usage: Mapping[str, Any], stop_reason: str = "end_turn") -> list[dict[str, Any]]:
    delta = {"stop_reason": stop_reason, "stop_sequence": None}
    return [{"type": "message_delta", "delta": delta, "usage": dict(usage)}, {"type": "message_stop"}]
