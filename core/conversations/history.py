"""What was said so far in a conversation, as its next request needs it."""

from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, Row, Select, and_, exists, func, select

from core.access.roles import Person
from core.agent.context import HistoryMessage
from core.analytics.figures import is_master_session
from core.conversations.attachments import references
from core.conversations.ownership import owned
from core.errors import ConversationGone, MessageGone
from core.provider.blocks import Block
from core.store.tables import Conversation, Message, TaskTrace, TraceSession, TraceSpan
from core.units import TOKENS

_conversations, _messages, _traces = Conversation.__table__, Message.__table__, TaskTrace.__table__
_sessions, _spans = TraceSession.__table__, TraceSpan.__table__

_TOKENS: ColumnElement[int] = reduce(add, (_spans.c[bucket.column] for bucket in TOKENS))


@dataclass(frozen=True, slots=True)
class History:
    """``last_message_id`` is the newest message of all, replaced ones included.

    Messages refer to the files attached to them; ``kept`` are the references of the message to be replaced.
    """

    said: list[HistoryMessage]
    last_message_id: str | None
    kept: tuple[Block, ...] = ()


def read_history(
    connection: Connection, by: Person, conversation_id: str, *, before: str | None, simulated: bool = False
) -> History:
    """Read all that was said before the message ``before``; ``simulated`` is whether it goes to the simulator.

    Raises ConversationGone, also for what is someone else's, and MessageGone.
    """
    _own(connection, by, conversation_id)
    kept = () if before is None else _kept(connection, conversation_id, before)
    rows = connection.execute(_said(conversation_id, before))
    newest = select(func.max(_messages.c.id)).where(_messages.c.conversation_id == conversation_id)
    said = [_as_said(row, simulated) for row in rows]
    return History(said, connection.execute(newest).scalar(), kept)


def _as_said(row: Row[Any], simulated: bool) -> HistoryMessage:
    foreign = row.session_type is not None and (row.session_type == "simulated") != simulated
    return HistoryMessage(row.role, row.content, row.status != "complete", row.model, _counted(row), foreign)


def _counted(row: Row[Any]) -> int | None:
    """Of an answer that was cut short, the last call does not count all."""
    return row.tokens if row.stop_reason and row.status == "complete" else None


def _own(connection: Connection, by: Person, conversation_id: str) -> None:
    found = select(_conversations.c.id).where(owned(by, conversation_id))
    if connection.execute(found).first() is None:
        raise ConversationGone("There is no such conversation. It may have been deleted; start a new one.")


def _kept(connection: Connection, conversation_id: str, message_id: str) -> tuple[Block, ...]:
    """Return what is attached to the message that is to be replaced."""
    found = select(_messages.c.content).where(
        _messages.c.id == message_id,
        _messages.c.conversation_id == conversation_id,
        _messages.c.role == "user",
        _messages.c.replaced_at.is_(None),
    )
    row = connection.execute(found).first()
    if row is None:
        raise MessageGone(
            "The message that this one changes has been changed already, perhaps in another tab. "
            "Send yours as a new message."
        )
    return tuple(references(row.content))


def _said(conversation_id: str, before: str | None) -> Select[Any]:
    """Messages with, for answers, the model and the token count of the last call that the provider finished."""
    query = (
        select(_messages.c.role, _messages.c.content, _messages.c.status, _spans.c.stop_reason)
        .add_columns(_sessions.c.model, _sessions.c.session_type, _TOKENS.label("tokens"))
        .outerjoin(_traces, (_traces.c.id == _messages.c.task_trace_id) & (_messages.c.role == "assistant"))
        .outerjoin(_sessions, is_master_session())
        .outerjoin(_spans, (_spans.c.trace_session_id == _sessions.c.id) & _is_finished_call(_spans) & ~_later_call())
        .where(_messages.c.conversation_id == conversation_id, _messages.c.replaced_at.is_(None))
        .order_by(_messages.c.id)
    )
    return query if before is None else query.where(_messages.c.id < before)


def _is_finished_call(spans: FromClause) -> ColumnElement[bool]:
    return and_(spans.c.kind == "model_call", spans.c.status == "success")


def _later_call() -> ColumnElement[bool]:
    later = _spans.alias()
    same = and_(later.c.trace_session_id == _spans.c.trace_session_id, later.c.iteration > _spans.c.iteration)
    return exists().where(same, _is_finished_call(later))
