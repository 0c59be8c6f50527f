"""What became of a question of the demo month: its attempts, one after the other, and how the last one ended."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any, Literal, TypeAlias

from core.books.settling import LiveCall
from core.books.values import Answer, Ended, ModelCall, ModelCallEnd, RunEnd, TraceEnd
from core.chat.new_turn import NewTurn
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
    retries: list[tuple[ModelCallEnd, ModelCall]] = field(default_factory=list)

    def play(self, fate: Fate, used: Used, answer: str) -> Exchange:
        live = _sent(self.opening.call)
        for error in _BEFORE.get(fate, ()):
            live = self._again(live, error)
        if fate == "failed":
            end = self._end(self._refused(live, _OVERLOADED), None)
        else:
            end = self._answered(live, fate, used, answer)
        return Exchange(self.opening, tuple(self.retries), end)

    def _again(self, live: LiveCall, error: ProviderError) -> LiveCall:
        failed = self._refused(live, error)
        at = failed.ended.at + timedelta(milliseconds=self.random.randint(500, 3_000))
        following = replace(live.call, id=id_at(at, self.random), attempt=live.call.attempt + 1, started_at=at)
        self.retries.append((failed, following))
        return _sent(following)

    def _refused(self, live: LiveCall, error: ProviderError) -> ModelCallEnd:
        took = _SILENCE_MS if error is _SILENT else self.random.randint(150, 900)
        at = live.call.started_at + timedelta(milliseconds=took)
        ended = Ended("failed", at, took, error_type=error.kind, error_text=error.for_user)
        return settled(self.book, live, ended, error)

    def _answered(self, live: LiveCall, fate: Fate, used: Used, answer: str) -> TraceEnd:
        call = live.call
        cut_short, model = fate in _WHY_CUT, call.model + ("-preview" if fate == "preview" else "")
        said = answer[: len(answer) // 2] if cut_short else answer
        took = used.first_token_ms + (used.duration_ms - used.first_token_ms) // (2 if cut_short else 1)
        waited = _milliseconds(self.opening.head.at, call.started_at)
        live.reply = self._reply(model, used.json, said, complete=not cut_short)
        live.first_token_ms = waited + used.first_token_ms
        if live.passage is not None:
            live.passage.answered_at = call.started_at + timedelta(milliseconds=used.first_token_ms)
        status, (error_type, error_text) = _STATUS.get(fate, "completed"), _WHY_CUT.get(fate, (None, None))
        at = call.started_at + timedelta(milliseconds=took)
        ended = Ended(status, at, took, error_type=error_type, error_text=error_text)
        return self._end(settled(self.book, live, ended), live.reply)

    def _reply(self, model: str, usage: dict[str, Any], text: str, *, complete: bool) -> Reply:
        """Return the reply as it is folded from the wire: until its end, the output count is a placeholder."""
        request_id = f"req_demo_{self.random.getrandbits(48):012x}"
        begun = {**usage, "output_tokens": 1, "output_tokens_details": None}
        reply = Reply(model, begun, request_id=request_id)
        reply.begin_block(0, {"type": "text", "text": ""})
        reply.grow(0, "text", text)
        if complete:
            reply.end_block(0)
            reply.settle(usage, "end_turn")
            reply.end()
        return reply

    def _end(self, last: ModelCallEnd, reply: Reply | None) -> TraceEnd:
        head = self.opening.head
        ended = replace(last.ended, duration_ms=_milliseconds(head.at, last.ended.at))
        answer = Answer(head.message_id, reply.content if reply else [], reply.text if reply else "")
        return TraceEnd(head.task_trace_id, head.at, ended, (RunEnd(self.opening.run.id, ended, last),), answer)


def _sent(call: ModelCall) -> LiveCall:
    passage = Passage()
    passage.sent_at = call.started_at
    return LiveCall(call, passage=passage)


def _milliseconds(start: datetime, end: datetime) -> int:
    return (end - start) // timedelta(milliseconds=1)
