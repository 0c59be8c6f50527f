"""The doors of the original system, for programs that were written for it: each in a dialect of its own.

Who asks is told by the token alone: the headers x-org-id and x-user-id are accepted, and mean nothing.
"""

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from core.access.roles import Person
from core.api.caller import Caller, Checking, Running
from core.api.docs.events import TOKENS, TYPED, Events
from core.api.problems import NOT_ANSWERED, raises
from core.api.sse.dialects import Tokens, TypedEvents
from core.api.sse.response import EventStream, Whole, WholeReply
from core.api.talking import REFUSALS, IdempotencyKey, streamed
from core.chat.following import Following
from core.errors import InputError, NotFound
from core.events import CostBasis
from core.registry.agent_draft import name_key
from core.wiring import Services

ADDRESSES = ("/chat", "/chat/stream", "/mcp/chat/stream")
_SHOWN_CHARACTERS = 80

chat_doors = APIRouter(tags=["doors of the original system"])


class ChatMessage(BaseModel):
    """``agent`` is a name, ``agent_id`` an id; without either, the conversation's own agent answers."""

    model_config = ConfigDict(extra="forbid")

    message: str = Field(examples=["What is prompt caching?"])
    chat_id: str | None = Field(
        None,
        validation_alias=AliasChoices("chat_id", "conversation_id", "conversationId"),
        description="Null begins a new conversation.",
    )
    agent_id: str | None = Field(None, min_length=1, validation_alias=AliasChoices("agent_id", "agentId"))
    agent: str | None = Field(None, min_length=1, examples=["Everyday Assistant"])


class ChatReply(BaseModel):
    chat_id: str
    message_id: str
    reply: str
    created_at: datetime
    task_trace_id: str
    stop_reason: str | None
    basis: CostBasis


def _stream(events: Events) -> dict[str, Any]:
    told = {**streamed(), **raises(*REFUSALS)}
    return {"response_class": Response, "responses": told, "openapi_extra": {"x-events": events}}


@chat_doors.post(ADDRESSES[0], response_model=ChatReply, responses=raises(*REFUSALS, *NOT_ANSWERED))
def chat(services: Running, by: Caller, check: Checking, given: ChatMessage, key: IdempotencyKey = None) -> Response:
    """The whole answer as one reply."""
    return WholeReply(_begin(services, by, given, key), check, _reply)


@chat_doors.post(ADDRESSES[1], **_stream(TOKENS))
def chat_stream(
    services: Running, by: Caller, check: Checking, given: ChatMessage, key: IdempotencyKey = None
) -> Response:
    """The answer's text as it is written, and the whole of it at the end."""
    return EventStream(_begin(services, by, given, key), check, Tokens())


@chat_doors.post(ADDRESSES[2], **_stream(TYPED))
def tool_chat_stream(
    services: Running, by: Caller, check: Checking, given: ChatMessage, key: IdempotencyKey = None
) -> Response:
    """Text, and what tools are used on the way to it."""
    following = _begin(services, by, given, key)
    return EventStream(following, check, TypedEvents(following.head.at))


def _begin(services: Services, by: Person, given: ChatMessage, key: str | None) -> Following:
    agent_id = given.agent_id or _agent_for(services, by, given)
    task_trace_id = services.turns.post(
        owner=by, agent_id=agent_id, text=given.message, conversation_id=given.chat_id, key=key
    )
    return services.answers.follow(by, task_trace_id)


def _agent_for(services: Services, by: Person, given: ChatMessage) -> str:
    if given.agent is not None:
        return _named(services, by, given.agent)
    if given.chat_id is None:
        raise InputError("Say who shall answer: name an agent in agent, or give its id in agent_id.")
    return services.conversations.get(by, given.chat_id).agent_id


def _named(services: Services, by: Person, name: str) -> str:
    for agent in services.agents.list(by, include_inactive=True):
        if name_key(agent.name) == name_key(name):
            return agent.id
    raise NotFound(f"Agent with name {name[:_SHOWN_CHARACTERS]} not found. /api/agents lists those there are.")


def _reply(whole: Whole) -> dict[str, Any]:
    head, end = whole.head, whole.end
    reply = ChatReply(
        chat_id=head.conversation_id,
        message_id=head.message_id,
        reply=whole.text,
        created_at=head.at,
        task_trace_id=head.task_trace_id,
        stop_reason=end.stop_reason,
        basis=end.basis,
    )
    return reply.model_dump(mode="json")
