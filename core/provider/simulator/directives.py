"""Orders to the simulator, written into a message as ``[[name: value]]``."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from core.units import APIECE, Usage
from core.usage import as_reported

Shape: TypeAlias = Literal["rich", "plain", "code", "table", "list"]

DIRECTIVES: tuple[tuple[str, str], ...] = (
    ("[[tokens: 3000]]", "An answer of exactly so many tokens."),
    ("[[say: text]]", "An answer of exactly this text."),
    ("[[plain]] [[code]] [[table]] [[list]]", "One form throughout: prose, one code fence, one table, one list."),
    ("[[think]] [[think: 200]]", "Think first, whether asked to or not; so many tokens of it."),
    ("[[first: 0.2]]", "Seconds until the first token."),
    ("[[rate: 100]]", "Tokens per second, evenly: 100 means one every 10 ms."),
    ("[[pace: 0]]", "Multiplies every pause; 0 answers without pauses, 2 takes twice as long."),
    ("[[deltas: 3]]", "So many message_delta events with cumulative counts instead of one."),
    ("[[refusal]] [[refusal after 20]]", "Decline before any output, or after so many tokens."),
    ("[[stop: pause_turn]]", "End with this stop_reason; a pause leaves a web search open and is resumed."),
    ('[[call: calculator {"expression": "1+1"}]]', "Ask for this tool first; several of them, one after the other."),
    ("[[also: current_time {}]]", "Ask for this tool together with the one before."),
    ("[[web_searches: 2]]", "Report so many of a unit that is no tokens, by its name in core/units.py."),
    ("[[searches: 2]]", "The same of web searches."),
    ("[[geo: us]] [[speed: fast]] [[tier: priority]]", "Report this inference_geo, speed or service_tier."),
    ("[[fault: overloaded]]", "Fail every time, before the stream begins; the faults are listed below."),
    ("[[fault: rate_limit 2 times]]", "Fail so many times for the same request, then answer."),
    ("[[fault: rate_limit retry 7]]", "Ask for a wait of so many seconds (the retry-after header)."),
    ("[[fault: cut after 20]]", "Fail after so many tokens, for the faults within the stream."),
)
"""What can be ordered, for pages that want to show it."""

HTTP_FAULTS: dict[str, tuple[int, str, str]] = {
    "invalid_request": (400, "invalid_request_error", "messages: the simulator was told to reject this request"),
    "credit": (400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API."),
    "authentication": (401, "authentication_error", "invalid x-api-key"),
    "billing": (402, "billing_error", "There is a problem with your payment method."),
    "permission": (403, "permission_error", "Your API key does not have permission to use the specified resource."),
    "not_found": (404, "not_found_error", "model: no such model"),
    "request_timeout": (408, "timeout_error", "The request took too long to arrive."),
    "conflict": (409, "conflict_error", "The request conflicts with another one."),
    "too_large": (413, "request_too_large", "Request exceeds the maximum size"),
    "rate_limit": (429, "rate_limit_error", "This request would exceed your organization's rate limit."),
    "spend_limit": (429, "rate_limit_error", "You have reached your specified API usage limits."),
    "server_error": (500, "api_error", "Internal server error"),
    "unavailable": (503, "api_error", "Service unavailable"),
    "timeout": (504, "timeout_error", "The request took too long to process."),
    "overloaded": (529, "overloaded_error", "Overloaded"),
}
"""Faults answered with an HTTP status; ``after N`` turns them into an error event within the stream."""

WIRE_FAULTS: dict[str, str] = {
    "refused": "No connection (over TCP: it is reset before any answer).",
    "unanswered": "The connection stands, but no answer ever comes.",
    "html": "A gateway's HTML page with status 502.",
    "cut": "The connection breaks.",
    "eof": "The stream ends in good order, without message_stop.",
    "silence": "Nothing more is sent, and the connection stays open.",
    "garbled": "An event whose data is no JSON.",
    "disorder": "A delta for a block that never started.",
    "unknown": "Events, blocks and deltas of unknown kinds, which a client must tolerate; the answer is whole.",
    "split": "Every byte in a chunk of its own; the answer is whole.",
    "crlf": "Lines that end in CR LF, and pings and comments between events; the answer is whole.",
}
"""Faults of the connection or of the stream."""

_PATTERN = re.compile(r"\[\[\s*([a-z_]+)\s*(?::\s*)?(.*?)\s*\]\]", re.DOTALL)
_FAULT = re.compile(r"([a-z_]+)((?:,?\s+(?:after\s+\d+|\d+\s+times?|retry\s+[\d.]+))*)")


@dataclass(frozen=True, slots=True)
class Fault:
    """``after`` tokens of the answer; None stands for before it begins. ``times`` None stands for every time."""

    kind: str
    after: int | None = None
    times: int | None = None
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class OrderedCall:
    """A call of a tool; ``text`` is its input as it is sent, however broken."""

    tool: str
    text: str


@dataclass(slots=True)
class Orders:
    """What one message orders; None leaves it to the simulator."""

    tokens: int | None = None
    say: str | None = None
    shape: Shape | None = None
    think: int | None = None
    first: float | None = None
    rate: float | None = None
    pace: float = 1.0
    deltas: int = 1
    refusal: int | None = None
    stop: str | None = None
    usage: dict[str, object] = field(default_factory=dict)
    fault: Fault | None = None
    calls: list[list[OrderedCall]] = field(default_factory=list)


def without_orders(text: str) -> str:
    """What is left for a reader."""
    return _PATTERN.sub(" ", text)


def read_orders(text: str) -> Orders:
    """Every directive in a text; what is no directive is left alone, as it may be ordinary writing."""
    orders = Orders()
    for name, value in _PATTERN.findall(text):
        _obey(orders, name, value)
    return orders


def _obey(orders: Orders, name: str, value: str) -> None:
    try:
        if name in _FIELDS:
            attribute, read = _FIELDS[name]
            setattr(orders, attribute, read(value))
        elif name in _USAGE:
            key, read = _USAGE[name]
            orders.usage[key] = read(value)
        elif name in _APIECE:
            orders.usage |= _with(orders.usage, as_reported(Usage(**{name: _count(value)}), [_APIECE[name]]))
        elif name in ("call", "also"):
            _order_call(orders, name, value)
        else:
            # [[silence after 5]] is short for [[fault: silence after 5]].
            orders.fault = _fault(value if name == "fault" else f"{name} {value}".strip()) or orders.fault
    except ValueError:
        return


def _order_call(orders: Orders, name: str, value: str) -> None:
    tool, _, text = value.partition(" ")
    call = OrderedCall(tool, text.strip() or "{}")
    if name == "also" and orders.calls:
        orders.calls[-1].append(call)
    else:
        orders.calls.append([call])


def _fault(value: str) -> Fault | None:
    match = _FAULT.fullmatch(value)
    if match is None or match[1] not in {**HTTP_FAULTS, **WIRE_FAULTS}:
        return None
    after, times, retry = (_find(pattern, match[2]) for pattern in (r"after (\S+)", r"(\S+) times?", r"retry (\S+)"))
    return Fault(
        match[1], int(after) if after else None, int(times) if times else None, _amount(retry) if retry else None
    )


def _find(pattern: str, text: str) -> str | None:
    found = re.search(pattern, " ".join(text.split()))
    return found[1] if found else None


def _amount(value: str) -> float:
    """A finite number from 0 up; raises ValueError."""
    number = float(value)
    if not 0 <= number < math.inf:
        raise ValueError(f"{value} is no amount")
    return number


def _with(usage: Mapping[str, object], more: Mapping[str, object]) -> dict[str, object]:
    """Return what ``more`` has, beside what was ordered of the same part of the usage before."""
    known = {key: usage.get(key) for key in more}
    return {
        key: {**before, **part} if isinstance(before, dict) and isinstance(part, dict) else part
        for (key, before), part in zip(known.items(), more.values(), strict=True)
    }


def _count(value: str) -> int:
    return int(_amount(value))


_FIELDS: dict[str, tuple[str, Callable[[str], object]]] = {
    "tokens": ("tokens", _count),
    "say": ("say", str),
    "markdown": ("shape", lambda _: "rich"),
    "plain": ("shape", lambda _: "plain"),
    "code": ("shape", lambda _: "code"),
    "table": ("shape", lambda _: "table"),
    "list": ("shape", lambda _: "list"),
    "think": ("think", lambda value: _count(value or "60")),
    "first": ("first", _amount),
    "rate": ("rate", lambda value: max(_amount(value), 0.001)),
    "pace": ("pace", _amount),
    "deltas": ("deltas", lambda value: max(_count(value), 1)),
    "refusal": ("refusal", lambda value: _count(_find(r"after (\S+)", value) or "0")),
    "stop": ("stop", str),
}
_APIECE = {unit.field: unit for unit in APIECE}
_USAGE: dict[str, tuple[str, Callable[[str], object]]] = {
    "geo": ("inference_geo", str),
    "speed": ("speed", str),
    "tier": ("service_tier", str),
    "searches": ("server_tool_use", lambda value: {"web_search_requests": _count(value), "web_fetch_requests": 0}),
}
