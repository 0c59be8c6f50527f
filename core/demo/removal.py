"""Takes the demo month away: all of it and nothing else, a few traces at a time."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, delete, exists, func, insert, select

from core.demo.cast import SOURCE
from core.demo.ids import is_demo
from core.demo.state import change_phase, forget, read_state
from core.store.access import User
from core.store.rollups import SERVED
from core.store.tables import (
    Agent,
    AgentVersion,
    Conversation,
    DirtyBucket,
    LedgerLine,
    Message,
    TaskTrace,
    TraceSession,
    TraceSpan,
)

TRACES_AT_ONCE = 150

_traces, _sessions, _conversations = TaskTrace.__table__, TraceSession.__table__, Conversation.__table__
_agents, _versions, _users, _messages = Agent.__table__, AgentVersion.__table__, User.__table__, Message.__table__
_PARTS = (LedgerLine.__table__, TraceSpan.__table__, _sessions, _messages, SERVED)
"""Of a trace, the ones that point at others first."""
_MONTH = is_demo(_traces.c.owner_id), _traces.c.source == SOURCE


def begin(connection: Connection) -> bool:
    """Begin the removal; False if there is nothing to remove."""
    if read_state(connection, lock=True) is None:
        return False
    change_phase(connection, "removing")
    return True


def remove_some(connection: Connection) -> int:
    """Remove some traces; returns how many, 0 when none is left. Their hours are marked, so that the sums follow."""
    if read_state(connection, lock=True) is None:
        return 0
    chosen = connection.execute(select(_traces.c.id, _traces.c.started_at).where(*_MONTH).limit(TRACES_AT_ONCE)).all()
    if chosen:
        ids = [row.id for row in chosen]
        for table in _PARTS:
            connection.execute(delete(table).where(table.c.task_trace_id.in_(ids)))
        connection.execute(delete(_traces).where(_traces.c.id.in_(ids)))
        hours = sorted({_hour(row.started_at) for row in chosen})
        connection.execute(insert(DirtyBucket.__table__), [{"hour": hour} for hour in hours])
    return len(chosen)


def count_traces(connection: Connection) -> int:
    return int(connection.execute(select(func.count()).select_from(_traces).where(*_MONTH)).scalar_one())


def remove_rest(connection: Connection) -> None:
    """Remove what the traces belonged to; an agent that others have used or changed stays, and cannot be asked."""
    if read_state(connection, lock=True) is None:
        return
    _remove_conversations(connection)
    for (agent_id,) in connection.execute(select(_agents.c.id).where(is_demo(_agents.c.id))).all():
        _remove_agent(connection, agent_id)
    in_use = (
        exists().where(column == _users.c.id)
        for column in (_versions.c.created_by, _conversations.c.owner_id, _traces.c.owner_id)
    )
    connection.execute(delete(_users).where(is_demo(_users.c.id), *(~used for used in in_use)))
    forget(connection)


def _remove_conversations(connection: Connection) -> None:
    empty = (is_demo(_conversations.c.owner_id), ~exists().where(_traces.c.conversation_id == _conversations.c.id))
    of_empty = _messages.c.conversation_id.in_(select(_conversations.c.id).where(*empty))
    connection.execute(delete(_messages).where(of_empty))
    connection.execute(delete(_conversations).where(*empty))


def _remove_agent(connection: Connection, agent_id: str) -> None:
    of_agent = _versions.c.agent_id == agent_id
    if not any(connection.execute(use.limit(1)).first() for use in _uses(agent_id)):
        connection.execute(delete(_versions).where(of_agent))
        connection.execute(delete(_agents).where(_agents.c.id == agent_id))


def _uses(agent_id: str) -> tuple[Select[Any], ...]:
    return (
        select(_versions.c.number).where(_versions.c.agent_id == agent_id, ~is_demo(_versions.c.created_by)),
        select(_conversations.c.id).where(_conversations.c.agent_id == agent_id),
        select(_traces.c.id).where(_traces.c.master_agent_id == agent_id),
        select(_sessions.c.id).where(_sessions.c.agent_id == agent_id),
    )


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)
