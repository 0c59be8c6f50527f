"""What the books say of the tools that a conversation's answers called: how long, how it went, who let them run."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import Connection, Row, Select, select

from core.store.access import User
from core.store.tables import Agent, TraceSession, TraceSpan
from core.store.tool_tables import ToolApproval

_spans, _sessions, _agents = TraceSpan.__table__, TraceSession.__table__, Agent.__table__
_approvals, _users = ToolApproval.__table__, User.__table__
_asked = _sessions.alias()


@dataclass(frozen=True, slots=True)
class ToolRun:
    """A call by the master agent. ``status`` is its span's; ``size`` the whole result's in bytes.

    ``asked_agent`` is the name of the agent it asked, if it asked one. ``decision`` is None where nobody had to
    decide, or nobody has yet; ``decided_by`` is None too when time ran out.
    """

    status: str
    duration_ms: int | None
    waited_ms: int | None
    size: int | None
    error_type: str | None
    asked_agent: str | None
    decision: str | None
    decided_by: str | None
    reason: str


ToolRuns: TypeAlias = dict[str, dict[str, ToolRun]]

_RUNS: Select[Any] = (
    select(
        _spans.c.task_trace_id,
        _spans.c.tool_use_id,
        _spans.c.status,
        _spans.c.duration_ms,
        _spans.c.waited_ms,
        _spans.c.output_size,
        _spans.c.error_type,
        _agents.c.name.label("asked_agent"),
        _approvals.c.decision,
        _approvals.c.reason,
        _users.c.name.label("decided_by"),
    )
    .join(_sessions, (_sessions.c.id == _spans.c.trace_session_id) & _sessions.c.parent_span_id.is_(None))
    .outerjoin(_asked, (_asked.c.task_trace_id == _spans.c.task_trace_id) & (_asked.c.parent_span_id == _spans.c.id))
    .outerjoin(_agents, _agents.c.id == _asked.c.agent_id)
    .outerjoin(_approvals, _approvals.c.span_id == _spans.c.id)
    .outerjoin(_users, _users.c.id == _approvals.c.decided_by)
    .where(_spans.c.kind == "tool")
    .order_by(_spans.c.id)
)


def read_tool_runs(connection: Connection, task_trace_ids: Sequence[str]) -> ToolRuns:
    """Read runs by trace and by the id of the call, with one query for all of them."""
    runs: ToolRuns = {each: {} for each in task_trace_ids}
    if runs:
        for row in connection.execute(_RUNS.where(_spans.c.task_trace_id.in_(list(runs)))):
            runs[row.task_trace_id][row.tool_use_id] = _run(row)
    return runs


def _run(row: Row[Any]) -> ToolRun:
    return ToolRun(
        status=row.status,
        duration_ms=row.duration_ms,
        waited_ms=row.waited_ms,
        size=row.output_size,
        error_type=row.error_type,
        asked_agent=row.asked_agent,
        decision=row.decision,
        decided_by=row.decided_by,
        reason=row.reason or "",
    )
