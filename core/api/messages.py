"""Talking to agents: a message in, its answer out as a stream of events or whole; stop it, follow it, consent to it."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import Field

from core.api.caller import Caller, Checking, Running
from core.api.docs.events import NAMED
from core.api.problems import NOT_ANSWERED, raises
from core.api.sse.dialects import NamedEvents, cost_of, error_of
from core.api.sse.response import EventStream, Whole, WholeReply
from core.api.talking import (
    REFUSALS,
    AcceptHeader,
    IdempotencyKey,
    LastEventId,
    RequestId,
    Sent,
    begin,
    place_of,
    stream_headers,
    streamed,
    wants_json,
)
from core.api.wire import Given, Wire
from core.errors import InputError, NotAllowed, NotFound
from core.events import CostBasis

messages = APIRouter(prefix="/api/command-center", tags=["messages"], responses=raises(NotAllowed))


class NewMessage(Given):
    agent_id: str = Field(min_length=1, examples=["AGENT_ID"])
    conversation_id: str | None = Field(None, description="Null begins a new conversation.")
    message: str = Field(examples=["What is prompt caching?"])


class Cost(Wire):
    """``input_tokens`` are all that were read, cached ones included; ``total_cost`` is in dollars, None if unknown."""

    input_tokens: int
    output_tokens: int
    total_cost: float | None
    estimated: bool
    basis: CostBasis = Field(description="How sure it is: unpriced is a cost that is not known.")


class NotWhole(Wire):
    error: str
    code: str


class Reply(Wire):
    """``error`` says why an answer that was stopped is not whole, ``stopReason`` why the model stopped, in its word."""

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


@messages.head("/message", include_in_schema=False)
def message_headers() -> Response:
    return stream_headers()


@messages.post(
    "/message",
    response_class=Response,
    responses={**streamed(), **raises(*REFUSALS, *NOT_ANSWERED)},
    openapi_extra={"x-events": NAMED},
)
def send_message(
    services: Running,
    by: Caller,
    check: Checking,
    given: NewMessage,
    request: RequestId,
    accept: AcceptHeader = "",
    key: IdempotencyKey = None,
    last_event_id: LastEventId = "",
) -> Response:
    """Stream events as they happen; with `Accept: application/json` give one reply at the end, as of `/reply`."""
    following = begin(services, by, _sent(given, key, last_event_id))
    if wants_json(accept):
        return WholeReply(following, check, _reply)
    return EventStream(following, check, NamedEvents(), request)


@messages.post("/reply", response_model=Reply, responses=raises(*REFUSALS, *NOT_ANSWERED))
def send_and_wait(
    services: Running, by: Caller, check: Checking, given: NewMessage, key: IdempotencyKey = None
) -> Response:
    """Return the same message, answered whole.

    While somebody's consent to a tool is waited for, the answer has begun: its header `X-Waiting-For` says where to
    consent, its status is 200, and blanks come before the JSON. If it fails then, the JSON is the problem.
    """
    return WholeReply(begin(services, by, _sent(given, key)), check, _reply)


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
    request: RequestId,
    last_event_id: LastEventId = "",
    after: Annotated[str, Query(description="The same, for who cannot set headers.")] = "",
) -> Response:
    """Return the rest of the events, of an answer that goes on or has ended."""
    named, place = place_of(last_event_id or after)
    if named not in (None, task_trace_id):
        raise InputError("Last-Event-ID belongs to another answer. Send the last one of this answer, or none.")
    following = services.answers.follow(by, task_trace_id, place)
    return EventStream(following, check, NamedEvents(), request)


@messages.post("/{task_trace_id}/stop", responses=raises(NotFound))
def stop_answer(services: Running, by: Caller, task_trace_id: str) -> Stopping:
    """End the answer soon; what has arrived of it is kept. After the end nothing is done."""
    services.answers.stop(by, task_trace_id)
    return Stopping(task_trace_id=task_trace_id, status="stopping")


@messages.get("/{task_trace_id}/approvals", responses=raises(NotFound))
def list_approvals(services: Running, by: Caller, task_trace_id: str) -> Approvals:
    """Return the calls of tools that wait for consent, the oldest first."""
    services.answers.check(by, task_trace_id)
    waiting = services.approvals.pending(by, task_trace_id)
    return Approvals(
        data=[
            Approval(span_id=each.span_id, tool=each.tool_name, input=each.given, expires_at=each.expires_at)
            for each in waiting
        ]
    )


@messages.post("/{task_trace_id}/approvals/{span_id}", status_code=204, responses=raises(NotFound, InputError))
def decide_approval(services: Running, by: Caller, task_trace_id: str, span_id: str, given: Decision) -> None:
    """Approve or deny; the first decision counts. An API token must have been made for consenting."""
    services.answers.check(by, task_trace_id)
    services.approvals.decide(by, span_id, approved=given.approved, reason=given.reason, task_trace_id=task_trace_id)


def _sent(given: NewMessage, key: str | None, last_event_id: str = "") -> Sent:
    return Sent(given.agent_id, given.message, given.conversation_id, key=key, last_event_id=last_event_id)


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
