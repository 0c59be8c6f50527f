"""Token usage as the provider reports it: folded, read field by field, and split into disjoint buckets."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from reprlib import repr as shown
from typing import Any, TypeAlias

UsageJson: TypeAlias = Mapping[str, Any]

CONTRADICTIONS = "contradictions"
"""The field that ``fold_usage`` adds to a usage whose figures contradicted each other: a list of sentences."""

# Far beyond any reply, and small enough that what it costs still fits the books' 64-bit columns.
_LARGEST_COUNT = 10**12
_PROMPT = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
_SPLIT = ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")
_BUCKETS = ("input", "cache_write_5m", "cache_write_1h", "cache_read", "output")
_SERVING = ("message", "fallback_message")
_WHOLE = re.compile(r"\s*([0-9]{1,13})(?:\.0*)?\s*")
_PLACEHOLDER = 3
"""``message_start`` has so many output tokens at most, which are none that were counted."""


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
    def from_json(cls, usage: object) -> "Usage":
        """All of a reply's usage that makes sense."""
        return read_usage(usage).usage


@dataclass(frozen=True, slots=True)
class Iteration:
    """One run of one model within a reply; ``kind`` is the provider's, ``model`` None means the reply's own."""

    kind: str
    model: str | None
    usage: Usage


@dataclass(frozen=True, slots=True)
class Reading:
    """What of a reply's usage makes sense: the runs behind it, in order, at least one.

    ``remarks`` say what was set aside. Without ``certain`` what was set aside could change the cost. Of the prompt and
    the output it is known whether any count of them makes sense.
    """

    iterations: tuple[Iteration, ...]
    remarks: tuple[str, ...]
    certain: bool
    prompt_counted: bool
    output_counted: bool

    @property
    def usage(self) -> Usage:
        """All that was used."""
        return sum((each.usage for each in self.iterations), start=Usage())

    @property
    def counted(self) -> bool:
        """Whether there is any count: nothing used is a fact only if the provider said so."""
        return self.prompt_counted or self.output_counted or bool(self.usage.web_searches)


def read_usage(usage: object) -> Reading:
    """Read each field that makes sense, whatever the others hold; never raises.

    Where a reply lists its runs they hold more than the top level, which leaves out compaction, advisors and attempts
    that another model took over. What the top level has beyond them belongs to the last run that served, and so do the
    searches that no run claims: advisors and compaction make none.
    """
    reader = _Reader()
    if not isinstance(usage, Mapping):
        reader.doubt(f"usage is {shown(usage)}, not an object")
        return reader.reading((Iteration("message", None, Usage()),))
    top = reader.read(usage)
    runs = [reader.run(entry) for entry in reader.entries(usage) if isinstance(entry, Mapping)]
    known = usage.get(CONTRADICTIONS)
    for sentence in known if isinstance(known, list) else ():
        reader.doubt(str(sentence))
    return reader.reading(_with_the_rest(runs, top, reader) if runs else (Iteration("message", None, top),))


def _with_the_rest(runs: Sequence[Iteration], top: Usage, reader: "_Reader") -> tuple[Iteration, ...]:
    """The runs, with what only the top level has given to the last that served."""
    serving = [place for place, each in enumerate(runs) if each.kind in _SERVING]
    rest = _beyond(top, sum((runs[place].usage for place in serving), start=Usage()))
    if rest.total:
        names = ", ".join(f"{getattr(rest, name)} {name}" for name in _BUCKETS if getattr(rest, name))
        reader.doubt(f"the runs hold fewer tokens than the whole; the rest ({names}) is given to the last that served")
    if not serving:
        return (*runs, Iteration("message", None, rest)) if rest != Usage() else tuple(runs)
    last = runs[serving[-1]]
    whole = last.usage + rest
    if len(serving) == 1 and whole.cache_write == top.cache_write:
        whole = replace(whole, cache_write_5m=top.cache_write_5m, cache_write_1h=top.cache_write_1h)
    served = replace(last, usage=replace(whole, thinking=min(whole.thinking, whole.output)))
    return (*runs[: serving[-1]], served, *runs[serving[-1] + 1 :])


def _beyond(top: Usage, listed: Usage) -> Usage:
    """What the top level has more; runs need not tell how long they wrote to the cache for."""
    more = Usage(*(max(0, mine - theirs) for mine, theirs in zip(astuple(top), astuple(listed), strict=True)))
    return replace(more, cache_write_5m=max(0, top.cache_write - listed.cache_write), cache_write_1h=0)


class _Reader:
    """Collects what is remarkable while fields are read."""

    def __init__(self) -> None:
        self.remarks: dict[str, None] = {}
        self.certain, self.prompt_counted, self.output_counted = True, False, False

    def reading(self, iterations: tuple[Iteration, ...]) -> Reading:
        return Reading(iterations, tuple(self.remarks), self.certain, self.prompt_counted, self.output_counted)

    def doubt(self, remark: str) -> None:
        """Of something that is billed."""
        self.remarks[remark] = None
        self.certain = False

    def read(self, usage: UsageJson) -> Usage:
        input_, total, cache_read = (self.count(usage, key) for key in _PROMPT)
        output = self.count(usage, "output_tokens")
        split = [self.count(self.part(usage, "cache_creation"), key) for key in _SPLIT]
        write_5m, write_1h = self._cache_writes(split[0] or 0, split[1] or 0, total)
        self.prompt_counted |= any(count is not None for count in (input_, total, cache_read, *split))
        self.output_counted |= output is not None
        searches = self.count(self.part(usage, "server_tool_use"), "web_search_requests")
        thinking = self._thinking(usage, output or 0)
        return Usage(input_ or 0, write_5m, write_1h, cache_read or 0, output or 0, thinking, searches or 0)

    def entries(self, usage: UsageJson) -> Sequence[object]:
        listed = usage.get("iterations")
        if listed is not None and not isinstance(listed, list | tuple):
            self.doubt(f"iterations is {shown(listed)}, not a list")
            return ()
        for entry in listed or ():
            if not isinstance(entry, Mapping):
                self.doubt(f"an iteration is {shown(entry)}, not an object")
        return listed or ()

    def run(self, entry: UsageJson) -> Iteration:
        model = entry.get("model")
        if model is not None and not (isinstance(model, str) and model):
            self.doubt(f"an iteration's model is {shown(model)}, not a name")
            model = None
        return Iteration(str(entry.get("type") or "message"), model, self.read(entry))

    def part(self, usage: UsageJson, key: str) -> UsageJson:
        part = usage.get(key)
        if part is None or isinstance(part, Mapping):
            return part or {}
        self.doubt(f"{key} is {shown(part)}, not an object")
        return {}

    def count(self, usage: UsageJson, key: str) -> int | None:
        value = usage.get(key)
        number = whole_number(value)
        if value is not None and number is None:
            self.doubt(f"{key} is {shown(value)}, not a count")
        return number

    def _thinking(self, usage: UsageJson, output: int) -> int:
        """It is billed as the output that it is a part of, so nothing hangs on what is wrong with it."""
        details = usage.get("output_tokens_details")
        given = details.get("thinking_tokens") if isinstance(details, Mapping) else details
        number = whole_number(given)
        if given is not None and number is None:
            self.remarks[f"thinking_tokens is {shown(given)}, not a count"] = None
        elif number is not None and number > output:
            self.remarks[f"{number} thinking tokens are more than the {output} output tokens they are part of"] = None
            return 0
        return number or 0

    def _cache_writes(self, write_5m: int, write_1h: int, total: int | None) -> tuple[int, int]:
        """The 5-minute and 1-hour cache writes.

        The total can outgrow the split while a server-side tool loop runs, and what it adds is always written for
        five minutes, so the 1-hour figure is taken as reported and the rest of the total is the 5-minute one.
        """
        if total is None:
            return write_5m, write_1h
        if total < write_5m + write_1h:
            parts = f"{write_5m} + {write_1h}"
            self.doubt(f"cache_creation_input_tokens {total} is less than its parts {parts}, which stand")
            return write_5m, write_1h
        return total - write_1h, write_1h


def whole_number(value: object) -> int | None:
    """The count that a value is, written as 1000, 1000.0 or "1000"; None for what is none."""
    if isinstance(value, str):
        found = _WHOLE.fullmatch(value)
        value = int(found[1]) if found else None
    if isinstance(value, float):
        value = int(value) if value.is_integer() else None
    return value if type(value) is int and 0 <= value <= _LARGEST_COUNT else None


def fold_usage(so_far: UsageJson, update: object) -> dict[str, Any]:
    """Counts in the stream are cumulative: a later figure replaces, an absent or null one keeps the earlier.

    One that falls, or is no count after one that was, contradicts the earlier: the larger stands, and a sentence is
    added to CONTRADICTIONS.
    """
    doubts: list[str] = []
    if not isinstance(update, Mapping):
        doubts.append(f"usage is {shown(update)}, not an object")
    later = update if isinstance(update, Mapping) else {}
    folded = {**so_far, **{key: _later(key, so_far.get(key), value, doubts) for key, value in _given(later)}}
    known = so_far.get(CONTRADICTIONS)
    before = known if isinstance(known, list) else []
    return {**folded, CONTRADICTIONS: [*before, *doubts]} if doubts else folded


def _given(usage: UsageJson) -> Iterator[tuple[str, Any]]:
    return ((key, value) for key, value in usage.items() if value is not None)


def _later(key: str, before: Any, value: Any, doubts: list[str]) -> Any:
    if key in (*_PROMPT, "output_tokens"):
        return _larger(key, before, value, doubts)
    if key == "output_tokens_details" or before is None:
        return value
    if key == "server_tool_use" and isinstance(before, Mapping):
        after = value if isinstance(value, Mapping) else {}
        return {**before, **{name: _larger(name, before.get(name), count, doubts) for name, count in _given(after)}}
    if key == "cache_creation" and isinstance(before, Mapping):
        value = {**before, **dict(_given(value))} if isinstance(value, Mapping) else value
    if key in ("cache_creation", "iterations") and _sum(value) < _sum(before):
        doubts.append(f"{key} fell from {_sum(before)} tokens to {_sum(value)}; what was more stands")
        return before
    return value


def _larger(name: str, before: Any, value: Any, doubts: list[str]) -> Any:
    known, count = whole_number(before), whole_number(value)
    placeholder = name == "output_tokens" and known is not None and known <= _PLACEHOLDER
    if known is None or (count is not None and (count >= known or placeholder)):
        return value
    what = "became " + shown(value) if count is None else f"fell to {count}"
    doubts.append(f"{name} {what} after {known}, which stands")
    return before


def _sum(value: object, deep: int = 3) -> int:
    """Of all counts of tokens in it, so many levels deep."""
    if isinstance(value, Mapping):
        value = [each for key, each in value.items() if key != "output_tokens_details"]
    if isinstance(value, list | tuple):
        return sum(_sum(each, deep - 1) for each in value) if deep else 0
    return whole_number(value) or 0
