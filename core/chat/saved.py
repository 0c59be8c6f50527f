"""A turn as the books have it, for whoever asks for it where it does not run."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, ScalarSelect, select

from core.analytics.figures import is_master_session, tokens_of, usage_of
from core.chat.turn import Head
from core.events import TurnEnded, TurnStarted
from core.store.tables import Agent, Conversation, Message, TaskTrace, TraceSession, TraceSpan
from core.store.text import storable

_traces, _sessions, _agents = TaskTrace.__table__, TraceSession.__table__, Agent.__table__
_spans = TraceSpan.__table__
_messages, _conversations = Message.__table__, Conversation.__table__


def _last_stop_reason() -> ScalarSelect[str | None]:
    """Of the master agent's last call, as for a turn that is followed where it runs."""
    last = select(_spans.c.stop_reason).where(_spans.c.trace_session_id == _sessions.c.id)
    last = last.where(_spans.c.kind == "model_call").order_by(_spans.c.started_at.desc(), _spans.c.id.desc())
    return last.limit(1).correlate(_sessions).scalar_subquery()


_QUERY = (
    select(
        _traces.c.id,
        _traces.c.conversation_id,
        _traces.c.owner_id,
        _traces.c.master_agent_id,
        _traces.c.model,
        _traces.c.status,
        *tokens_of(_traces),
        _traces.c.cost_nanos,
        _traces.c.cost_basis,
        _traces.c.time_to_first_token_ms,
        _traces.c.duration_ms,
        _traces.c.error_type,
        _traces.c.error_text,
        _traces.c.started_at,
        _messages.c.id.label("message_id"),
        _messages.c.text,
        _sessions.c.session_type,
        _agents.c.name.label("agent_name"),
        _last_stop_reason().label("stop_reason"),
    )
    .join(_conversations, (_conversations.c.id == _traces.c.conversation_id) & _conversations.c.deleted_at.is_(None))
    .join(_agents, _agents.c.id == _traces.c.master_agent_id)
    .join(_messages, (_messages.c.task_trace_id == _traces.c.id) & (_messages.c.role == "assistant"))
    .outerjoin(_sessions, is_master_session())
)


@dataclass(frozen=True, slots=True)
class SavedTurn:
    """``text`` is what is saved of the answer, ``end`` is None while it is being written."""

    head: Head
    start: TurnStarted
    text: str
    end: TurnEnded | None


def read_saved(connection: Connection, task_trace_id: str) -> SavedTurn | None:
    """None if there is no such turn, or if its words were deleted."""
    row = connection.execute(_QUERY.where(_traces.c.id == storable(task_trace_id))).first()
    if row is None:
        return None
    head = Head(row.id, row.conversation_id, row.message_id, row.owner_id, row.master_agent_id, row.started_at)
    simulated = row.session_type == "simulated"
    start = TurnStarted(row.id, row.conversation_id, row.agent_name, row.model, simulated)
    return SavedTurn(head, start, row.text, None if row.status == "running" else _end(row))


def _end(row: Row[Any]) -> TurnEnded:
    return TurnEnded(
        status=row.status,
        usage=usage_of(row),
        total=row.cost_nanos,
        basis=row.cost_basis,
        stop_reason=row.stop_reason,
        time_to_first_token_ms=row.time_to_first_token_ms,
        duration_ms=row.duration_ms or 0,
        error_type=row.error_type,
        error_text=row.error_text,
        task_trace_id=row.id,
    )
