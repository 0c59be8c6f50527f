"""What was said so far in a conversation, as its next request needs it."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, func, select

from core.agent.context import Said
from core.errors import NotFound
from core.store.tables import Conversation, Message, TraceSession, TraceSpan

_conversations, _messages = Conversation.__table__, Message.__table__
_sessions, _spans = TraceSession.__table__, TraceSpan.__table__

_TOKENS = (
    _spans.c.input_tokens
    + _spans.c.cache_read_tokens
    + _spans.c.cache_write_5m_tokens
    + _spans.c.cache_write_1h_tokens
    + _spans.c.output_tokens
)


@dataclass(frozen=True, slots=True)
class History:
    """``last_message_id`` is the newest message of all, replaced ones included."""

    said: list[Said]
    last_message_id: str | None


def read_history(connection: Connection, owner_id: str, conversation_id: str, *, before: str | None) -> History:
    """All that was said, up to but without the message ``before``. Raises NotFound, also for what is someone else's."""
    _own(connection, owner_id, conversation_id)
    if before is not None:
        _replaceable(connection, conversation_id, before)
    rows = connection.execute(_said(conversation_id, before))
    newest = select(func.max(_messages.c.id)).where(_messages.c.conversation_id == conversation_id)
    said = [
        Said(row.role, row.content, row.status != "complete", row.model, row.tokens if row.stop_reason else None)
        for row in rows
    ]
    return History(said, connection.execute(newest).scalar())


def _own(connection: Connection, owner_id: str, conversation_id: str) -> None:
    found = select(_conversations.c.id).where(
        _conversations.c.id == conversation_id,
        _conversations.c.owner_id == owner_id,
        _conversations.c.deleted_at.is_(None),
    )
    if connection.execute(found).first() is None:
        raise NotFound("There is no such conversation. It may have been deleted; start a new one.")


def _replaceable(connection: Connection, conversation_id: str, message_id: str) -> None:
    found = select(_messages.c.id).where(
        _messages.c.id == message_id,
        _messages.c.conversation_id == conversation_id,
        _messages.c.role == "user",
        _messages.c.replaced_at.is_(None),
    )
    if connection.execute(found).first() is None:
        raise NotFound("The message to replace is not there any more. Reload the conversation.")


def _said(conversation_id: str, before: str | None) -> Select[Any]:
    """Messages with, for answers, the model and the token count of the attempt that the provider finished."""
    query = (
        select(_messages.c.role, _messages.c.content, _messages.c.status, _spans.c.stop_reason)
        .add_columns(_sessions.c.model, _TOKENS.label("tokens"))
        .outerjoin(
            _sessions, (_sessions.c.task_trace_id == _messages.c.task_trace_id) & (_messages.c.role == "assistant")
        )
        .outerjoin(_spans, (_spans.c.trace_session_id == _sessions.c.id) & (_spans.c.status == "success"))
        .where(_messages.c.conversation_id == conversation_id, _messages.c.replaced_at.is_(None))
        .order_by(_messages.c.id)
    )
    return query if before is None else query.where(_messages.c.id < before)
