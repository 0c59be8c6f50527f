"""Faults within the stream and of the connection, laid over a healthy answer."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from core.provider.simulator.directives import HTTP_FAULTS, Fault
from core.provider.simulator.events import Step
from core.provider.simulator.wire import Chunk, End, WireResponse, sse

_GATEWAY_PAGE = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
_GARBLED = b'event: content_block_delta\ndata: {"type": "content_block_delta", "index": 0, "del\n\n'
_DISORDER = {"type": "content_block_delta", "index": 99, "delta": {"type": "text_delta", "text": "lost"}}
_UNKNOWN: tuple[dict[str, Any], ...] = (
    {"type": "weather_report", "sky": "clear"},
    {"type": "content_block_start", "index": 50, "content_block": {"type": "hologram", "depth": 3}},
    {"type": "content_block_delta", "index": 50, "delta": {"type": "hologram_delta", "light": "green"}},
    {"type": "content_block_stop", "index": 50},
)
_ENDS: dict[str, End] = {"cut": "cut", "eof": "clean", "silence": "hang"}


def carry_out(fault: Fault | None, steps: Iterable[Step], headers: Mapping[str, str]) -> WireResponse:
    """The answer with its fault, if it has one."""
    if fault is None:
        return WireResponse(200, headers, map(_chunk, steps))
    match fault.kind:
        case "refused":
            return WireResponse(None)
        case "unanswered":
            return WireResponse(None, end="hang")
        case "html":
            return WireResponse(502, {"content-type": "text/html"}, [Chunk(_GATEWAY_PAGE)])
        case "cut" | "eof" | "silence":
            return WireResponse(200, headers, map(_chunk, _until(steps, fault.after)), _ENDS[fault.kind])
        case "split" | "crlf":
            return WireResponse(200, headers, _RESHAPED[fault.kind](map(_chunk, steps)))
    return WireResponse(200, headers, _spoiled(fault, steps))


def _chunk(step: Step) -> Chunk:
    return Chunk(sse(step.event), step.after)


def _until(steps: Iterable[Step], tokens: int | None) -> Iterator[Step]:
    """The steps up to so many tokens; None lets nothing through, 0 what comes before the first token."""
    if tokens is None:
        return
    seen = 0
    for step in steps:
        seen += step.tokens
        if seen > tokens:
            return
        yield step


def _spoiled(fault: Fault, steps: Iterable[Step]) -> Iterator[Chunk]:
    """The fault's own bytes after so many tokens; what follows still comes, unless it is an error event."""
    rest = iter(steps)
    held: list[Step] = []
    seen = 0
    for step in rest:
        seen += step.tokens
        if fault.after is None or seen > fault.after:
            held = [step]
            break
        yield _chunk(step)
    if fault.kind in HTTP_FAULTS:
        yield Chunk(sse(_error_event(fault)))
        return
    yield Chunk(_spoil(fault.kind))
    yield from map(_chunk, [*held, *rest])


def _spoil(kind: str) -> bytes:
    if kind == "garbled":
        return _GARBLED
    return sse(_DISORDER) if kind == "disorder" else b"".join(map(sse, _UNKNOWN))


def _error_event(fault: Fault) -> dict[str, Any]:
    _, kind, message = HTTP_FAULTS[fault.kind]
    return {"type": "error", "error": {"type": kind, "message": message}}


def _bytewise(chunks: Iterable[Chunk]) -> Iterator[Chunk]:
    for chunk in chunks:
        for place in range(len(chunk.data)):
            yield Chunk(chunk.data[place : place + 1], chunk.after if place == 0 else 0.0)


def _with_crlf(chunks: Iterable[Chunk]) -> Iterator[Chunk]:
    for chunk in chunks:
        yield Chunk(b": a comment\r\n\r\n" + chunk.data.replace(b"\n", b"\r\n"), chunk.after)


_RESHAPED = {"split": _bytewise, "crlf": _with_crlf}
