"""Turns as they might have happened, for tests of the books: values only, no provider."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from core.books.settling import LiveCall, settle
from core.books.values import Answer, Checkpoint, Ended, ModelCall, ModelCallEnd, Reported, Run, RunEnd, Trace, TraceEnd
from core.budgets.bounds import Bound
from core.chat.new_turn import Head, NewTurn
from core.clock import new_id
from core.errors import ProviderBusy
from core.events import TurnStatus
from core.pricing import price_book
from core.provider.passage import Passage
from core.provider.reply import Reply
from core.usage import Usage

BOOK = price_book("anthropic")
AT = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
MODEL = "claude-opus-5-5"


def an_opening(
    owner: str,
    agent: str,
    *,
    model: str = MODEL,
    at: datetime = AT,
    bound: Bound = Bound(1_000, 500),  # noqa: B008 (it is frozen)
    conversation_id: str | None = None,
    **more: Any,
) -> NewTurn:
    """``more`` are fields of Trace and of NewTurn."""
    trace, conversation, run, call, asked, answer = (new_id() for _ in range(6))
    place = conversation_id or conversation
    known = {"owner_id": owner, "agent_id": agent, "conversation_id": place, "instance_id": "another-host:1:abc"}
    known |= {name: more.pop(name) for name in [*more] if name in Trace.__dataclass_fields__}
    source = known.pop("source", "chat")
    new = {"title": "A conversation", "text": "How much?", **more}
    return NewTurn(
        head=Head(trace, place, answer, owner, agent, at),
        trace=Trace(trace, at, source, model, new["text"], **known),  # type: ignore[arg-type]
        run=Run(run, trace, at, model, at, "simulated", agent, 1),
        call=ModelCall(call, trace, run, model, at, prompt_estimate=40, bound=bound),
        user_message_id=asked,
        **new,
    )


def a_reply(text: str, usage: dict[str, Any], *, model: str = MODEL, stop_reason: str | None = "end_turn") -> Reply:
    """A reply with one text block; without a stop_reason it was cut short."""
    reply = Reply(model, {**usage, "output_tokens": 1}, message_id="msg_1", request_id="req_1")
    reply.begin_block(0, {"type": "text", "text": ""})
    reply.grow(0, "text", text)
    if stop_reason is not None:
        reply.end_block(0)
        reply.settle(usage, stop_reason)
        reply.end()
    return reply


def a_call(
    opening: NewTurn, *, number: int = 1, span_id: str | None = None, reply: Reply | None = None, sent: bool = True
) -> LiveCall:
    """The turn's ``number``-th attempt at its first model call."""
    started = opening.head.at + timedelta(minutes=20 * (number - 1))
    passage = Passage()
    if sent:
        passage.sent_at = started
    if reply is not None:
        passage.answered_at, passage.accepted = started, True
    call = replace(opening.call, id=span_id or opening.call.id, attempt=number, started_at=started)
    return LiveCall(call, reply, 400, passage)


def an_end(live: LiveCall, status: TurnStatus, error: ProviderBusy | None = None) -> ModelCallEnd:
    ended_at = live.call.started_at + timedelta(seconds=3)
    error_type = None if status == "completed" else (error.kind if error else status)
    return settle(BOOK, live, Ended(status, ended_at, 3_000, error_type=error_type), error)


def a_finish(
    opening: NewTurn, last: ModelCallEnd, status: TurnStatus, reply: Reply | None = None, **ended: Any
) -> TraceEnd:
    """``ended`` says how the trace and its run ended where that is otherwise than their last call."""
    how = replace(last.ended, **{"status": status, "duration_ms": 3_000, **ended})
    answer = Answer(opening.head.message_id, reply.content if reply else [], reply.text if reply else "")
    return TraceEnd(opening.head.task_trace_id, opening.head.at, how, (RunEnd(opening.run.id, how, last),), answer)


def a_point(opening: NewTurn, usage: Usage, told: dict[str, Any] | None = None, **more: Any) -> Checkpoint:
    """``told`` is the provider's usage; ``more`` are fields of Checkpoint and of Reported."""
    reported = {name: more.pop(name) for name in [*more] if name in Reported.__dataclass_fields__}
    return Checkpoint(opening.call.id, usage, Reported(told, **reported), **more)


def with_run(end: TraceEnd, **changes: Any) -> TraceEnd:
    """The end with something else said of its first run."""
    return replace(end, runs=(replace(end.runs[0], **changes), *end.runs[1:]))


def refused() -> ProviderBusy:
    return ProviderBusy("The provider is overloaded.", kind="overloaded_error", http_status=529)


def no_answer() -> ProviderBusy:
    return ProviderBusy("The provider took too long.", kind="timeout_error")


def never_sent() -> ProviderBusy:
    return ProviderBusy("The provider cannot be reached.", kind="connection_error")
