"""One answer while it arrives, whoever gives it.

Blocks and usage have the Messages API's shapes, because those are what is stored and sent back. They are ours all the
same: a provider with another wire translates to them at its edge, as ``anthropic/events.py`` does for this one.
"""

import json
from collections import Counter
from typing import Any, Literal, TypeAlias

from core.estimates import Estimate, Tally
from core.events import TextDelta, ThinkingDelta, ToolDetected
from core.provider.blocks import THINKING, server_tool_results
from core.usage import fold_usage

Growing: TypeAlias = Literal["text", "thinking", "input"]
"""What of a block grows piece by piece; ``input`` is the text of a call's JSON."""

Shown: TypeAlias = TextDelta | ThinkingDelta | ToolDetected

_ASKS = ("tool_use", "server_tool_use")


class MalformedEvent(ValueError):
    """A piece of a reply that cannot be where it came."""


class _Block:
    """A content block under way: how it started, and the pieces it grew by."""

    __slots__ = ("done", "pieces", "size", "start")

    def __init__(self, start: dict[str, Any]) -> None:
        self.start = start
        self.pieces: dict[Growing, list[str]] = {}
        self.size = 0
        self.done: dict[str, Any] | None = None

    def add(self, key: Growing, piece: str) -> None:
        if self.done is not None:
            raise MalformedEvent("a piece for a block that has ended")
        if not isinstance(piece, str):
            raise MalformedEvent(f"{key} without text")
        self.pieces.setdefault(key, []).append(piece)
        self.size += len(piece)

    def grown(self, key: Growing) -> str:
        return (self.start.get(key) or "") + "".join(self.pieces.get(key, ()))

    def as_json(self) -> dict[str, Any]:
        if self.done is not None:
            return self.done
        grown: dict[str, Any] = {key: self.grown(key) for key in self.pieces if key != "input"}
        return {**self.start, **grown}

    def finish(self) -> dict[str, Any]:
        block = self.as_json()
        if "input" in self.pieces:
            block["input"] = _tool_input("".join(self.pieces["input"]))
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
    """What has arrived of an answer so far; ``usage`` is the JSON with its latest figures, in disjoint buckets.

    Its provider fills it: blocks begin, grow and end, figures settle, it ends. ``complete`` is true only after the wire
    said so: an answer that just stops is not complete.
    """

    def __init__(
        self,
        model: str,
        usage: object,
        *,
        message_id: str | None = None,
        request_id: str | None = None,
        stop_reason: str | None = None,
        stop_details: dict[str, Any] | None = None,
    ) -> None:
        self.id, self.model, self.request_id = message_id, model, request_id
        self.usage: dict[str, Any] = fold_usage({}, usage or {})
        self.stop_reason, self.stop_details = stop_reason, stop_details
        self.complete = False
        self._blocks: dict[int, _Block] = {}
        self._tally = Tally()

    def begin_block(self, index: int, start: dict[str, Any]) -> None:
        """Open the block of this index with what it starts as. Raises MalformedEvent."""
        # A block that took another's place would lose what was written.
        if index in self._blocks or not isinstance(start, dict):
            raise MalformedEvent(f"block {index} cannot start")
        self._blocks[index] = _Block(dict(start))
        for key in ("text", "thinking"):
            if isinstance(start.get(key), str):
                self._tally.add(start[key])
        if start.get("type") in _ASKS and start.get("input"):
            self._tally.add(json.dumps(start["input"], ensure_ascii=False))

    def grow(self, index: int, key: Growing, piece: str) -> TextDelta | ThinkingDelta | None:
        """Add a piece to a block; returns what a reader sees of it. Raises MalformedEvent, KeyError."""
        self._blocks[index].add(key, piece)
        self._tally.add(piece)
        if key == "text":
            return TextDelta(piece)
        return ThinkingDelta(piece) if key == "thinking" else None

    def amend(self, index: int, key: str, value: object) -> None:
        """Set what of a block comes whole, such as a signature. Raises MalformedEvent, KeyError."""
        self._open_block(index).start[key] = value

    def cite(self, index: int, citation: object) -> None:
        """Add a citation to a block. Raises MalformedEvent, KeyError."""
        start = self._open_block(index).start
        start["citations"] = [*(start.get("citations") or []), citation]

    def _open_block(self, index: int) -> _Block:
        if self._blocks[index].done is not None:
            raise MalformedEvent("a piece for a block that has ended")
        return self._blocks[index]

    def end_block(self, index: int) -> ToolDetected | None:
        """Close a block; returns the call of a tool that it is, if it is one. Raises KeyError."""
        done = self._blocks[index].finish()
        return ToolDetected(done["id"], done["name"], done["input"]) if done["type"] == "tool_use" else None

    def settle(self, usage: object, stop_reason: str | None = None, stop_details: dict[str, Any] | None = None) -> None:
        """Take in later figures of the usage, and why the answer stops."""
        self.stop_reason = stop_reason or self.stop_reason
        self.stop_details = stop_details or self.stop_details
        self.usage = fold_usage(self.usage, usage or {})

    def end(self) -> None:
        """Make it complete. Raises MalformedEvent without a reason to stop: the last figures are missing too then."""
        if self.stop_reason is None:
            raise MalformedEvent("an end without a stop_reason")
        self.complete = True

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
