"""Token usage as the provider reports it: folded, read field by field, and split into disjoint buckets."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from reprlib import repr as shown
from typing import Any, TypeAlias

from core.units import APIECE, PARTS, PROMPT, TOKENS, UNITS, Count, Usage

__all__ = [
    "CONTRADICTIONS",
    "Iteration",
    "Reading",
    "Usage",
    "UsageJson",
    "as_reported",
    "fold_usage",
    "read_usage",
    "whole_number",
]

UsageJson: TypeAlias = Mapping[str, Any]

CONTRADICTIONS = "contradictions"
"""The field that ``fold_usage`` adds to a usage whose figures contradicted each other: a list of sentences."""

# Far beyond any reply, and small enough that what it costs still fits the books' 64-bit columns.
_LARGEST_COUNT = 10**12
_WRITTEN = "cache_creation_input_tokens"
"""All writes to the cache together, which the usage tells beside the single ones."""
_CUMULATIVE = {_WRITTEN, *(unit.reported[0] for unit in UNITS if len(unit.reported) == 1)}
_CUMULATIVE_PARTS = {unit.reported[0] for unit in UNITS if len(unit.reported) > 1} - {"cache_creation"}
_PLACES = sorted(
    ((unit.field, "".join(unit.reported[:-1]), unit.reported[-1]) for unit in UNITS), key=lambda place: bool(place[1])
)
"""The part of the usage and the key in it where each unit is; first those that stand at its top level."""
_IN_PROMPT = {unit.field for unit in PROMPT}
_IN_OUTPUT = {unit.field for unit in TOKENS if unit.kind == "output"}
_SERVING = ("message", "fallback_message")
_WHOLE = re.compile(r"\s*([0-9]{1,13})(?:\.0*)?\s*")
_PLACEHOLDER = 3
"""``message_start`` has so many output tokens at most, which are none that were counted."""


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
        return self.prompt_counted or self.output_counted or bool(self.usage.sum_of(APIECE))


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
    """Return the runs, with what only the top level has given to the last that served."""
    serving = [place for place, each in enumerate(runs) if each.kind in _SERVING]
    rest = _beyond(top, sum((runs[place].usage for place in serving), start=Usage()))
    if rest.total:
        names = ", ".join(f"{rest.of(unit)} {unit.name}" for unit in TOKENS if rest.of(unit))
        reader.doubt(f"the runs hold fewer tokens than the whole; the rest ({names}) is given to the last that served")
    if not serving:
        return (*runs, Iteration("message", None, rest)) if rest != Usage() else tuple(runs)
    last = runs[serving[-1]]
    whole = last.usage + rest
    if len(serving) == 1 and whole.cache_write == top.cache_write:
        whole = replace(whole, cache_write_5m=top.cache_write_5m, cache_write_1h=top.cache_write_1h)
    parts = {part.field: min(whole.of(part), getattr(whole, part.part_of)) for part in PARTS}
    served = replace(last, usage=replace(whole, **parts))
    return (*runs[: serving[-1]], served, *runs[serving[-1] + 1 :])


def _beyond(top: Usage, listed: Usage) -> Usage:
    """Return what the top level has more; runs need not tell how long they wrote to the cache for."""
    more = Usage(*(max(0, mine - theirs) for mine, theirs in zip(top.numbers(), listed.numbers(), strict=True)))
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
        counts: dict[str, int] = {}
        for field, part, key in _PLACES:
            count = self.count(self.part(usage, part) if part else usage, key)
            if count is not None:
                counts[field] = count
        written = self.count(usage, _WRITTEN)
        self.prompt_counted |= written is not None or not _IN_PROMPT.isdisjoint(counts)
        self.output_counted |= not _IN_OUTPUT.isdisjoint(counts)
        writes = self._cache_writes(counts.get("cache_write_5m", 0), counts.get("cache_write_1h", 0), written)
        counts["cache_write_5m"], counts["cache_write_1h"] = writes
        for inner in PARTS:
            counts[inner.field] = self._part(usage, inner, counts.get(inner.part_of, 0))
        return Usage(**counts)

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
        if value is None:
            return None
        number = whole_number(value)
        if number is None:
            self.doubt(f"{key} is {shown(value)}, not a count")
        return number

    def _part(self, usage: UsageJson, part: Count, whole: int) -> int:
        """It is billed as what it is a part of, so nothing hangs on what is wrong with it."""
        details, key = usage.get(part.reported[0]), part.reported[-1]
        given = details.get(key) if isinstance(details, Mapping) else details
        number = whole_number(given)
        if given is not None and number is None:
            self.remarks[f"{key} is {shown(given)}, not a count"] = None
        elif number is not None and number > whole:
            of = f"the {whole} {part.part_of} tokens they are part of"
            self.remarks[f"{number} {part.field} tokens are more than {of}"] = None
            return 0
        return number or 0

    def _cache_writes(self, write_5m: int, write_1h: int, total: int | None) -> tuple[int, int]:
        """Return the 5-minute and 1-hour cache writes.

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


def as_reported(usage: Usage, counts: Iterable[Count]) -> dict[str, Any]:
    """Say some of its counts as the provider would."""
    told: dict[str, Any] = {}
    for count in counts:
        *parts, key = count.reported
        place = told
        for part in parts:
            place = place.setdefault(part, {})
        place[key] = usage.of(count)
    return told


def whole_number(value: object) -> int | None:
    """Return the count that a value is, written as 1000, 1000.0 or "1000"; None for what is none."""
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
    if key in _CUMULATIVE:
        return _larger(key, before, value, doubts)
    if key == "output_tokens_details" or before is None:
        return value
    if key in _CUMULATIVE_PARTS and isinstance(before, Mapping):
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
    """Sum up all counts of tokens in it, so many levels deep."""
    if isinstance(value, Mapping):
        value = [each for key, each in value.items() if key != "output_tokens_details"]
    if isinstance(value, list | tuple):
        return sum(_sum(each, deep - 1) for each in value) if deep else 0
    return whole_number(value) or 0
