"""One answer, folded from the raw events of the wire while they arrive."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any, TypeAlias

from core.estimates import Estimate, Tally
from core.events import TextDelta, ThinkingDelta, ToolDetected
from core.provider.blocks import THINKING, server_tool_results
from core.usage import fold_usage

RawEvent: TypeAlias = Mapping[str, Any]

_LATER = {"content_block_start", "content_block_delta", "content_block_stop", "message_delta", "message_stop"}
_ASKS = ("tool_use", "server_tool_use")
_GROWS = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}


class MalformedEvent(ValueError):
    """An event that the wire format does not allow where it came."""


class _Block:
    """A content block under way: how it started, and the pieces it grew by."""

    __slots__ = ("done", "pieces", "size", "start")

    def __init__(self, start: dict[str, Any]) -> None:
        self.start = start
        self.pieces: dict[str, list[str]] = {}
        self.size = 0
        self.done: dict[str, Any] | None = None

    def add(self, delta: RawEvent) -> None:
        if self.done is not None:
            raise MalformedEvent("a delta for a block that has ended")
        kind = delta["type"]
        key = _GROWS.get(kind)
        if key is not None:
            if not isinstance(delta[key], str):
                raise MalformedEvent(f"{kind} without text")
            self.pieces.setdefault(key, []).append(delta[key])
            self.size += len(delta[key])
        elif kind == "signature_delta":
            self.start["signature"] = delta["signature"]
        elif kind == "citations_delta":
            self.start["citations"] = [*(self.start.get("citations") or []), delta["citation"]]

    def grown(self, key: str) -> str:
        return (self.start.get(key) or "") + "".join(self.pieces.get(key, ()))

    def as_json(self) -> dict[str, Any]:
        if self.done is not None:
            return self.done
        grown = {key: self.grown(key) for key in self.pieces if key != "partial_json"}
        return {**self.start, **grown}

    def finish(self) -> dict[str, Any]:
        block = self.as_json()
        if "partial_json" in self.pieces:
            block["input"] = _tool_input(self.grown("partial_json"))
        self.done = block
        return block


def _tool_input(text: str) -> dict[str, Any]:
    """The arguments of a tool call; what no request could send back is kept as the text it came as.

    An answer cut by its length limit leaves them unfinished; they may be no object, or hold half a character.
    """
    try:
        given = json.loads(text or "{}")
        json.dumps(given, ensure_ascii=False).encode()
    except ValueError:
        given = None
    return given if isinstance(given, dict) else {"INVALID_JSON": text}


class Reply:
    """What has arrived of an answer so far; ``usage`` is the provider's JSON with its latest figures.

    ``complete`` is true only after the wire said so: an answer that just stops is not complete.
    """

    def __init__(self, message: RawEvent, request_id: str | None) -> None:
        self.id: str | None = message.get("id")
        self.model: str = message["model"]
        self.request_id = request_id
        self.usage: dict[str, Any] = fold_usage({}, message.get("usage") or {})
        self.stop_reason: str | None = message.get("stop_reason")
        self.stop_details: dict[str, Any] | None = message.get("stop_details")
        self.complete = False
        self._blocks: dict[int, _Block] = {}
        self._tally = Tally()

    @property
    def written(self) -> Estimate:
        """About how many tokens of it are to be seen so far."""
        return self._tally.tokens(self.model)

    @property
    def thought(self) -> bool:
        """Whether thinking began, of which never all is shown."""
        return any(block.start.get("type") in THINKING for block in self._blocks.values())

    @property
    def tools_seen(self) -> Counter[str]:
        """Calls of the provider's own tools that came to a result, as usage names what it counts of them."""
        return server_tool_results([block.start for block in self._blocks.values()])

    @property
    def content(self) -> list[dict[str, Any]]:
        """The blocks as the API takes them back; those still under way with what they have."""
        return [block.as_json() for block in self._blocks.values()]

    @property
    def text(self) -> str:
        return "".join(block.grown("text") for block in self._of_type("text"))

    @property
    def characters(self) -> int:
        """The length of everything that has grown so far: text, thinking and tool input."""
        return sum(block.size for block in self._blocks.values())

    @property
    def block_count(self) -> int:
        return len(self._blocks)

    @property
    def thinking_text(self) -> str:
        return "".join(block.grown("thinking") for block in self._of_type("thinking"))

    def _of_type(self, kind: str) -> list[_Block]:
        return [block for block in self._blocks.values() if block.start.get("type") == kind]

    def fold(self, event: object) -> TextDelta | ThinkingDelta | ToolDetected | None:
        """Take one event in; returns what a reader sees of it. Raises MalformedEvent; unknown kinds are let pass."""
        try:
            return self._fold(event)  # type: ignore[arg-type]
        except (LookupError, TypeError, AttributeError, ValueError) as error:
            raise MalformedEvent(f"{type(error).__name__} {error} in {str(event)[:200]}") from error

    def _fold(self, event: RawEvent) -> TextDelta | ThinkingDelta | ToolDetected | None:
        match event["type"]:
            case "content_block_delta":
                return self._grow(event)
            case "content_block_start":
                self._begin(event)
            case "content_block_stop":
                return self._finish(self._blocks[event["index"]])
            case "message_delta":
                self._settle(event)
            case "message_stop":
                self._complete()
            case "message_start":
                raise MalformedEvent("a second message_start")
        return None

    def _begin(self, event: RawEvent) -> None:
        index, start = event["index"], event["content_block"]
        # A block that took another's place would lose what was written.
        if index in self._blocks or not isinstance(start, dict):
            raise MalformedEvent(f"block {index} cannot start")
        self._blocks[index] = _Block(dict(start))
        for key in ("text", "thinking"):
            if isinstance(start.get(key), str):
                self._tally.add(start[key])
        if start.get("type") in _ASKS and start.get("input"):
            self._tally.add(json.dumps(start["input"], ensure_ascii=False))

    def _finish(self, block: _Block) -> ToolDetected | None:
        done = block.finish()
        return ToolDetected(done["id"], done["name"], done["input"]) if done["type"] == "tool_use" else None

    def _complete(self) -> None:
        # Without a stop reason the last figures of usage are missing too.
        if self.stop_reason is None:
            raise MalformedEvent("message_stop without a stop_reason")
        self.complete = True

    def _grow(self, event: RawEvent) -> TextDelta | ThinkingDelta | ToolDetected | None:
        delta = event["delta"]
        self._blocks[event["index"]].add(delta)
        if (grows := _GROWS.get(delta["type"])) is not None:
            self._tally.add(delta[grows])
        match delta["type"]:
            case "text_delta":
                return TextDelta(delta["text"])
            case "thinking_delta":
                return ThinkingDelta(delta["thinking"])
        return None

    def _settle(self, event: RawEvent) -> None:
        delta = event["delta"]
        self.stop_reason = delta.get("stop_reason") or self.stop_reason
        self.stop_details = delta.get("stop_details") or self.stop_details
        self.usage = fold_usage(self.usage, event.get("usage") or {})


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
            return Reply(event["message"], request_id)  # type: ignore[index]
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise MalformedEvent(f"no message in {str(event)[:200]}") from error
    if kind in _LATER:
        raise MalformedEvent(f"{kind} before message_start")
    return None
