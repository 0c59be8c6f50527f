"""What became of a question of the demo month: its attempts, one after the other, and how the last one ended."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any, Literal, TypeAlias

from core.books.entries import STEP_STATUS, AttemptEnd, NewTurn, TurnEnd
from core.books.settling import Attempt, Ending
from core.demo.exchange import Exchange, settled
from core.demo.ids import id_at
from core.demo.usage import Used
from core.errors import ProviderBusy, ProviderError
from core.events import TurnStatus
from core.pricing import PriceBook
from core.provider.passage import Passage
from core.provider.reply import Reply

Fate: TypeAlias = Literal["fine", "failed", "stopped", "interrupted", "retried", "timed out", "preview"]
"""``retried`` and ``timed out`` come to a good end; ``preview`` is answered by a model that has no price yet."""

_OVERLOADED = ProviderBusy("The provider is overloaded. Retry later.", kind="overloaded_error", http_status=529)
_SILENT = ProviderBusy("The provider took too long to answer. Retry later.", kind="timeout_error")
_BEFORE: dict[Fate, tuple[ProviderError, ...]] = {
    "failed": (_OVERLOADED, _OVERLOADED),
    "retried": (_OVERLOADED,),
    "timed out": (_SILENT,),
}
_STATUS: dict[Fate, TurnStatus] = {"failed": "failed", "stopped": "stopped", "interrupted": "interrupted"}
_WHY_CUT: dict[Fate, tuple[str, str]] = {
    "stopped": ("stopped", "You stopped this answer. What had arrived is kept; its cost is an estimate."),
    "interrupted": ("shutdown", "The server was shut down during this answer. What had arrived is kept."),
}
_SILENCE_MS = 60_000


@dataclass(slots=True)
class Attempts:
    """Tells one exchange; ``play`` may be called once."""

    book: PriceBook
    opening: NewTurn
    random: Random
    retries: list[tuple[AttemptEnd, Attempt]] = field(default_factory=list)

    def play(self, fate: Fate, used: Used, answer: str) -> Exchange:
        attempt = self._attempt(self.opening.span_id, 1, self.opening.at)
        for error in _BEFORE.get(fate, ()):
            attempt = self._again(attempt, error)
        if fate == "failed":
            finish = self._finish("failed", self._refused(attempt, _OVERLOADED), None)
        else:
            finish = self._answered(attempt, fate, used, answer)
        return Exchange(self.opening, tuple(self.retries), finish)

    def _attempt(self, span_id: str, number: int, at: datetime) -> Attempt:
        passage = Passage()
        passage.sent_at = at
        return Attempt(span_id, number, self.opening.model, self.opening.prompt_estimate, at, passage=passage)

    def _again(self, attempt: Attempt, error: ProviderError) -> Attempt:
        failed = self._refused(attempt, error)
        at = failed.ended_at + timedelta(milliseconds=self.random.randint(500, 3_000))
        following = self._attempt(id_at(at, self.random), attempt.number + 1, at)
        self.retries.append((failed, following))
        return following

    def _refused(self, attempt: Attempt, error: ProviderError) -> AttemptEnd:
        took = _SILENCE_MS if error is _SILENT else self.random.randint(150, 900)
        ended_at = attempt.started_at + timedelta(milliseconds=took)
        return settled(self.book, attempt, Ending("failed", ended_at, took, error.kind, error.for_user, error))

    def _answered(self, attempt: Attempt, fate: Fate, used: Used, answer: str) -> TurnEnd:
        cut_short, model = fate in _WHY_CUT, attempt.model + ("-preview" if fate == "preview" else "")
        said = answer[: len(answer) // 2] if cut_short else answer
        took = used.first_token_ms + (used.duration_ms - used.first_token_ms) // (2 if cut_short else 1)
        waited = _milliseconds(self.opening.at, attempt.started_at)
        attempt.reply = self._reply(model, used.json, said, complete=not cut_short)
        attempt.time_to_first_token_ms = waited + used.first_token_ms
        if attempt.passage is not None:
            attempt.passage.answered_at = attempt.started_at + timedelta(milliseconds=used.first_token_ms)
        status, (error_type, error_text) = _STATUS.get(fate, "completed"), _WHY_CUT.get(fate, (None, None))
        ended_at = attempt.started_at + timedelta(milliseconds=took)
        ending = Ending(STEP_STATUS[status], ended_at, took, error_type, error_text)
        return self._finish(status, settled(self.book, attempt, ending), attempt.reply)

    def _reply(self, model: str, usage: dict[str, Any], text: str, *, complete: bool) -> Reply:
        """As it is folded from the wire: until its end, the output count is a placeholder."""
        request_id = f"req_demo_{self.random.getrandbits(48):012x}"
        reply = Reply(
            {"model": model, "usage": {**usage, "output_tokens": 1, "output_tokens_details": None}}, request_id
        )
        reply.fold({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})
        reply.fold({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}})
        if complete:
            reply.fold({"type": "content_block_stop", "index": 0})
            reply.fold({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage})
            reply.fold({"type": "message_stop"})
        return reply

    def _finish(self, status: TurnStatus, end: AttemptEnd, reply: Reply | None) -> TurnEnd:
        return TurnEnd(
            task_trace_id=self.opening.task_trace_id,
            session_id=self.opening.session_id,
            answer_message_id=self.opening.answer_message_id,
            status=status,
            started_at=self.opening.at,
            duration_ms=_milliseconds(self.opening.at, end.ended_at),
            attempt=end,
            content=reply.content if reply else [],
            text=reply.text if reply else "",
        )


def _milliseconds(start: datetime, end: datetime) -> int:
    return (end - start) // timedelta(milliseconds=1)
