"""The caller's own conversations: find, read, rename, archive, delete; what they cost stays in the books."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import Field

from core.access.roles import Person
from core.api.caller import Caller, Running
from core.api.problems import raises, wrong
from core.api.wire import Data, Given, Money, Tokens, Wire, money, sendable, tokens
from core.conversations.conversations import LONGEST_TITLE
from core.conversations.transcript import MessageView, TurnFigures
from core.errors import ConversationBusy, NotAllowed, NotFound
from core.events import CostBasis
from core.wiring import Services

conversations = APIRouter(prefix="/api/conversations", tags=["conversations"], responses=raises(NotAllowed))


class ConversationQuery(Given):
    search: str = Field("", max_length=200, description="A part of the title or of a message.")
    archived: bool = Field(False, description="Those in the archive instead of the others.")
    limit: int = Field(100, ge=1, le=500)


class Conversation(Wire):
    """``running``: an answer is being written; ``waiting``: for somebody's consent to a tool."""

    id: str
    title: str
    agent_id: str
    agent_name: str
    updated_at: datetime
    archived: bool
    running: bool
    waiting: bool


class ConversationDetail(Conversation):
    turns: int = Field(description="Turns that have ended, replaced ones included.")
    cost: Money | None = Field(description="Of those turns; null if one of them has no known price.")
    basis: CostBasis = Field(description="How sure that cost is; estimated as soon as one of them is.")


class Turn(Wire):
    """``cost`` null is not known, or not yet while it runs."""

    task_trace_id: str
    status: str
    model: str
    usage: Tokens
    cost: Money | None
    basis: str | None
    started_at: datetime
    duration_ms: int | None
    time_to_first_token_ms: int | None
    error_type: str | None
    error_text: str | None
    simulated: bool


class Message(Wire):
    """``content`` are the provider's blocks; ``turn`` hangs on the answer, or on the question if there is none."""

    id: str
    role: Literal["user", "assistant"]
    status: str
    text: str
    content: list[dict[str, Any]]
    created_at: datetime
    turn: Turn | None


class Change(Given):
    """At least one of them."""

    title: str | None = Field(None, min_length=1, max_length=LONGEST_TITLE, examples=["Plans for the garden"])
    archived: bool | None = None


@conversations.get("")
def list_conversations(
    services: Running, by: Caller, query: Annotated[ConversationQuery, Query()]
) -> Data[list[Conversation]]:
    """List the caller's conversations, those last written to first."""
    found = services.conversations.list(by, search=query.search, archived=query.archived, limit=query.limit)
    return Data(data=[Conversation.model_validate(each) for each in found])


@conversations.get("/{conversation_id}", responses=raises(NotFound))
def read_conversation(services: Running, by: Caller, conversation_id: str) -> Data[ConversationDetail]:
    """Read a conversation, with what all its turns cost."""
    return Data(data=_detail(services, by, conversation_id))


@conversations.get("/{conversation_id}/messages", responses=raises(NotFound))
def list_messages(services: Running, by: Caller, conversation_id: str) -> Data[list[Message]]:
    """List a conversation's messages in order, with what each answer took and cost; replaced ones are left out."""
    return Data(data=[_message(each) for each in services.conversations.transcript(by, conversation_id)])


@conversations.patch("/{conversation_id}", responses=raises(NotFound))
def change_conversation(
    services: Running, by: Caller, conversation_id: str, change: Change
) -> Data[ConversationDetail]:
    """Rename it, or move it into the archive or out of it."""
    if change.title is None and change.archived is None:
        raise wrong("title", "missing, and so is archived: there is nothing to change")
    if change.title is not None:
        services.conversations.rename(by, conversation_id, change.title)
    if change.archived is not None:
        move = services.conversations.archive if change.archived else services.conversations.unarchive
        move(by, conversation_id)
    return Data(data=_detail(services, by, conversation_id))


@conversations.delete("/{conversation_id}", status_code=204, responses=raises(NotFound, ConversationBusy))
def delete_conversation(services: Running, by: Caller, conversation_id: str) -> Response:
    """Forget every word and file of it; what it cost stays in the books. Not while an answer is being written."""
    services.conversations.delete(by, conversation_id)
    return Response(status_code=204)


def _detail(services: Services, by: Person, conversation_id: str) -> ConversationDetail:
    view = Conversation.model_validate(services.conversations.get(by, conversation_id))
    total, turns, basis = services.conversations.spent(by, conversation_id)
    return ConversationDetail(**view.model_dump(), turns=turns, cost=money(total), basis=basis)


def _message(of: MessageView) -> Message:
    return Message(
        id=of.id,
        role=of.role,
        status=of.status,
        text=of.text,
        content=sendable(of.blocks),
        created_at=of.created_at,
        turn=None if of.turn is None else _turn(of.turn),
    )


def _turn(of: TurnFigures) -> Turn:
    own = {name: getattr(of, name) for name in Turn.model_fields if hasattr(of, name)}
    return Turn(**{**own, "usage": tokens(of.usage), "cost": money(of.total)})
