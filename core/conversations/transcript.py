"""What stands in a conversation, with what each answer took and cost."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Connection, Row, Select, func, select, true

from core.access.roles import Person
from core.analytics.figures import is_master_session, tokens_of, usage_of
from core.conversations.ownership import owned
from core.conversations.tool_history import ToolRun, read_tool_runs
from core.money import Nanos
from core.store.tables import Agent, Conversation, Message, TaskTrace, TraceSession, TraceSpan
from core.usage import Usage

_conversations, _messages = Conversation.__table__, Message.__table__
_agents = Agent.__table__
_traces, _sessions, _spans = TaskTrace.__table__, TraceSession.__table__, TraceSpan.__table__


@dataclass(frozen=True, slots=True)
class TurnFigures:
    """A turn as the books have it; ``total`` None means no known price, or not known yet while it runs.

    ``stop_reason`` is why the model stopped last, in the provider's word.
    """

    task_trace_id: str
    status: str
    usage: Usage
    total: Nanos | None
    basis: str | None
    model: str
    time_to_first_token_ms: int | None
    duration_ms: int | None
    error_type: str | None
    error_text: str | None
    started_at: datetime
    simulated: bool
    stop_reason: str | None
    agent_id: str = ""
    agent_name: str = ""
    agent_version: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MessageView:
    """``blocks`` are the provider's own, ``tools`` what the books say of the calls among them, by their ids.

    ``turn`` hangs on the answer, or on the user's message if there is none.
    """

    id: str
    role: str
    status: str
    blocks: tuple[dict[str, Any], ...]
    text: str
    created_at: datetime
    turn: TurnFigures | None
    tools: Mapping[str, ToolRun] = field(default_factory=dict)


Transcript: TypeAlias = list[MessageView]

_STOP_REASON = (
    select(_spans.c.stop_reason)
    .where(_spans.c.trace_session_id == _sessions.c.id, _spans.c.kind == "model_call", _spans.c.status == "success")
    .order_by(_spans.c.iteration.desc())
    .limit(1)
    .correlate(_sessions)
    .scalar_subquery()
)
_COLUMNS = (
    _messages.c.id,
    _messages.c.role,
    _messages.c.status.label("message_status"),
    _messages.c.content,
    _messages.c.text,
    _messages.c.created_at,
    _traces.c.id.label("task_trace_id"),
    _traces.c.master_agent_id,
    _traces.c.status,
    *tokens_of(_traces),
    _traces.c.cost_nanos,
    _traces.c.cost_basis,
    func.coalesce(_sessions.c.model, "").label("model"),
    _traces.c.time_to_first_token_ms,
    _traces.c.duration_ms,
    _traces.c.error_type,
    _traces.c.error_text,
    _traces.c.started_at,
    _sessions.c.session_type,
    _sessions.c.notes,
    _STOP_REASON.label("stop_reason"),
    _sessions.c.agent_id,
    _agents.c.name.label("agent_name"),
    _sessions.c.agent_version,
)


def _query(within: ColumnElement[bool]) -> Select[Any]:
    """Select the messages that stand and are ``within``; a row without a message if there is none."""
    of_it = _messages.c.conversation_id == _conversations.c.id
    return (
        select(*_COLUMNS)
        .select_from(_conversations)
        .outerjoin(_messages, of_it & _messages.c.replaced_at.is_(None) & within)
        .outerjoin(_traces, _traces.c.id == _messages.c.task_trace_id)
        .outerjoin(_sessions, is_master_session())
        .outerjoin(_agents, _agents.c.id == _sessions.c.agent_id)
        .order_by(_messages.c.id)
    )


def read_transcript(
    connection: Connection, by: Person, conversation_id: str, within: ColumnElement[bool] | None = None
) -> Transcript | None:
    """Read the messages in order, by one query and one for their tools; None without such a conversation of theirs.

    For a token, what turns of agents cost that it is not for is left out.
    """
    query = _query(true() if within is None else within)
    rows = connection.execute(query.where(owned(by, conversation_id))).all()
    if not rows:
        return None
    answered = {row.task_trace_id for row in rows if row.role == "assistant"}
    runs = read_tool_runs(connection, [row.task_trace_id for row in rows if _called_tools(row)])
    read = [_message(row, answered, runs.get(row.task_trace_id, {})) for row in rows if row.id is not None]
    foreign = {row.id for row in rows if by.agents is not None and row.master_agent_id not in by.agents}
    return [replace(message, turn=None) if message.id in foreign else message for message in read]


def _called_tools(row: Row[Any]) -> bool:
    return row.role == "assistant" and any(block["type"] == "tool_use" for block in row.content)


def _message(row: Row[Any], answered: set[str], tools: Mapping[str, ToolRun]) -> MessageView:
    has_figures = row.task_trace_id is not None and (row.role == "assistant" or row.task_trace_id not in answered)
    return MessageView(
        id=row.id,
        role=row.role,
        status=row.message_status,
        blocks=tuple(row.content),
        text=row.text,
        created_at=row.created_at,
        turn=_figures(row) if has_figures else None,
        tools=tools if row.role == "assistant" else {},
    )


def _figures(row: Row[Any]) -> TurnFigures:
    return TurnFigures(
        task_trace_id=row.task_trace_id,
        status=row.status,
        usage=usage_of(row),
        total=row.cost_nanos,
        basis=row.cost_basis,
        model=row.model,
        time_to_first_token_ms=row.time_to_first_token_ms,
        duration_ms=row.duration_ms,
        error_type=row.error_type,
        error_text=row.error_text,
        started_at=row.started_at,
        simulated=row.session_type == "simulated",
        stop_reason=row.stop_reason,
        agent_id=row.agent_id or "",
        agent_name=row.agent_name or "",
        agent_version=row.agent_version or 0,
        notes=tuple(row.notes or ()),
    )
