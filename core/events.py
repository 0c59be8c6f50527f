"""What happens in a turn, as the engine publishes it and every reader sees it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple, TypeAlias

from core.money import Nanos
from core.usage import Usage

TurnStatus: TypeAlias = Literal["running", "completed", "failed", "stopped", "interrupted"]
Provenance: TypeAlias = Literal["real", "simulated", "demo"]
"""Whose money a trace cost: a provider's bill, nobody's as the simulator answered, or the demo month's."""
CostBasis: TypeAlias = Literal["computed", "estimated", "unpriced"]
ToolStatus: TypeAlias = Literal["executing", "completed", "failed"]
Decision: TypeAlias = Literal["approved", "denied", "expired"]


@dataclass(frozen=True, slots=True)
class TurnStarted:
    """The books are open; servers of tools may still be connected to, and then the provider is asked."""

    task_trace_id: str
    conversation_id: str
    agent_name: str
    model: str
    simulated: bool


@dataclass(frozen=True, slots=True)
class IterationStarted:
    """The model is asked for the ``n``-th time; from the second on it has the results of its tools."""

    n: int


@dataclass(frozen=True, slots=True)
class TextDelta:
    text: str


@dataclass(frozen=True, slots=True)
class ThinkingDelta:
    text: str


@dataclass(frozen=True, slots=True)
class ToolDetected:
    """The model has asked for a tool; ``id`` is the call's."""

    id: str
    name: str
    input: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ToolsExecuting:
    """So many tools start at once, these."""

    n: int
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolProgress:
    """Call ``i`` of ``n``, from 1; ``duration_ms`` and ``result``, cut short, are there when it is over.

    ``duration_ms`` is the tool's own, without the wait for consent; ``size`` is the whole result's in bytes.
    """

    id: str
    name: str
    status: ToolStatus
    duration_ms: int | None
    i: int
    n: int
    result: str = ""
    size: int | None = None


@dataclass(frozen=True, slots=True)
class ApprovalRequested:
    """Call ``id`` waits for somebody's consent until ``expires_at``; ``span_id`` is what is approved or denied."""

    id: str
    span_id: str
    name: str
    input: dict[str, Any]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ApprovalDecided:
    """``by`` is the name of who decided, None when time ran out; ``reason`` is what they gave for it."""

    id: str
    decision: Decision
    by: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Warned:
    """Something the reader should know although the turn goes on, such as a server of tools that does not answer."""

    text: str


@dataclass(frozen=True, slots=True)
class ServerChanged:
    """A server of tools that the answer waits for, or does without for the ``reason`` given."""

    name: str
    condition: Literal["connecting", "ready", "unavailable"]
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Delegated:
    """What another agent does that was asked by call ``id`` of a tool; in turn it may be what a further one does."""

    id: str
    agent_name: str
    event: "RunEvent"


@dataclass(frozen=True, slots=True)
class RetryScheduled:
    """An attempt failed before its first event; the next one starts after ``wait_seconds``."""

    attempt: int
    reason: str
    wait_seconds: float


@dataclass(frozen=True, slots=True)
class CostSoFar:
    """Usage and cost of what has arrived, output estimated from its text; ``total`` None means no known price."""

    usage: Usage
    total: Nanos | None
    time_to_first_token_ms: int | None


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """The last event. ``total`` None means no known price, never zero; ``error_text`` is for the user."""

    status: TurnStatus
    usage: Usage
    total: Nanos | None
    basis: CostBasis
    stop_reason: str | None
    time_to_first_token_ms: int | None
    duration_ms: int
    error_type: str | None = None
    error_text: str | None = None
    task_trace_id: str = ""


ToolEvent: TypeAlias = ToolDetected | ToolsExecuting | ToolProgress | ApprovalRequested | ApprovalDecided
Aside: TypeAlias = RetryScheduled | Warned | ServerChanged
RunEvent: TypeAlias = IterationStarted | TextDelta | ThinkingDelta | ToolEvent | Aside | Delegated
Event: TypeAlias = TurnStarted | RunEvent | CostSoFar | TurnEnded


class Logged(NamedTuple):
    """An event with its place in the turn's log: 1, 2, 3 … without gaps; ``at`` is seconds since the turn began."""

    sequence: int
    at: float
    event: Event
