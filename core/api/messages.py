"""Talking to agents: a message in, its answer out as a stream of events or whole; stop it, follow it, consent to it."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from fastapi.responses import Response
from pydantic import Field

from core.api.caller import Caller, Checking, Running
from core.api.docs.events import NAMED
from core.api.problems import NOT_ANSWERED, raises
from core.api.sse.dialects import NamedEvents, cost_of, error_of
from core.api.sse.response import EventStream, Whole, WholeReply
from core.api.talking import REFUSALS, AcceptHeader, IdempotencyKey, streamed, wants_json
from core.api.wire import Given, Wire
from core.chat.following import SAVED, Place
from core.errors import InputError, NotAllowed, NotFound
from core.events import CostBasis

messages = APIRouter(prefix="/api/command-center", tags=["messages"], responses=raises(NotAllowed))


class Message(Given):
    agent_id: str = Field(min_length=1, examples=["AGENT_ID"])
    conversation_id: str | None = Field(None, description="Null begins a new conversation.")
    message: str = Field(examples=["What is prompt caching?"])


class Cost(Wire):
    """``input_tokens`` are all that were read, cached ones included; ``total_cost`` is in dollars, None if unknown."""

    input_tokens: int
    output_tokens: int
    total_cost: float | None
    estimated: bool
    basis: CostBasis


class NotWhole(Wire):
    error: str
    code: str


class Reply(Wire):
    """``error`` says why an answer that was stopped is not whole."""

    task_trace_id: str
    conversation_id: str
    message_id: str
    status: str
    reply: str
    stop_reason: str | None
    cost: Cost
    error: NotWhole | None


class Stopping(Wire):
    task_trace_id: str
    status: str


class Approval(Wire):
    """``input`` is what the tool would be given, as JSON text."""

    span_id: str
    tool: str
    input: str
    expires_at: datetime


class Approvals(Wire):
    data: list[Approval]


class Decision(Given):
    approved: bool
    reason: str = ""


@messages.post(
    "/message",
    response_model=Reply,
    responses={**streamed(Reply), **raises(*REFUSALS, *NOT_ANSWERED)},
    openapi_extra={"x-events": NAMED},
)
def send_message(
    services: Running,
    by: Caller,
    check: Checking,
    given: Message,
    accept: AcceptHeader = "",
    key: IdempotencyKey = None,
) -> Response:
    """Events as they happen; with `Accept: application/json` one reply at the end."""
    task_trace_id = services.turns.post(
        owner=by, agent_id=given.agent_id, text=given.message, conversation_id=given.conversation_id, key=key
    )
    following = services.answers.follow(by, task_trace_id)
    if wants_json(accept):
        return WholeReply(following, check, _reply)
    return EventStream(following, check, NamedEvents())


@messages.get(
    "/streams/{task_trace_id}",
    response_class=Response,
    responses={**streamed(), **raises(NotFound)},
    openapi_extra={"x-events": NAMED},
)
def resume_stream(
    services: Running,
    by: Caller,
    check: Checking,
    task_trace_id: str,
    last_event_id: Annotated[str, Header(alias="Last-Event-ID", description="Of the last event that arrived.")] = "",
    after: Annotated[str, Query(description="The same, for who cannot set headers.")] = "",
) -> Response:
    """The rest of the events, of an answer that goes on or has ended."""
    following = services.answers.follow(by, task_trace_id, _place(last_event_id or after))
    return EventStream(following, check, NamedEvents())


@messages.post("/{task_trace_id}/stop", responses=raises(NotFound))
def stop_answer(services: Running, by: Caller, task_trace_id: str) -> Stopping:
    """It ends soon; what has arrived of it is kept. After the end nothing is done."""
    services.answers.stop(by, task_trace_id)
    return Stopping(task_trace_id=task_trace_id, status="stopping")


@messages.get("/{task_trace_id}/approvals", responses=raises(NotFound))
def list_approvals(services: Running, by: Caller, task_trace_id: str) -> Approvals:
    """The calls of tools that wait for consent, the oldest first."""
    services.answers.check(by, task_trace_id)
    waiting = services.approvals.pending(by, task_trace_id)
    return Approvals(
        data=[
            Approval(span_id=each.span_id, tool=each.tool_name, input=each.given, expires_at=each.expires_at)
            for each in waiting
        ]
    )


@messages.post("/{task_trace_id}/approvals/{span_id}", status_code=204, responses=raises(NotFound))
def decide_approval(services: Running, by: Caller, task_trace_id: str, span_id: str, given: Decision) -> None:
    """The first decision counts."""
    services.answers.check(by, task_trace_id)
    services.approvals.decide(by, span_id, approved=given.approved, reason=given.reason, task_trace_id=task_trace_id)


def _place(text: str) -> Place:
    if text in ("", SAVED):
        return text or 0
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise InputError("Last-Event-ID is not the id of an event. Send the last one that arrived, or none.")
    return int(text)


def _reply(whole: Whole) -> dict[str, Any]:
    head, end = whole.head, whole.end
    reply = Reply(
        task_trace_id=head.task_trace_id,
        conversation_id=head.conversation_id,
        message_id=head.message_id,
        status=end.status,
        reply=whole.text,
        stop_reason=end.stop_reason,
        cost=Cost.model_validate(cost_of(end)),
        error=NotWhole.model_validate(error) if (error := error_of(end)) else None,
    )
    return reply.model_dump(mode="json", by_alias=True)
