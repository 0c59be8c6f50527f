"""Turns as they might have happened, for tests of the books: values only, no provider."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from core.books.entries import STEP_STATUS, AttemptEnd, NewTurn, TurnEnd
from core.books.settling import Attempt, Ending, settle
from core.budgets.bounds import Bound
from core.clock import new_id
from core.errors import ProviderBusy
from core.events import TurnStatus
from core.pricing import price_book
from core.provider.passage import Passage
from core.provider.reply import Reply

BOOK = price_book("anthropic")
AT = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
MODEL = "claude-opus-5-5"


def an_opening(owner: str, agent: str, **changes: Any) -> NewTurn:
    opening = NewTurn(
        task_trace_id=new_id(),
        session_id=new_id(),
        span_id=new_id(),
        user_message_id=new_id(),
        answer_message_id=new_id(),
        conversation_id=new_id(),
        title="A conversation",
        owner_id=owner,
        agent_id=agent,
        agent_version=1,
        model=MODEL,
        session_type="simulated",
        source="chat",
        instance_id="another-host:1:abc",
        text="How much?",
        replaces=None,
        last_message_id=None,
        prompt_estimate=40,
        at=AT,
        bound=Bound(1_000, 500),
    )
    return replace(opening, **changes)


def a_reply(text: str, usage: dict[str, Any], *, model: str = MODEL, stop_reason: str | None = "end_turn") -> Reply:
    """A reply with one text block; without a stop_reason it was cut short."""
    reply = Reply({"id": "msg_1", "model": model, "usage": {**usage, "output_tokens": 1}}, "req_1")
    reply.fold({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})
    reply.fold({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}})
    if stop_reason is not None:
        reply.fold({"type": "content_block_stop", "index": 0})
        reply.fold({"type": "message_delta", "delta": {"stop_reason": stop_reason}, "usage": usage})
        reply.fold({"type": "message_stop"})
    return reply


def an_attempt(
    opening: NewTurn, *, number: int = 1, span_id: str | None = None, reply: Reply | None = None, sent: bool = True
) -> Attempt:
    started = opening.at + timedelta(minutes=20 * (number - 1))
    passage = Passage()
    if sent:
        passage.sent_at = started
    if reply is not None:
        passage.answered_at, passage.accepted = started, True
    span = span_id or opening.span_id
    return Attempt(span, number, opening.model, opening.prompt_estimate, started, reply, 400, passage)


def an_end(attempt: Attempt, status: TurnStatus, error: ProviderBusy | None = None) -> AttemptEnd:
    ended_at = attempt.started_at + timedelta(seconds=3)
    error_type = None if status == "completed" else (error.kind if error else status)
    return settle(BOOK, attempt, Ending(STEP_STATUS[status], ended_at, 3_000, error_type, None, error))


def a_finish(opening: NewTurn, ended: AttemptEnd, status: TurnStatus, reply: Reply | None = None) -> TurnEnd:
    return TurnEnd(
        task_trace_id=opening.task_trace_id,
        session_id=opening.session_id,
        answer_message_id=opening.answer_message_id,
        status=status,
        started_at=opening.at,
        duration_ms=3_000,
        attempt=ended,
        content=reply.content if reply else [],
        text=reply.text if reply else "",
    )


def refused() -> ProviderBusy:
    return ProviderBusy("The provider is overloaded.", kind="overloaded_error", http_status=529)


def no_answer() -> ProviderBusy:
    return ProviderBusy("The provider took too long.", kind="timeout_error")


def never_sent() -> ProviderBusy:
    return ProviderBusy("The provider cannot be reached.", kind="connection_error")
