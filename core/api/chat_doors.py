"""The doors of the original system, for programs that were written for it: each in a dialect of its own.

Who asks is told by the token alone: the headers x-org-id and x-user-id are accepted, and mean nothing.
"""

from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, field_validator

from core.access.roles import Person
from core.api.caller import Browser, Caller, Checking, CheckingBrowser, Running
from core.api.docs.events import TOKENS, TYPED, Events
from core.api.problems import NOT_ANSWERED, raises, wrong
from core.api.sse.dialects import Tokens, TypedEvents
from core.api.sse.response import EventStream, Whole, WholeReply
from core.api.talking import (
    REFUSALS,
    IdempotencyKey,
    LastEventId,
    RequestId,
    Sent,
    begin,
    stream_headers,
    streamed,
)
from core.api.wire import whole_texts
from core.chat.admission import KEPT
from core.chat.following import Following
from core.chat.new_turn import Earlier
from core.errors import NotFound
from core.events import CostBasis
from core.registry.agent_draft import name_key
from core.wiring import Services

ADDRESSES = ("/chat", "/chat/stream", "/mcp/chat/stream")
_SHOWN_CHARACTERS = 80
_RECONNECTS_WITHIN: Final = timedelta(minutes=2)
"""How long a browser that lost the connection before it knew the answer's id may come back without asking twice."""

chat_doors = APIRouter(tags=["doors of the original system"])


class TextBlock(BaseModel):
    """What else a block says, such as where to cache, means nothing here."""

    type: Literal["text"]
    text: str


class SaidMessage(BaseModel):
    """One message of a conversation that its sender keeps."""

    model_config = ConfigDict(extra="forbid")
    whole = field_validator("*", mode="before")(whole_texts)

    role: Literal["user", "assistant"]
    content: str | list[TextBlock]

    @property
    def text(self) -> str:
        return self.content if isinstance(self.content, str) else "\n\n".join(block.text for block in self.content)


class ChatMessage(BaseModel):
    """A ``message``, or all ``messages`` of a conversation that the sender keeps, of which the last is asked.

    ``agent`` is a name, ``agent_id`` an id; without either, the conversation's own agent answers, in a new one that of
    DEFAULT_AGENT.
    """

    model_config = ConfigDict(extra="forbid")
    whole = field_validator("*", mode="before")(whole_texts)

    message: str | None = Field(None, examples=["What is prompt caching?"])
    messages: list[SaidMessage] | None = Field(
        None,
        min_length=1,
        max_length=2_000,
        description="In place of message: from the first to the one that is asked, both the user's.",
    )
    chat_id: str | None = Field(
        None,
        validation_alias=AliasChoices("chat_id", "conversation_id", "conversationId"),
        description="Null begins a new conversation.",
    )
    agent_id: str | None = Field(None, min_length=1, validation_alias=AliasChoices("agent_id", "agentId"))
    agent: str | None = Field(None, min_length=1, examples=["Everyday Assistant"])

    def asked(self) -> tuple[str, list[Earlier]]:
        """Return the text that is asked, and what was said before. Raises a problem that names the field."""
        if (self.message is None) == (self.messages is None):
            raise wrong("message", "give either message or messages")
        if self.messages is None:
            return self.message or "", []
        *before, last = self.messages
        if last.role != "user":
            raise wrong("messages", "the last message must be one of the user: it is what is asked")
        if before and self.chat_id is not None:
            raise wrong("messages", "a conversation of chat_id has its own history: send the new message alone")
        if before and before[0].role != "user":
            raise wrong("messages", "the first message must be one of the user")
        return last.text, [Earlier(each.role, each.text) for each in before]


class ChatAsked(BaseModel):
    """Who asks is told by the cookie alone: ``orgId`` and ``userId`` mean nothing."""

    whole = field_validator("*", mode="before")(whole_texts)

    message: str = Field(examples=["What is prompt caching?"])
    chat_id: str | None = Field(None, description="None begins a new conversation.")
    agent_id: str | None = Field(None, min_length=1)
    agent: str | None = Field(None, min_length=1)


class ChatReply(BaseModel):
    """``stop_reason`` is why the model stopped, in its own word; ``basis`` is how sure the cost in the books is."""

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


@chat_doors.head(ADDRESSES[1], include_in_schema=False)
@chat_doors.head(ADDRESSES[2], include_in_schema=False)
def chat_stream_headers() -> Response:
    return stream_headers()


@chat_doors.post(ADDRESSES[0], response_model=ChatReply, responses=raises(*REFUSALS, *NOT_ANSWERED))
def chat(services: Running, by: Caller, check: Checking, given: ChatMessage, key: IdempotencyKey = None) -> Response:
    """Return the whole answer as one reply.

    While somebody's consent to a tool is waited for, the answer has begun: its header `X-Waiting-For` says where to
    consent, its status is 200, and blanks come before the JSON. If it fails then, the JSON is the problem.
    """
    return WholeReply(_begin(services, by, given, key), check, _reply)


@chat_doors.post(ADDRESSES[1], **_stream(TOKENS))
def chat_stream(
    services: Running,
    by: Caller,
    check: Checking,
    given: ChatMessage,
    request: RequestId,
    key: IdempotencyKey = None,
    last_event_id: LastEventId = "",
) -> Response:
    """Return the answer's text as it is written, and the whole of it at the end."""
    following = _begin(services, by, given, key, last_event_id)
    return EventStream(following, check, Tokens(), request)


@chat_doors.get(ADDRESSES[1], name="chat_event_source", **_stream(TOKENS))
def chat_event_source(
    services: Running,
    by: Browser,
    check: CheckingBrowser,
    asked: Annotated[ChatAsked, Query()],
    request: RequestId,
    last_event_id: LastEventId = "",
) -> Response:
    """Return the same to a browser's EventSource on a page of ours, which sends its cookie instead of a token.

    Its own reconnecting goes on with the same answer, and status 204 ends it.
    """
    given = ChatMessage(message=asked.message, chat_id=asked.chat_id, agent_id=asked.agent_id, agent=asked.agent)
    key = "event source " + sha256(given.model_dump_json().encode()).hexdigest()
    following = _begin(services, by, given, key, last_event_id, kept=_RECONNECTS_WITHIN)
    free = partial(services.turns.free, by, key, following.head.task_trace_id)
    return EventStream(following, check, Tokens(), request, whole=free)


@chat_doors.post(ADDRESSES[2], **_stream(TYPED))
def tool_chat_stream(
    services: Running,
    by: Caller,
    check: Checking,
    given: ChatMessage,
    request: RequestId,
    key: IdempotencyKey = None,
    last_event_id: LastEventId = "",
) -> Response:
    """Stream text, and what tools are used on the way to it."""
    following = _begin(services, by, given, key, last_event_id)
    return EventStream(following, check, TypedEvents(following.head.at), request)


def _begin(
    services: Services,
    by: Person,
    given: ChatMessage,
    key: str | None,
    last_event_id: str = "",
    kept: timedelta = KEPT,
) -> Following:
    text, earlier = given.asked()
    agent_id = given.agent_id or _agent_for(services, by, given)
    return begin(services, by, Sent(agent_id, text, given.chat_id, earlier, key, last_event_id, kept))


def _agent_for(services: Services, by: Person, given: ChatMessage) -> str:
    if given.agent is not None:
        return _named(services, by, given.agent)
    if given.chat_id is not None:
        return services.conversations.get(by, given.chat_id).agent_id
    if services.settings.default_agent.strip():
        return _named(services, by, services.settings.default_agent)
    for agent in services.agents.list(by):
        return agent.id
    raise NotFound("There is no active agent that could answer. An admin can make or activate one on Agents.")


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
