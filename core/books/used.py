"""What a reply used: as the provider reported it, and where it did not, as it was seen."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import RowMapping

from core.provider.reply import Reply
from core.units import APIECE, PROMPT_COLUMNS
from core.usage import Usage, read_usage, whole_number

AT_LEAST = "at least"
"""A reason with these words is that of a lower bound."""
HIDDEN_THINKING = f"{AT_LEAST} so much: thinking is not shown in full, so what the model thought is not all counted"
UNREAD_RESULTS = f"{AT_LEAST} so much: what the model read of the results of the provider's tools is not counted"
NO_PROMPT = "the provider reported no prompt, so our estimate of it stands"
NO_OUTPUT = "the provider reported no output, so it is estimated from what the model wrote"
TOOLS_SEEN = "calls of the provider's tools are counted by the results that were seen"

_TOOLS = "server_tool_use"
_PLACEHOLDER, _CERTAINLY_MORE = 3, 20
"""A reply of so many estimated tokens has more than the count that a reply begins with."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a reply beside its usage; ``prompt`` and ``output`` are estimates.

    ``tools`` counts results of the provider's tools as usage names them; ``thought`` where thinking began.
    """

    prompt: int
    output: int
    tools: Mapping[str, int]
    ended: bool
    thought: bool = False


@dataclass(frozen=True, slots=True)
class Used:
    """``json`` is the provider's usage, with estimates where it had none: ``remarks`` say which."""

    json: dict[str, Any]
    remarks: tuple[str, ...] = ()

    @property
    def usage(self) -> Usage:
        return read_usage(self.json).usage


def used_so_far(reply: Reply, prompt_estimate: int) -> Used:
    """Return what a reply used, whether it has ended or not."""
    seen = Seen(
        prompt=prompt_estimate,
        output=reply.written.central,
        tools=reply.tools_seen,
        ended=reply.stop_reason is not None,
        thought=reply.thought,
    )
    return complete(reply.usage, seen)


def complete(reported: Mapping[str, Any], seen: Seen) -> Used:
    """Return the reported usage with what was seen in place of what is missing or cannot be true.

    Until a reply's end its output count is a placeholder, so what was written is counted instead.
    """
    reading = read_usage(reported)
    changed, remarks = dict[str, Any](), list[str]()
    output = whole_number(reported.get("output_tokens")) or 0
    silent = not reading.output_counted or reading.usage.output <= _PLACEHOLDER
    if not seen.ended:
        changed["output_tokens"] = max(output, seen.output)
    elif silent and seen.output > (_CERTAINLY_MORE if reading.output_counted else 0):
        changed["output_tokens"] = seen.output
        remarks.append(NO_OUTPUT)
    missing = _missing_prompt(reported, reading.usage, seen.prompt)
    if missing:
        changed["input_tokens"] = missing
        remarks.append(NO_PROMPT)
    tools = _tools(reported, seen.tools)
    if tools:
        changed[_TOOLS] = tools
        remarks.append(TOOLS_SEEN)
    if not seen.ended:
        remarks += _lower_bounds(seen)
    return Used({**reported, **changed}, tuple(remarks))


def _missing_prompt(reported: Mapping[str, Any], usage: Usage, estimate: int) -> int:
    """A reply that began has read a prompt."""
    given = reported.get("input_tokens")
    if usage.prompt == 0 or (given is not None and whole_number(given) is None):
        return max(0, estimate - usage.prompt)
    return 0


def _tools(reported: Mapping[str, Any], seen: Mapping[str, int]) -> dict[str, Any]:
    """Return the counts of the provider's tools, if more calls were seen than are reported."""
    given = reported.get(_TOOLS)
    known = given if isinstance(given, Mapping) else {}
    more = {name: count for name, count in seen.items() if count > (whole_number(known.get(name)) or 0)}
    return {**known, **more} if more else {}


def _lower_bounds(seen: Seen) -> list[str]:
    thinking = [HIDDEN_THINKING] if seen.thought else []
    return [*thinking, UNREAD_RESULTS] if seen.tools else thinking


def used_in_row(row: RowMapping, *, ended: bool) -> Used:
    """Return what a call's row says: the provider's usage, what was counted beside it, the estimated prompt."""
    if not row["usage"]:
        return Used({"input_tokens": row["input_tokens"], "output_tokens": row["output_tokens"]})
    prompt = sum(row[column] for column in PROMPT_COLUMNS)
    tools = {unit.reported[-1]: row[unit.column] for unit in APIECE if unit.reported[0] == _TOOLS and row[unit.column]}
    return complete(row["usage"], Seen(prompt, row["output_tokens"], tools, ended=ended))
