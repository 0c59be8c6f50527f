"""Token usage as the provider reports it, folded and split into disjoint buckets."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

UsageJson: TypeAlias = Mapping[str, Any]

_CHARACTERS_PER_TOKEN = 3.6


class UsageContradicts(ValueError):
    """The provider's figures cannot all be true."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Every token in exactly one bucket; ``thinking`` is a part of ``output``."""

    input: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    cache_read: int = 0
    output: int = 0
    thinking: int = 0
    web_searches: int = 0

    @property
    def cache_write(self) -> int:
        return self.cache_write_5m + self.cache_write_1h

    @property
    def prompt(self) -> int:
        """All tokens the model read, cached or not: what length tiers look at."""
        return self.input + self.cache_write + self.cache_read

    @property
    def total(self) -> int:
        return self.prompt + self.output

    def with_output(self, tokens: int) -> "Usage":
        return replace(self, output=tokens)

    @classmethod
    def from_json(cls, usage: UsageJson) -> "Usage":
        """Read the Messages API's ``usage``; raises UsageContradicts on figures that cannot be true."""
        write_5m, write_1h = _cache_writes(usage)
        return cls(
            input=_count(usage, "input_tokens"),
            cache_write_5m=write_5m,
            cache_write_1h=write_1h,
            cache_read=_count(usage, "cache_read_input_tokens"),
            output=_count(usage, "output_tokens"),
            thinking=_count(usage.get("output_tokens_details") or {}, "thinking_tokens"),
            web_searches=_count(usage.get("server_tool_use") or {}, "web_search_requests"),
        )


def _count(usage: UsageJson, key: str) -> int:
    value = usage.get(key)
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise UsageContradicts(f"{key} is {value!r}, not a count of tokens")
    return value


def _cache_writes(usage: UsageJson) -> tuple[int, int]:
    """The 5-minute and 1-hour cache writes.

    The total can outgrow the split while a server-side tool loop runs, and what it adds is always written for
    five minutes, so the 1-hour figure is taken as reported and the rest of the total is the 5-minute one.
    """
    split = usage.get("cache_creation") or {}
    write_5m, write_1h = (
        _count(split, "ephemeral_5m_input_tokens"),
        _count(split, "ephemeral_1h_input_tokens"),
    )
    if usage.get("cache_creation_input_tokens") is None:
        return write_5m, write_1h
    total = _count(usage, "cache_creation_input_tokens")
    if total < write_5m + write_1h:
        raise UsageContradicts(f"cache_creation_input_tokens {total} is less than its parts {write_5m} + {write_1h}")
    return total - write_1h, write_1h


def fold_usage(so_far: UsageJson, update: UsageJson) -> dict[str, Any]:
    """Counts in the stream are cumulative: a later figure replaces, an absent or null one keeps the earlier."""
    return {**so_far, **{key: value for key, value in update.items() if value is not None}}


def estimate_tokens(text: str) -> int:
    """About how many tokens a text is, for what the provider has not counted yet; at least 1 for any text."""
    return tokens_in(len(text))


def tokens_in(characters: int) -> int:
    """``estimate_tokens`` of a text of that length."""
    return math.ceil(characters / _CHARACTERS_PER_TOKEN)
