"""What is written into the books: plain values that survive a trip through a file."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

from pydantic import TypeAdapter

from core.books.quota import Earlier, NewAttachment, Once, Quota
from core.budgets.bounds import UNKNOWN, Bound
from core.events import CostBasis, Provenance, TurnStatus
from core.money import Nanos
from core.usage import Usage

StepStatus: TypeAlias = Literal["running", "success", "failed", "stopped", "interrupted"]

STEP_STATUS: dict[TurnStatus, StepStatus] = {
    "running": "running",
    "completed": "success",
    "failed": "failed",
    "stopped": "stopped",
    "interrupted": "interrupted",
}


@dataclass(frozen=True, slots=True)
class NewTurn:
    """A turn about to start. ``title`` names a conversation to create; ``replaces`` a user message it supersedes.

    ``last_message_id`` is the newest message its sender saw: the turn is refused if there is a newer one by now.
    The message has its new ``files``, and refers to those ``kept`` of the one that it replaces. ``bound`` is what its
    first model call may cost, as in ``NewAttempt``. ``key_source`` and ``key_label`` tell whose key pays, if one does.
    ``notes`` are what its reader is told of tools.
    """

    task_trace_id: str
    session_id: str
    span_id: str
    user_message_id: str
    answer_message_id: str
    conversation_id: str
    title: str | None
    owner_id: str
    agent_id: str
    agent_version: int
    model: str
    session_type: str
    source: str
    instance_id: str
    text: str
    replaces: str | None
    last_message_id: str | None
    prompt_estimate: int
    at: datetime
    kept: tuple[dict[str, Any], ...] = ()
    files: tuple[NewAttachment, ...] = ()
    once: Once | None = None
    quota: Quota | None = None
    bound: Bound = UNKNOWN
    provenance: Provenance = "real"
    key_source: str = ""
    key_label: str | None = None
    earlier: tuple[Earlier, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def attached(self) -> list[dict[str, Any]]:
        return [*self.kept, *(file.reference for file in self.files)]


@dataclass(frozen=True, slots=True)
class Line:
    """One ledger line; ``unit_price_usd`` is exact decimal text, ``amount`` None where no price is known.
    ``uncached`` is what cached tokens would have cost as plain input.
    """

    model: str
    unit: str
    quantity: int
    unit_price_usd: str | None
    amount: Nanos | None
    price_source: str | None
    price_from: datetime | None
    uncached: Nanos | None = None


@dataclass(frozen=True, slots=True)
class AttemptEnd:
    """How one attempt at a model call ended and what it cost; ends from before it was kept have no ``asked_model``."""

    span_id: str
    status: StepStatus
    started_at: datetime
    ended_at: datetime
    duration_ms: int
    time_to_first_token_ms: int | None
    usage: Usage
    total: Nanos | None
    basis: CostBasis
    cost_reason: str | None
    lines: tuple[Line, ...]
    usage_json: dict[str, Any] | None = None
    response_model: str | None = None
    request_id: str | None = None
    http_status: int | None = None
    stop_reason: str | None = None
    error_type: str | None = None
    error_text: str | None = None
    sent_at: datetime | None = None
    answered_at: datetime | None = None
    asked_model: str | None = None


@dataclass(frozen=True, slots=True)
class NewAttempt:
    """An attempt at a model call that is about to be made; ``bound`` is what it may cost, held until its end."""

    span_id: str
    task_trace_id: str
    session_id: str
    model: str
    number: int
    trace_started_at: datetime
    iteration: int = 1
    bound: Bound = UNKNOWN


@dataclass(frozen=True, slots=True)
class NewSession:
    """Another agent's run about to start with ``attempt``; ``parent_span_id`` is the call of a tool that asked for it.

    It starts only while ``parent_session_id`` runs.
    """

    session_id: str
    parent_session_id: str
    parent_span_id: str
    agent_id: str
    agent_version: int
    session_type: str
    attempt: NewAttempt
    prompt_estimate: int
    at: datetime
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NewTool:
    """A call of a tool that is about to be made; ``input`` is JSON text, cut to a length that can be looked at."""

    span_id: str
    tool_use_id: str
    name: str
    input: str
    iteration: int
    at: datetime


@dataclass(frozen=True, slots=True)
class ToolEnd:
    """How a call of a tool ended; ``output`` is cut to a length that can be looked at, ``output_size`` is in bytes.

    ``waited_ms`` is the part of its duration in which somebody's consent was waited for.
    """

    tool: NewTool
    status: StepStatus
    ended_at: datetime
    duration_ms: int
    output: str | None = None
    output_size: int | None = None
    error_type: str | None = None
    error_text: str | None = None
    waited_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """What is written down in one go before a turn goes on: what has ended, what starts, and the answer so far.

    ``content`` None leaves the answer as it is; ``prompt_estimate`` is that of ``attempt``.
    """

    task_trace_id: str
    session_id: str
    trace_started_at: datetime
    ended: AttemptEnd | None = None
    tools_ended: tuple[ToolEnd, ...] = ()
    attempt: NewAttempt | None = None
    prompt_estimate: int = 0
    tools: tuple[NewTool, ...] = ()
    at: datetime | None = None
    answer_message_id: str | None = None
    content: list[dict[str, Any]] | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far a run has come, with its ended ``tools``. Only the master agent's run writes an answer."""

    span_id: str
    answer_message_id: str | None
    usage: Usage
    usage_json: dict[str, Any] | None
    response_model: str | None
    request_id: str | None
    time_to_first_token_ms: int | None
    content: list[dict[str, Any]]
    text: str
    tools: tuple[ToolEnd, ...] = ()
    sent_at: datetime | None = None
    answered_at: datetime | None = None
    cost_reason: str | None = None


@dataclass(frozen=True, slots=True)
class SessionEnd:
    """The end of one agent's run.

    ``attempt`` is the last one at a model call and ``tools`` those of its iteration: passed over where the books have
    their end already. ``unmade`` are spans that may have been opened although the turn was told that they were not.
    When and how the run ended is as its last attempt did, unless said otherwise.
    """

    session_id: str
    status: StepStatus
    duration_ms: int
    attempt: AttemptEnd
    tools: tuple[ToolEnd, ...] = ()
    unmade: tuple[str, ...] = ()
    ended_at: datetime | None = None
    time_to_first_token_ms: int | None = None
    error_type: str | None = None
    error_text: str | None = None


@dataclass(frozen=True, slots=True)
class TurnEnd:
    """The end of a turn and of its master agent's run; ``text`` is storable. The rest is as in ``SessionEnd``.

    ``delegated`` are the runs of other agents that ended with it. ``recovered`` ones are guesses about a lost instance
    and give way to the true end.
    """

    task_trace_id: str
    session_id: str
    answer_message_id: str
    status: TurnStatus
    started_at: datetime
    duration_ms: int
    attempt: AttemptEnd
    content: list[dict[str, Any]]
    text: str
    recovered: bool = False
    tools: tuple[ToolEnd, ...] = ()
    unmade: tuple[str, ...] = ()
    ended_at: datetime | None = None
    time_to_first_token_ms: int | None = None
    error_type: str | None = None
    error_text: str | None = None
    delegated: tuple[SessionEnd, ...] = ()

    @property
    def sessions(self) -> tuple[SessionEnd, ...]:
        """The master agent's first."""
        own = SessionEnd(
            session_id=self.session_id,
            status=STEP_STATUS[self.status],
            duration_ms=self.duration_ms,
            attempt=self.attempt,
            tools=self.tools,
            unmade=self.unmade,
            ended_at=self.ended_at,
            time_to_first_token_ms=self.time_to_first_token_ms,
            error_type=self.error_type,
            error_text=self.error_text,
        )
        return own, *self.delegated


_FINISH: TypeAdapter[TurnEnd] = TypeAdapter(TurnEnd)


def as_json(end: TurnEnd) -> bytes:
    """One line of ASCII: content blocks may hold characters that UTF-8 cannot."""
    return json.dumps(_FINISH.dump_python(end), default=datetime.isoformat).encode("ascii")


def from_json(line: bytes) -> TurnEnd:
    """Raises ValueError on what ``as_json`` did not write whole."""
    return _FINISH.validate_python(json.loads(line))
