"""What the API's prompt cache would report: prefixes remembered up to their breakpoints."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from core.provider.simulator.tokens import count_block, message_overhead

_LOOK_BACK_BLOCKS = 20
_SECONDS = {"5m": 300.0, "1h": 3600.0}
_MOST_ENTRIES = 10_000
_UNCACHEABLE = {"thinking", "redacted_thinking"}


@dataclass(frozen=True, slots=True)
class Position:
    """The prompt up to the end of one block: its fingerprint, its tokens, and the TTL of a breakpoint here."""

    fingerprint: str
    tokens: int
    ttl: str | None


@dataclass(frozen=True, slots=True)
class PromptTokens:
    input: int
    cache_read: int
    cache_write_5m: int
    cache_write_1h: int

    @property
    def total(self) -> int:
        return self.input + self.cache_read + self.cache_write_5m + self.cache_write_1h

    def as_usage(self) -> dict[str, Any]:
        return {
            "input_tokens": self.input,
            "cache_creation_input_tokens": self.cache_write_5m + self.cache_write_1h,
            "cache_read_input_tokens": self.cache_read,
            "cache_creation": {
                "ephemeral_5m_input_tokens": self.cache_write_5m,
                "ephemeral_1h_input_tokens": self.cache_write_1h,
            },
        }


def prompt_positions(body: dict[str, Any], model: str) -> list[Position]:
    """The prompt block by block, in the order the cache sees it: tools, system, messages."""
    digest = hashlib.sha256(json.dumps([model, body.get("thinking"), body.get("tool_choice")]).encode())
    positions: list[Position] = []
    tokens = 0
    for prefix, overhead, block in _blocks(body):
        bare = {key: value for key, value in block.items() if key != "cache_control"}
        digest.update(json.dumps([prefix, bare], sort_keys=True).encode())
        tokens += overhead + count_block(bare, model)
        positions.append(Position(digest.hexdigest(), tokens, _ttl(block)))
    return _with_automatic_breakpoint(positions, body)


def _blocks(body: dict[str, Any]) -> Iterator[tuple[str, int, dict[str, Any]]]:
    for tool in body.get("tools") or ():
        yield "tool", 0, tool
    for block in _as_blocks(body.get("system") or []):
        yield "system", 0, block
    for message in body["messages"]:
        overhead = message_overhead()
        for block in _as_blocks(message["content"]):
            yield message["role"], overhead, block
            overhead = 0


def _as_blocks(content: str | list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _ttl(block: dict[str, Any]) -> str | None:
    control = block.get("cache_control")
    return (control.get("ttl") or "5m") if control else None


def _with_automatic_breakpoint(positions: list[Position], body: dict[str, Any]) -> list[Position]:
    """A ``cache_control`` of the request itself marks the last block."""
    ttl = _ttl(body)
    if ttl is None or not positions or positions[-1].ttl:
        return positions
    last = positions[-1]
    return [*positions[:-1], Position(last.fingerprint, last.tokens, ttl)]


class PromptCache:
    """Prefixes by fingerprint with the time they expire; reading one renews it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._expires: dict[str, tuple[float, str]] = {}

    def count(self, positions: list[Position], minimum: int) -> PromptTokens:
        """Split a prompt into read, written and plain input tokens, and remember what it wrote."""
        total = positions[-1].tokens if positions else 0
        marks = [index for index, position in enumerate(positions) if position.ttl and position.tokens >= minimum]
        if not marks:
            return PromptTokens(total, 0, 0, 0)
        read = self._longest_known(positions, marks)
        written = {"5m": 0, "1h": 0}
        reached = read
        for index in marks:
            position = positions[index]
            assert position.ttl is not None
            written[position.ttl] += max(0, position.tokens - reached)
            reached = max(reached, position.tokens)
            self._remember(position.fingerprint, position.ttl)
        return PromptTokens(total - reached, read, written["5m"], written["1h"])

    def _longest_known(self, positions: list[Position], marks: list[int]) -> int:
        for mark in reversed(marks):
            for index in range(mark, max(-1, mark - _LOOK_BACK_BLOCKS), -1):
                if self._renew(positions[index].fingerprint):
                    return positions[index].tokens
        return 0

    def _renew(self, fingerprint: str) -> bool:
        expires, ttl = self._expires.get(fingerprint, (0.0, "5m"))
        if expires <= self._clock():
            return False
        self._remember(fingerprint, ttl)
        return True

    def _remember(self, fingerprint: str, ttl: str) -> None:
        if len(self._expires) >= _MOST_ENTRIES:
            now = self._clock()
            self._expires = {key: entry for key, entry in self._expires.items() if entry[0] > now}
        self._expires.pop(fingerprint, None)
        self._expires[fingerprint] = (self._clock() + _SECONDS[ttl], ttl)
        while len(self._expires) > _MOST_ENTRIES:
            del self._expires[next(iter(self._expires))]
