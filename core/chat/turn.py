"""A turn: one user message being answered, apart from whoever watches it."""

from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from time import monotonic
from typing import Any, Literal, TypeAlias, assert_never

import structlog
from anyio import CancelScope

from core.chat.log import EventLog
from core.clock import new_id, now
from core.errors import AppError, ProviderError
from core.events import (
    CostSoFar,
    Logged,
    RetryScheduled,
    TextDelta,
    ThinkingDelta,
    TurnEnded,
    TurnStarted,
    TurnStatus,
)
from core.pricing import PriceBook
from core.provider.client import Provider
from core.provider.request import ModelRequest
from core.provider.stream import AttemptFailed, AttemptStarting, ProviderEvent, ReplyEnded, ReplyStarted
from core.store.text import storable
from core.tracing.entries import STEP_STATUS, AttemptEnd, Checkpoint, Finish, Opening
from core.tracing.recorder import Recorder
from core.tracing.settling import Attempt, Ending, Spent, price_reply, read_usage, settle, total_of, usage_so_far

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
class Outcome:
    status: TurnStatus
    error_type: str | None = None
    error_text: str | None = None
    error: ProviderError | None = None


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

    def __init__(self, opening: Opening, request: ModelRequest, agent_name: str, parts: Parts) -> None:
        self.id = opening.task_trace_id
        self.conversation_id = opening.conversation_id
        self.text = opening.text
        self.cost_so_far: CostSoFar | None = None
        self._opening, self._request, self._parts = opening, request, parts
        self._log = EventLog()
        self._attempt = self._new_attempt(1, opening.span_id)
        self._attempt_began = 0
        self._earlier: list[AttemptEnd] = []
        self._refused: ProviderError | None = None
        self._scope: CancelScope | None = None
        self._stop: StopReason | None = None
        self._uncounted = 0
        self._unsaved = False
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
                await self._follow()
                return Outcome("completed")
            except ProviderError as error:
                return Outcome("failed", error.kind, error.for_user, error)
            except AppError as error:
                return Outcome("failed", error.code, error.for_user)
            except Exception:  # a defect of ours must not leave a turn open in the books
                log.exception("turn_failed", task_trace_id=self.id)
                return Outcome("failed", "internal", "Something went wrong on our side; it has been logged. Retry.")
        status, error_type, text = _STOPPED[self._stop or "shutdown"]
        return Outcome(status, error_type, text)

    async def _follow(self) -> None:
        async with aclosing(self._parts.provider.stream(self._request)) as events:
            async for event in events:
                await self._on(event)

    async def _on(self, event: ProviderEvent) -> None:
        match event:
            case TextDelta() | ThinkingDelta():
                self._on_delta(event)
            case AttemptStarting():
                self._attempt_began = self._log.elapsed_ms()
            case ReplyStarted(reply):
                self._attempt.reply = reply
                self._show_cost()
                self._parts.wake()
            case ReplyEnded():
                pass
            case AttemptFailed():
                await self._on_failed_attempt(event)
            case _:
                assert_never(event)

    def _on_delta(self, delta: TextDelta | ThinkingDelta) -> None:
        if self._attempt.time_to_first_token_ms is None:
            self._attempt.time_to_first_token_ms = self._log.elapsed_ms()
        self._log.append(delta)
        self._uncounted += len(delta.text)
        self._unsaved = True
        if self._uncounted >= CHECKPOINT_CHARACTERS:
            self._uncounted = 0
            self._parts.wake()
        if monotonic() - self._cost_at >= COST_EVERY_SECONDS:
            self._show_cost()

    def _show_cost(self) -> None:
        self._cost_at, self._unsaved = monotonic(), True
        assert self._attempt.reply is not None
        usage = usage_so_far(self._attempt.reply)
        priced = price_reply(self._parts.book, self._attempt, usage)
        before = total_of(self._earlier)
        total = None if priced.total is None or before.total is None else priced.total + before.total
        self.cost_so_far = CostSoFar(read_usage(usage) + before.usage, total, self._attempt.time_to_first_token_ms)
        self._log.append(self.cost_so_far)

    async def _on_failed_attempt(self, failed: AttemptFailed) -> None:
        error = failed.error
        self._refused = error
        ended = self._settle(Outcome("failed", error.kind, error.for_user, error))
        following = self._new_attempt(failed.attempt + 1, new_id())
        with CancelScope(shield=True):
            await self._parts.recorder.next_attempt(self._opening, ended, following)
        self._attempt, self._refused = following, None
        self._earlier.append(ended)
        self._log.append(RetryScheduled(failed.attempt, error.for_user, failed.wait_seconds))

    def _new_attempt(self, number: int, span_id: str) -> Attempt:
        return Attempt(span_id, number, self._opening.model, self._opening.prompt_estimate, now())

    def _settle(self, outcome: Outcome) -> AttemptEnd:
        duration = self._log.elapsed_ms() - self._attempt_began
        ending = Ending(
            STEP_STATUS[outcome.status],
            now(),
            duration,
            outcome.error_type,
            outcome.error_text,
            outcome.error or self._refused,
        )
        return settle(self._parts.book, self._attempt, ending)

    async def _close(self, outcome: Outcome) -> None:
        ended = self._settle(outcome)
        content, text = self._so_far()
        end = Finish(
            task_trace_id=self.id,
            session_id=self._opening.session_id,
            answer_message_id=self._opening.answer_message_id,
            status=outcome.status,
            started_at=self._opening.at,
            duration_ms=self._log.elapsed_ms(),
            attempt=ended,
            content=content,
            text=text,
        )
        await self._parts.recorder.finish(end)
        self._log.append(_last_event(end, total_of([*self._earlier, ended])))

    def checkpoint(self) -> Checkpoint | None:
        """What has changed since the last one, if anything has."""
        if not self._unsaved or self._attempt.reply is None or self._log.ended:
            return None
        self._unsaved = False
        usage, (content, text) = usage_so_far(self._attempt.reply), self._so_far()
        return Checkpoint(
            span_id=self._attempt.span_id,
            answer_message_id=self._opening.answer_message_id,
            usage=read_usage(usage),
            usage_json=dict(self._attempt.reply.usage),
            response_model=self._attempt.reply.model,
            request_id=self._attempt.reply.request_id,
            time_to_first_token_ms=self._attempt.time_to_first_token_ms,
            content=content,
            text=text,
        )

    def _so_far(self) -> tuple[list[dict[str, Any]], str]:
        reply = self._attempt.reply
        return ([dict(block) for block in reply.content], storable(reply.text)) if reply else ([], "")


def _last_event(end: Finish, spent: Spent) -> TurnEnded:
    attempt = end.attempt
    return TurnEnded(
        status=end.status,
        usage=spent.usage,
        total=spent.total,
        basis=spent.basis,
        stop_reason=attempt.stop_reason,
        time_to_first_token_ms=attempt.time_to_first_token_ms,
        duration_ms=end.duration_ms,
        error_type=attempt.error_type,
        error_text=attempt.error_text,
    )
