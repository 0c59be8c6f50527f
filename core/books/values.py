"""What the books are told: Trace → Run → Step (a model call or a call of a tool) → Line, each with the end it comes to.

Plain values, for whatever program caused them, that survive a trip through a file. Readers of money and time need to
know two of them only: ``Ended`` and ``Cost``.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

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
"""How rows of runs and steps say what a trace's row says."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How and when something ended. ``first_token_ms`` is None where no text came; ``error_text`` is for people."""

    status: TurnStatus
    at: datetime
    duration_ms: int
    first_token_ms: int | None = None
    error_type: str | None = None
    error_text: str | None = None


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
class Cost:
    """``total`` is None where no price is known; ``reason`` says why it is an estimate or unknown."""

    total: Nanos | None
    basis: CostBasis
    reason: str | None = None
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class Trace:
    """One request with all that was done for it.

    ``source`` says which program sent it: chat, api, or one that did not run here. Only what runs in this process has
    an ``instance_id``. A trace from elsewhere may be of no person, agent or conversation that is known here.
    ``key_source`` and ``key_label`` tell whose key pays, if one does.
    """

    id: str
    started_at: datetime
    source: str
    model: str
    instruction: str
    owner_id: str | None = None
    agent_id: str | None = None
    conversation_id: str | None = None
    instance_id: str | None = None
    provenance: Provenance = "real"
    key_source: str = ""
    key_label: str | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """One agent's work, or one program's, within a trace: several model calls and what was done between them.

    ``parent_step_id`` is the call of a tool by which another run asked for it. ``notes`` are what its reader is told
    of tools that it has to do without.
    """

    id: str
    trace_id: str
    trace_started_at: datetime
    model: str
    started_at: datetime
    session_type: str
    agent_id: str | None = None
    agent_version: int | None = None
    parent_step_id: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelCall:
    """A step: one attempt at a model call. ``bound`` is what it may cost, held by budgets until its end."""

    id: str
    trace_id: str
    run_id: str
    model: str
    started_at: datetime
    attempt: int = 1
    iteration: int = 1
    prompt_estimate: int = 0
    bound: Bound = UNKNOWN


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A step: one call of a tool. ``input`` is JSON text, cut to a length that can be looked at."""

    id: str
    tool_use_id: str
    name: str
    input: str
    iteration: int
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Reported:
    """What is known of a model call from the provider; ``usage`` is its own JSON, ``answered_at`` that of headers."""

    usage: dict[str, Any] | None = None
    model: str | None = None
    request_id: str | None = None
    http_status: int | None = None
    stop_reason: str | None = None
    sent_at: datetime | None = None
    answered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ModelCallEnd:
    """``usage`` is what is charged for: what was reported, with estimates where nothing was."""

    call: ModelCall
    ended: Ended
    cost: Cost
    usage: Usage
    reported: Reported = Reported()

    @property
    def id(self) -> str:
        return self.call.id


@dataclass(frozen=True, slots=True)
class ToolCallEnd:
    """``output`` is cut to a length that can be looked at, ``output_size`` is that of the whole, in bytes.

    ``waited_ms`` is the part of its duration in which somebody's consent was waited for.
    """

    call: ToolCall
    ended: Ended
    output: str | None = None
    output_size: int | None = None
    waited_ms: int | None = None

    @property
    def id(self) -> str:
        return self.call.id


@dataclass(frozen=True, slots=True)
class RunEnd:
    """The end of a run. ``last`` is its last model call and ``tools`` those of that call's iteration.

    Both are passed over where the books have their end already. ``unmade`` are model calls that may have been opened
    although the run was told that they were not.
    """

    run_id: str
    ended: Ended
    last: ModelCallEnd
    tools: tuple[ToolCallEnd, ...] = ()
    unmade: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A run of a trace that is told of as a whole: ``earlier`` model calls, the last of them in its ``end``."""

    run: Run
    end: RunEnd
    earlier: tuple[ModelCallEnd, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a conversation's message holds by now: content blocks, and their text, which is storable."""

    message_id: str
    content: list[dict[str, Any]]
    text: str


@dataclass(frozen=True, slots=True)
class TraceEnd:
    """The end of a trace with that of its ``runs``, the one that was asked first.

    ``recovered`` ones are guesses about a lost instance and give way to the true end.
    """

    trace_id: str
    started_at: datetime
    ended: Ended
    runs: tuple[RunEnd, ...]
    answer: Answer | None = None
    recovered: bool = False


@dataclass(frozen=True, slots=True)
class Advance:
    """What is written down in one go before a run goes on: what has ended, what starts, and the answer so far.

    ``answer`` None leaves the message as it is.
    """

    trace_id: str
    run_id: str
    trace_started_at: datetime
    ended: ModelCallEnd | None = None
    tools_ended: tuple[ToolCallEnd, ...] = ()
    call: ModelCall | None = None
    tools: tuple[ToolCall, ...] = ()
    answer: Answer | None = None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far a run has come: its model call under way, its ended ``tools``, and the answer if it writes one."""

    call_id: str
    usage: Usage
    reported: Reported
    first_token_ms: int | None = None
    reason: str | None = None
    tools: tuple[ToolCallEnd, ...] = ()
    answer: Answer | None = None
