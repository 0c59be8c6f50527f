"""Token usage as the provider reports it, folded and split into disjoint buckets."""

import math
from collections.abc import Mapping
from dataclasses import astuple, dataclass, replace
from reprlib import repr as shown
from typing import Any, TypeAlias

UsageJson: TypeAlias = Mapping[str, Any]

_CHARACTERS_PER_TOKEN = 3.6
# Far beyond any reply, and small enough that what it costs still fits the books' 64-bit columns.
_LARGEST_COUNT = 10**12
_COUNTS = ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")


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

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))

    @classmethod
    def from_json(cls, usage: UsageJson) -> "Usage":
        """All a reply used; raises UsageContradicts on figures that are missing or cannot be true."""
        first, *others = read_iterations(usage)
        return sum((each.usage for each in others), start=first.usage)


@dataclass(frozen=True, slots=True)
class Iteration:
    """One run of one model within a reply; ``kind`` is the provider's, ``model`` None means the reply's own."""

    kind: str
    model: str | None
    usage: Usage


def read_iterations(usage: UsageJson) -> tuple[Iteration, ...]:
    """The runs behind a reply, in order: those it lists, else the reply as one ``message``.

    Listed runs hold more than the top level: it leaves out compaction, advisors and attempts that another model took
    over. Searches and thinking are reported for the reply as a whole and are given to its last run.
    """
    if not isinstance(usage, Mapping):
        raise UsageContradicts(f"usage is {shown(usage)}, not an object")
    top = _read(usage)
    listed = usage.get("iterations")
    if not listed:
        _check_reported(top, usage)
        return (Iteration("message", None, top),)
    if not isinstance(listed, list | tuple):
        raise UsageContradicts(f"iterations is {shown(listed)}, not a list")
    *before, last = [_read_iteration(entry) for entry in listed]
    _check_covers(top, (*before, last))
    whole = replace(last.usage, thinking=top.thinking, web_searches=top.web_searches)
    return (*before, replace(last, usage=whole))


def _read_iteration(entry: object) -> Iteration:
    if not isinstance(entry, Mapping):
        raise UsageContradicts(f"an iteration is {shown(entry)}, not an object")
    model = entry.get("model")
    if model is not None and not isinstance(model, str):
        raise UsageContradicts(f"an iteration's model is {shown(model)}, not a name")
    return Iteration(str(entry.get("type")), model, replace(_read(entry), thinking=0, web_searches=0))


def _check_covers(top: Usage, iterations: tuple[Iteration, ...]) -> None:
    """What the top level reports must have been used by some run, or its cost would be lost."""
    serving = [each.usage for each in iterations if each.kind in ("message", "fallback_message")]
    for name in ("input", "cache_write", "cache_read", "output"):
        reported, listed = getattr(top, name), sum(getattr(each, name) for each in serving)
        if reported > listed:
            raise UsageContradicts(f"{reported} {name} tokens are reported, but the iterations hold only {listed}")


def _check_reported(top: Usage, usage: UsageJson) -> None:
    """Nothing used is a fact only if the provider said so."""
    if not top.total and not top.web_searches and all(usage.get(key) is None for key in _COUNTS):
        raise UsageContradicts("the reply reports no token counts")


def _read(usage: UsageJson) -> Usage:
    write_5m, write_1h = _cache_writes(usage)
    read = Usage(
        input=_count(usage, "input_tokens"),
        cache_write_5m=write_5m,
        cache_write_1h=write_1h,
        cache_read=_count(usage, "cache_read_input_tokens"),
        output=_count(usage, "output_tokens"),
        thinking=_count(_part(usage, "output_tokens_details"), "thinking_tokens"),
        web_searches=_count(_part(usage, "server_tool_use"), "web_search_requests"),
    )
    if read.thinking > read.output:
        raise UsageContradicts(f"{read.thinking} thinking tokens are more than the {read.output} output tokens")
    return read


def _part(usage: UsageJson, key: str) -> UsageJson:
    part = usage.get(key)
    if part is None:
        return {}
    if not isinstance(part, Mapping):
        raise UsageContradicts(f"{key} is {shown(part)}, not an object")
    return part


def _count(usage: UsageJson, key: str) -> int:
    value = usage.get(key)
    if value is None:
        return 0
    if type(value) is not int or not 0 <= value <= _LARGEST_COUNT:
        raise UsageContradicts(f"{key} is {shown(value)}, not a count")
    return value


def _cache_writes(usage: UsageJson) -> tuple[int, int]:
    """The 5-minute and 1-hour cache writes.

    The total can outgrow the split while a server-side tool loop runs, and what it adds is always written for
    five minutes, so the 1-hour figure is taken as reported and the rest of the total is the 5-minute one.
    """
    split = _part(usage, "cache_creation")
    write_5m = _count(split, "ephemeral_5m_input_tokens")
    write_1h = _count(split, "ephemeral_1h_input_tokens")
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
