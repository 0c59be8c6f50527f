"""A turn: one user message being answered, apart from whoever watches it."""

from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from time import monotonic
from typing import Literal, TypeAlias, assert_never

import structlog
from anyio import CancelScope

from core.agent.limits import CutShort
from core.agent.loop import CallEnded, CallsStarting, GoingOn, Loop, LoopEvent, Work
from core.chat.journal import Journal, Outcome
from core.chat.log import EventLog
from core.errors import AppError, ProviderError
from core.events import (
    CostSoFar,
    IterationStarted,
    Logged,
    RetryScheduled,
    TextDelta,
    ThinkingDelta,
    ToolDetected,
    ToolProgress,
    ToolsExecuting,
    TurnEnded,
    TurnStarted,
    TurnStatus,
)
from core.pricing import PriceBook
from core.provider.client import Provider
from core.provider.stream import AttemptFailed, AttemptStarting, ReplyEnded, ReplyStarted
from core.tracing.entries import Checkpoint, Finish, Opening, Step
from core.tracing.recorder import Recorder
from core.tracing.settling import Spent

log = structlog.get_logger()

StopReason: TypeAlias = Literal["asked", "unwatched", "shutdown"]

COST_EVERY_SECONDS = 0.3
CHECKPOINT_CHARACTERS = 2_000

_STOPPED: dict[StopReason, tuple[TurnStatus, str, str]] = {
    "asked": ("stopped", "stopped", "You stopped this answer. What had arrived is kept; its cost is an estimate."),
    "unwatched": (
        "stopped",
        "unwatched",
        "Nobody was watching any more, so this answer was stopped. What had arrived is kept. Press Retry to ask again.",
    ),
    "shutdown": (
        "interrupted",
        "shutdown",
        "The server was shut down during this answer. What had arrived is kept. Press Retry to ask again.",
    ),
}


@dataclass(frozen=True, slots=True)
class Parts:
    """What a turn works with; ``wake`` asks for a checkpoint now, ``call_soon`` runs a call on the engine's loop."""

    provider: Provider
    recorder: Recorder
    book: PriceBook
    wake: Callable[[], None]
    call_soon: Callable[[Callable[[], object]], None]


class Turn:
    """Runs on the engine's loop; ``get`` and ``stop`` may be called from any thread."""

    def __init__(self, opening: Opening, work: Work, agent_name: str, parts: Parts) -> None:
        self.id = opening.task_trace_id
        self.conversation_id = opening.conversation_id
        self.text = opening.text
        self.files = [file.sha256 for file in opening.files]
        self.cost_so_far: CostSoFar | None = None
        self._work, self._parts = work, parts
        self._log = EventLog()
        self._journal = Journal(opening, parts.book, self._log.elapsed_ms)
        self._cut_short: CutShort | None = None
        self._scope: CancelScope | None = None
        self._stop: StopReason | None = None
        self._uncounted = 0
        self._unsaved, self._saved_characters = False, 0
        self._cost_at = 0.0
        self._log.append(
            TurnStarted(self.id, self.conversation_id, agent_name, opening.model, parts.provider.simulated)
        )

    @property
    def ended(self) -> bool:
        return self._log.ended

    def get(self, after: int, timeout: float = 0.25) -> list[Logged]:
        """The events numbered above ``after``, waiting at most ``timeout`` seconds for the first of them."""
        return self._log.get(after, timeout)

    def stop(self) -> None:
        """Ask for the end and return at once; it arrives as TurnEnded."""
        self.halt("asked")

    def halt(self, reason: StopReason) -> None:
        self._stop = self._stop or reason
        self._parts.call_soon(self._cancel)

    def _cancel(self) -> None:
        if self._scope is not None:
            self._scope.cancel()

    def unwatched_seconds(self) -> float:
        return self._log.unread_seconds()

    async def run(self) -> None:
        """Ask the provider, follow its reply, close the books: whatever happens in between."""
        outcome = await self._answer()
        with CancelScope(shield=True):
            await self._close(outcome)

    async def _answer(self) -> Outcome:
        with CancelScope() as self._scope:
            if self._stop is not None:
                self._scope.cancel()
            try:
                return await self._follow()
            except ProviderError as error:
                return Outcome("failed", error.kind, error.for_user, error)
            except AppError as error:
                return Outcome("failed", error.code, error.for_user)
            except Exception:  # a defect of ours must not leave a turn open in the books
                log.exception("turn_failed", task_trace_id=self.id)
                return Outcome("failed", "internal", "Something went wrong on our side; it has been logged. Retry.")
        status, error_type, text = _STOPPED[self._stop or "shutdown"]
        return Outcome(status, error_type, text)

    async def _follow(self) -> Outcome:
        loop = Loop(self._parts.provider, self._work, self._journal.spending)
        async with aclosing(loop.run()) as events:
            async for event in events:
                await self._on(event)
        cut = self._cut_short
        return Outcome("completed") if cut is None else Outcome("stopped", cut.kind, cut.text)

    async def _on(self, event: LoopEvent) -> None:
        match event:
            case TextDelta() | ThinkingDelta():
                self._on_delta(event)
            case IterationStarted() | ToolDetected() | ToolsExecuting() | ToolProgress():
                self._log.append(event)
            case AttemptStarting():
                self._journal.attempt_starting()
            case ReplyStarted(reply):
                self._journal.reply_started(reply)
                self._show_cost()
                self._parts.wake()
            case ReplyEnded(reply):
                self._journal.reply_ended(reply)
            case CallEnded(place, outcome):
                self._journal.call_ended(place, outcome)
                self._unsaved = True
            case CutShort():
                self._cut_short = event
            case AttemptFailed() | CallsStarting() | GoingOn():
                await self._on_step(event)
            case _:
                assert_never(event)

    def _on_delta(self, delta: TextDelta | ThinkingDelta) -> None:
        self._journal.delta_arrived()
        self._log.append(delta)
        self._uncounted += len(delta.text)
        if self._uncounted >= CHECKPOINT_CHARACTERS:
            self._uncounted = 0
            self._parts.wake()
        if monotonic() - self._cost_at >= COST_EVERY_SECONDS:
            self._show_cost()

    def _show_cost(self) -> None:
        self._cost_at, self._unsaved = monotonic(), True
        self.cost_so_far = self._journal.cost_so_far()
        self._log.append(self.cost_so_far)

    async def _on_step(self, event: AttemptFailed | CallsStarting | GoingOn) -> None:
        """What ended and what is about to begin are in the books before it begins."""
        match event:
            case AttemptFailed():
                await self._book(self._journal.attempt_failed(event.error))
                self._log.append(RetryScheduled(event.attempt, event.error.for_user, event.wait_seconds))
            case CallsStarting(calls):
                await self._book(self._journal.calls_starting(calls))
                self._show_cost()
            case GoingOn(n, prompt_estimate):
                await self._book(self._journal.going_on(n, prompt_estimate))

    async def _book(self, step: Step) -> None:
        with CancelScope(shield=True):
            await self._parts.recorder.advance(step)
            self._journal.booked()
        self._unsaved = True  # a checkpoint under way may have been overtaken

    async def _close(self, outcome: Outcome) -> None:
        end = self._journal.finish(outcome)
        await self._parts.recorder.finish(end)
        self._log.append(_last_event(end, self._journal.total()))

    def checkpoint(self) -> Checkpoint | None:
        """What has changed since the last one, if anything has."""
        characters = self._journal.characters
        if self._log.ended or not (self._unsaved or characters != self._saved_characters):
            return None
        self._unsaved, self._saved_characters = False, characters
        return self._journal.checkpoint()


def _last_event(end: Finish, spent: Spent) -> TurnEnded:
    return TurnEnded(
        status=end.status,
        usage=spent.usage,
        total=spent.total,
        basis=spent.basis,
        stop_reason=end.attempt.stop_reason,
        time_to_first_token_ms=end.time_to_first_token_ms,
        duration_ms=end.duration_ms,
        error_type=end.error_type,
        error_text=end.error_text,
    )
