"""A turn as the books have it, for callers where it does not run."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, ScalarSelect, select

from core.analytics.figures import is_master_session, tokens_of, usage_of
from core.chat.new_turn import Head
from core.clock import now
from core.events import ApprovalRequested, ToolDetected, ToolEvent, ToolProgress, ToolStatus, TurnEnded, TurnStarted
from core.store.tables import Agent, Conversation, Message, TaskTrace, TraceSession, TraceSpan
from core.store.text import storable
from core.store.tool_tables import ToolApproval

_traces, _sessions, _agents = TaskTrace.__table__, TraceSession.__table__, Agent.__table__
_spans, _approvals = TraceSpan.__table__, ToolApproval.__table__
_messages, _conversations = Message.__table__, Conversation.__table__
_TOOLS = (
    select(_spans.c.id, _spans.c.tool_use_id, _spans.c.tool_name, _spans.c.input, _spans.c.status)
    .add_columns(_spans.c.duration_ms, _spans.c.waited_ms, _approvals.c.expires_at, _approvals.c.decision)
    .outerjoin(_approvals, _approvals.c.span_id == _spans.c.id)
    .where(_spans.c.kind == "tool")
    .order_by(_spans.c.iteration, _spans.c.id)
)


def _last_stop_reason() -> ScalarSelect[str | None]:
    """Of the master agent's last call, as for a turn that is followed where it runs."""
    last = select(_spans.c.stop_reason).where(_spans.c.trace_session_id == _sessions.c.id)
    last = last.where(_spans.c.kind == "model_call").order_by(_spans.c.started_at.desc(), _spans.c.id.desc())
    return last.limit(1).correlate(_sessions).scalar_subquery()


_QUERY = (
    select(
        _traces.c.instruction,
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
class SavedTool:
    """A call of a tool, also of an agent that was asked; ``consent_until`` while somebody's consent is waited for.

    ``duration_ms`` is the tool's own, without that wait.
    """

    span_id: str
    id: str
    name: str
    input: dict[str, Any]
    status: ToolStatus
    duration_ms: int | None = None
    consent_until: datetime | None = None

    def since(self, earlier: "SavedTool | None") -> Iterator[ToolEvent]:
        """Return what has become of it since it was as ``earlier``, None if nothing was known of it."""
        if earlier is None:
            yield ToolDetected(self.id, self.name, self.input)
        if self.consent_until is not None and (earlier is None or earlier.consent_until is None):
            yield ApprovalRequested(self.id, self.span_id, self.name, self.input, self.consent_until)
        was = None if earlier is None or earlier.consent_until is not None else earlier.status
        if self.consent_until is None and self.status != was:
            yield ToolProgress(self.id, self.name, self.status, self.duration_ms, 1, 1)


@dataclass(frozen=True, slots=True)
class SavedTurn:
    """``text`` is what is saved of the answer, ``end`` is None while it is being written; ``asked`` is the message."""

    head: Head
    start: TurnStarted
    text: str
    end: TurnEnded | None
    tools: tuple[SavedTool, ...] = ()
    asked: str = ""


def read_saved(connection: Connection, task_trace_id: str) -> SavedTurn | None:
    """Read a turn; None if there is no such turn, or if its words were deleted."""
    row = connection.execute(_QUERY.where(_traces.c.id == storable(task_trace_id))).first()
    if row is None:
        return None
    head = Head(row.id, row.conversation_id, row.message_id, row.owner_id, row.master_agent_id, row.started_at)
    simulated = row.session_type == "simulated"
    start = TurnStarted(row.id, row.conversation_id, row.agent_name, row.model, simulated)
    tools = tuple(map(_tool, connection.execute(_TOOLS.where(_spans.c.task_trace_id == row.id))))
    return SavedTurn(head, start, row.text, None if row.status == "running" else _end(row), tools, row.instruction)


def _tool(row: Row[Any]) -> SavedTool:
    waits = row.status == "running" and row.decision is None and row.expires_at is not None and row.expires_at > now()
    status: ToolStatus = {"running": "executing", "success": "completed"}.get(row.status, "failed")  # type: ignore[assignment]
    until = row.expires_at if waits else None
    took = None if row.duration_ms is None else max(0, row.duration_ms - (row.waited_ms or 0))
    return SavedTool(row.id, row.tool_use_id or row.id, row.tool_name, _input(row.input), status, took, until)


def _input(text: str | None) -> dict[str, Any]:
    """Empty where it was cut, so that it is no JSON any more."""
    try:
        given = json.loads(text or "{}")
    except ValueError:
        return {}
    return given if isinstance(given, dict) else {}


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
