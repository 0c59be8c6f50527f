"""A trace as one row: who asked whom, what it took and what it cost. Never a word of what was said."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select

from core.analytics.figures import is_master_session, tokens_of, usage_of
from core.money import Nanos
from core.store.access import User
from core.store.tables import Agent, TaskTrace, TraceSession, TraceSpan
from core.usage import Usage

_traces, _sessions, _spans = TaskTrace.__table__, TraceSession.__table__, TraceSpan.__table__
_agents, _users = Agent.__table__, User.__table__


NO_AGENT, NO_PERSON = "No agent", "No person"
"""How a trace from elsewhere is told that is of none that is known here."""


@dataclass(frozen=True, slots=True)
class TraceRow:
    """``total`` None means no known price, or not known yet while it runs; then ``basis`` is None too.

    ``agent_name`` and ``person`` are today's names, which may be equal where the ids are not, ``attempts`` counts the
    model calls including repeated ones.
    """

    id: str
    started_at: datetime
    status: str
    agent_name: str
    model: str
    person: str
    conversation_id: str | None
    source: str
    simulated: bool
    usage: Usage
    total: Nanos | None
    basis: str | None
    duration_ms: int | None
    time_to_first_token_ms: int | None
    error_type: str | None
    attempts: int
    provenance: str
    key_source: str
    key_label: str | None
    agent_id: str | None
    person_id: str | None


TRACES = (
    select(
        _traces.c.id,
        _traces.c.started_at,
        _traces.c.status,
        func.coalesce(_agents.c.name, NO_AGENT).label("agent_name"),
        _traces.c.model,
        func.coalesce(_users.c.name, NO_PERSON).label("person"),
        _traces.c.conversation_id,
        _traces.c.source,
        _sessions.c.session_type,
        *tokens_of(_traces),
        _traces.c.cost_nanos,
        _traces.c.cost_basis,
        _traces.c.duration_ms,
        _traces.c.time_to_first_token_ms,
        _traces.c.error_type,
        _traces.c.provenance,
        _traces.c.key_source,
        _traces.c.key_label,
        _traces.c.master_agent_id,
        _traces.c.owner_id,
        select(func.count())
        .where(_spans.c.task_trace_id == _traces.c.id, _spans.c.kind == "model_call")
        .scalar_subquery()
        .label("attempts"),
    )
    .outerjoin(_users, _users.c.id == _traces.c.owner_id)
    .outerjoin(_agents, _agents.c.id == _traces.c.master_agent_id)
    .outerjoin(_sessions, is_master_session())
)


def trace_row(row: Row[Any]) -> TraceRow:
    """Make the value from a row of ``TRACES``."""
    return TraceRow(
        id=row.id,
        started_at=row.started_at,
        status=row.status,
        agent_name=row.agent_name,
        model=row.model,
        person=row.person,
        conversation_id=row.conversation_id,
        source=row.source,
        simulated=row.session_type == "simulated",
        usage=usage_of(row),
        total=row.cost_nanos,
        basis=row.cost_basis,
        duration_ms=row.duration_ms,
        time_to_first_token_ms=row.time_to_first_token_ms,
        error_type=row.error_type,
        attempts=row.attempts,
        provenance=row.provenance,
        key_source=row.key_source,
        key_label=row.key_label,
        agent_id=row.master_agent_id,
        person_id=row.owner_id,
    )
