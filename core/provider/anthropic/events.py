"""The events of the Messages API's stream, folded into a reply while they arrive."""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from core.provider.reply import Growing, MalformedEvent, Reply, Shown

RawEvent: TypeAlias = Mapping[str, Any]

# A tuple: a kind may be anything that JSON has, also what no set can be asked for.
_LATER = ("content_block_start", "content_block_delta", "content_block_stop", "message_delta", "message_stop")
_GROWS: Final[Mapping[str, tuple[Growing, str]]] = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
    "input_json_delta": ("input", "partial_json"),
}
_ODD = (LookupError, TypeError, AttributeError, ValueError)
"""What reading an event raises that is not as it should be."""


def fold(reply: Reply, event: object) -> Shown | None:
    """Take one event in; returns what a reader sees of it. Raises MalformedEvent; unknown kinds are let pass."""
    try:
        return _fold(reply, event)  # type: ignore[arg-type]
    except _ODD as error:
        raise MalformedEvent(f"{type(error).__name__} {error} in {str(event)[:200]}") from error


def _fold(reply: Reply, event: RawEvent) -> Shown | None:
    match event["type"]:
        case "content_block_delta":
            return _grow(reply, event["index"], event["delta"])
        case "content_block_start":
            reply.begin_block(event["index"], event["content_block"])
        case "content_block_stop":
            return reply.end_block(event["index"])
        case "message_delta":
            delta = event["delta"]
            reply.settle(event.get("usage"), delta.get("stop_reason"), delta.get("stop_details"))
        case "message_stop":
            reply.end()
        case "message_start":
            raise MalformedEvent("a second message_start")
    return None


def _grow(reply: Reply, index: int, delta: RawEvent) -> Shown | None:
    kind = delta["type"]
    if (grows := _GROWS.get(kind)) is not None:
        key, place = grows
        return reply.grow(index, key, delta[place])
    if kind == "signature_delta":
        reply.amend(index, "signature", delta["signature"])
    elif kind == "citations_delta":
        reply.cite(index, delta["citation"])
    return None


def is_content(event: object) -> bool:
    """Whether something of the answer arrived: no ping is, no event of an unknown kind and no empty piece of text."""
    if not isinstance(event, Mapping) or event.get("type") not in _LATER:
        return False
    delta = event.get("delta")
    return not isinstance(delta, Mapping) or any(delta.get(key) != "" for key in delta if key != "type")


def start_reply(event: object, request_id: str | None) -> Reply | None:
    """The reply that a ``message_start`` opens; None for an event of an unknown kind; else raises MalformedEvent."""
    try:
        kind = event["type"]  # type: ignore[index]
        if kind == "message_start":
            return _started(event["message"], request_id)  # type: ignore[index]
    except _ODD as error:
        raise MalformedEvent(f"no message in {str(event)[:200]}") from error
    if kind in _LATER:
        raise MalformedEvent(f"{kind} before message_start")
    return None


def _started(message: RawEvent, request_id: str | None) -> Reply:
    return Reply(
        message["model"],
        message.get("usage"),
        message_id=message.get("id"),
        request_id=request_id,
        stop_reason=message.get("stop_reason"),
        stop_details=message.get("stop_details"),
    )
