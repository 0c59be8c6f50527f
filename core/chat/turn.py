"""A turn: one user message being answered, apart from its readers."""

from collections.abc import Iterator
from datetime import datetime
from time import monotonic
from typing import Literal, TypeAlias

from anyio import CancelScope

from core.books.cross_process import Heard
from core.books.values import Answer, Checkpoint, ModelCallEnd, TraceEnd
from core.chat.agent_run import DEFECT, AgentRun, RunListener, RunServices
from core.chat.assignment import Assignment
from core.chat.journal import Outcome, RunStart
from core.chat.log import EventLog
from core.chat.new_turn import NewTurn
from core.errors import TurnLost
from core.events import CostSoFar, Logged, RunEvent, TurnEnded, TurnStarted, TurnStatus
from core.usage import Usage

StopReason: TypeAlias = Literal["asked", "unwatched", "deactivated", "revoked", "shutdown", "lost"]

COST_EVERY_SECONDS = 0.3

_MAY_BE_READ_ON: tuple[StopReason, ...] = ("asked", "unwatched")
_ESTIMATED, _EXACT = "its cost is an estimate", "the rest was read, unseen, for its exact cost"
_STOPPED: dict[StopReason, tuple[TurnStatus, str, str]] = {
    "asked": ("stopped", "stopped", "You stopped this answer. What had arrived is kept; its cost is an estimate."),
    "unwatched": (
        "stopped",
        "unwatched",
        "Nobody was watching any more, so this answer was stopped. What had arrived is kept. Press Retry to ask again.",
    ),
    "deactivated": (
        "stopped",
        "deactivated",
        "This answer was stopped because the account that asked was deactivated. What had arrived is kept.",
    ),
    "revoked": (
        "stopped",
        "revoked",
        "This answer was stopped because the API token that asked is not valid any more. What had arrived is kept.",
    ),
    "shutdown": (
        "interrupted",
        "shutdown",
        "The server was shut down during this answer. What had arrived is kept. Press Retry to ask again.",
    ),
    "lost": ("interrupted", TurnLost.code, TurnLost("").for_user),
}

_OUT_OF_TIME: tuple[TurnStatus, str, str] = (
    "failed",
    "turn_timeout",
    "The answer took longer than TURN_SECONDS allows and was ended. What had arrived is kept. Ask for less.",
)


class Turn:
    """Runs on the engine's loop; ``get`` and ``stop`` may be called from any thread."""

    def __init__(self, new: NewTurn, assignment: Assignment, agent_name: str, parts: RunServices) -> None:
        self.head = new.head
        self.id, self.conversation_id = new.head.task_trace_id, new.head.conversation_id
        self.text = new.text
        self.files = [file.sha256 for file in new.files]
        self.cost_so_far: CostSoFar | None = None
        self.status: TurnStatus = "running"
        self.by = assignment.asking.by
        self._parts = parts
        self.log = EventLog()
        start = RunStart(new.run, new.call, assignment.asked, new.head.message_id)
        self._run = AgentRun(start, assignment, parts, RunListener(self._tell, self._show_cost))
        self._scope: CancelScope | None = None
        self._stop: StopReason | None = None
        self._cost_at = 0.0
        self._watched_at: datetime | None = None
        self.log.append(
            TurnStarted(self.id, self.conversation_id, agent_name, new.trace.model, assignment.request.simulated)
        )

    @property
    def ended(self) -> bool:
        return self.log.ended

    def get(self, after: int, timeout: float = 0.25) -> list[Logged]:
        """Return the events numbered above ``after``, waiting at most ``timeout`` seconds for the first of them."""
        return self.log.get(after, timeout)

    def calls(self) -> Iterator[ModelCallEnd]:
        """Yield the model calls that have ended."""
        return self._run.calls()

    def stop(self) -> None:
        """Ask for the end and return at once; it arrives as TurnEnded."""
        self.halt("asked")

    def halt(self, reason: StopReason) -> None:
        self._stop = self._stop or reason
        self._parts.call_soon(self._read_unseen if reason in _MAY_BE_READ_ON else self._cancel)

    def apply_remote(self, said: Heard) -> None:
        """Apply what another process says of it: each new sight counts, whatever the clock is there."""
        if said.stop_asked:
            self.stop()
        if said.watched_at != self._watched_at:
            self._watched_at = said.watched_at
            self.log.watched()

    def _read_unseen(self) -> None:
        """Let the reply come to its end for a while, so that its cost is exact; where none arrives hang up at once."""
        if self._run.unseen:
            return
        seconds = self._parts.drain_stopped_seconds
        if seconds and self._scope is not None and self._run.read_unseen():
            self._run.clock.shorten(seconds)
        else:
            self._cancel()

    def _cancel(self) -> None:
        if self._scope is not None:
            self._scope.cancel()

    def unwatched_seconds(self) -> float:
        """Count seconds without a reader; none pass while consent is waited for, which has a time-out of its own.

        Counting begins again after it, because the person who decides may look at the turn from another process.
        """
        if self._run.waits:
            self.log.watched()
        return self.log.unread_seconds()

    def checkpoints(self) -> Iterator[Checkpoint]:
        """Return what has changed since the last ones, if anything has."""
        return iter(()) if self.log.ended else self._run.checkpoints()

    async def run(self) -> None:
        """Ask the provider, follow its reply, close the books: whatever happens in between."""
        try:
            outcome = await self._answer()
            with CancelScope(shield=True):
                await self._close(outcome)
        finally:
            if not self.log.ended:  # a defect of ours; readers wait for an end, and the books get theirs by take-over
                self.status = "failed"
                self.log.append(self._broken_off())

    async def _answer(self) -> Outcome:
        with CancelScope() as self._scope:
            self._run.clock.limit(self._scope)
            if self._stop is not None:
                self._scope.cancel()
            outcome = await self._run.follow()
            if outcome.status == "completed" or not (self._run.unseen or self._is_out_of_time()):
                return outcome
        out_of_time = self._is_out_of_time()
        status, error_type, text = _OUT_OF_TIME if out_of_time else _STOPPED[self._stop or "shutdown"]
        if self._run.unseen and self._run.total().basis == "computed":
            text = text.replace(_ESTIMATED, _EXACT)
        return Outcome(status, error_type, text)

    def _is_out_of_time(self) -> bool:
        """Also where a call of an agent that was asked has noticed it before the whole answer did.

        The loop's clock may be a millisecond ahead of ours: what it has ended is ended.
        """
        ended = self._scope is not None and self._scope.cancel_called
        return self._stop is None and (ended or self._run.clock.is_up)

    def _tell(self, event: RunEvent) -> None:
        """The cost counts along once there is a reply: before, nothing is known of it, and unknown is not zero."""
        self.log.append(event)
        is_due = self.cost_so_far is not None and monotonic() - self._cost_at >= COST_EVERY_SECONDS
        if is_due and self.log.on_a_page:
            self._show_cost()

    def _show_cost(self) -> None:
        self._cost_at = monotonic()
        self.cost_so_far = self._run.cost_so_far()
        self.log.append(self.cost_so_far)

    async def _close(self, outcome: Outcome) -> None:
        end = self._end(outcome)
        await self._parts.books.close(end)
        self.status = end.ended.status
        self.log.append(self._last_event(end))

    def _end(self, outcome: Outcome) -> TraceEnd:
        own = self._run.closed(outcome)
        runs = (own, *self._run.ends_not_booked())
        answer = Answer(self.head.message_id, *self._run.journal.answer())
        return TraceEnd(self.id, self.head.at, own.ended, runs, answer)

    def _broken_off(self) -> TurnEnded:
        """What it cost is not known here."""
        took = self.log.elapsed_ms()
        return TurnEnded("failed", Usage(), None, "unpriced", None, None, took, "internal", DEFECT)

    def _last_event(self, end: TraceEnd) -> TurnEnded:
        spent, ended = self._run.total(), end.ended
        return TurnEnded(
            status=ended.status,
            usage=spent.usage,
            total=spent.total,
            basis=spent.basis,
            stop_reason=end.runs[0].last.reported.stop_reason,
            time_to_first_token_ms=ended.first_token_ms,
            duration_ms=ended.duration_ms,
            error_type=ended.error_type,
            error_text=ended.error_text,
            task_trace_id=self.id,
        )
