"""Whether anything has changed that an open page shows: one cheap query."""

from typing import Any, TypeAlias

from sqlalchemy import Connection, FromClause, func, select, true

from core.access.roles import Person
from core.conversations.ownership import belongs_to, owned
from core.store.tables import Agent, Conversation, TaskTrace
from core.store.tool_tables import ToolApproval

Stamp: TypeAlias = tuple[Any, ...]

_conversations, _traces, _agents = Conversation.__table__, TaskTrace.__table__, Agent.__table__
_approvals = ToolApproval.__table__
_LIST = (
    func.count(),
    func.max(_conversations.c.updated_at),
    func.count(_conversations.c.archived_at),
    func.sum(func.length(_conversations.c.title)),
)
_TURNS = func.count(), func.max(_traces.c.id), func.count(_traces.c.ended_at), func.sum(_traces.c.cost_nanos)


def read_stamp(connection: Connection, by: Person, conversation_id: str | None) -> Stamp:
    """Return what is another whenever the person's list, this conversation or the agents have changed.

    Each message begins or replaces a turn, so that the turns stand for the messages. Raises NotAllowed.
    """
    own = select(_traces.c.id).where(_traces.c.owner_id == by.id, _traces.c.status == "running")
    running = own.where(_traces.c.status != "completed").subquery()  # so that the index of the exceptions is found
    waiting = _approvals.c.task_trace_id.in_(select(running.c.id)), _approvals.c.decision.is_(None)
    theirs = select(_conversations.c.id).where(owned(by, conversation_id or ""))
    parts = (
        select(*_LIST).where(belongs_to(by)),
        select(func.count(), func.max(running.c.id)).select_from(running),
        select(func.count()).select_from(_approvals).where(*waiting),
        select(func.count(), func.sum(_agents.c.current_version), func.max(_agents.c.id)).where(_agents.c.active),
        select(*_TURNS).where(_traces.c.conversation_id.in_(theirs)),
    )
    rows = [part.subquery() for part in parts]
    together: FromClause = rows[0]
    for row in rows[1:]:
        together = together.join(row, true())
    return tuple(connection.execute(select(*rows).select_from(together)).one())
