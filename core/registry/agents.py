"""The registry of agents: each edit is a new version, and versions never change."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import Connection, RowMapping, func, insert, select, text, update

from core.agent.limits import MOST_ITERATIONS, Limits
from core.clock import new_id, now
from core.errors import InputError, NotFound
from core.registry.agent_draft import AgentDraft, checked, name_key
from core.store.access import User
from core.store.database import Store
from core.store.tables import Agent, AgentVersion
from core.store.text import storable

__all__ = ["AgentDraft", "AgentView", "Agents"]

_agents, _versions, _users = Agent.__table__, AgentVersion.__table__, User.__table__
_ALL_VERSIONS = (
    select(
        _versions,
        _versions.c.number.label("version"),
        _versions.c.created_at.label("edited_at"),
        _users.c.name.label("edited_by"),
        _agents.c.active,
        _agents.c.created_at.label("agent_created_at"),
    )
    .join(_agents, _agents.c.id == _versions.c.agent_id)
    .join(_users, _users.c.id == _versions.c.created_by)
)
_CURRENT = _ALL_VERSIONS.where(_versions.c.number == _agents.c.current_version)


@dataclass(frozen=True, slots=True)
class AgentView(AgentDraft):
    """One version of an agent; ``created_at`` and ``active`` are the agent's, ``edited_*`` this version's."""

    id: str
    version: int
    active: bool
    created_at: datetime
    edited_at: datetime
    edited_by: str


AgentViews: TypeAlias = list[AgentView]


class Agents:
    """Reads and changes the registry, from any thread and any process."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def list(self, *, include_inactive: bool = False) -> AgentViews:
        """Current versions, the agent that was created first coming first."""
        query = _CURRENT if include_inactive else _CURRENT.where(_agents.c.active)
        with self._store.read() as connection:
            rows = connection.execute(query.order_by(_agents.c.created_at, _agents.c.id)).mappings()
            return [_view(row) for row in rows]

    def get(self, agent_id: str) -> AgentView:
        """The current version. Raises NotFound."""
        with self._store.read() as connection:
            row = connection.execute(_CURRENT.where(_agents.c.id == storable(agent_id))).mappings().first()
        if row is None:
            raise _unknown()
        return _view(row)

    def versions(self, agent_id: str) -> AgentViews:
        """All versions, newest first. Raises NotFound."""
        query = _ALL_VERSIONS.where(_agents.c.id == storable(agent_id)).order_by(_versions.c.number.desc())
        with self._store.read() as connection:
            views = [_view(row) for row in connection.execute(query).mappings()]
        if not views:
            raise _unknown()
        return views

    def create(self, draft: AgentDraft, by: str) -> AgentView:
        """``by`` is a user's id. Raises InputError, also when the name is taken."""
        draft = checked(draft)
        agent_id = self._store.write(lambda connection: _create(connection, draft, by)).result()
        return self.get(agent_id)

    def edit(self, agent_id: str, draft: AgentDraft, by: str) -> AgentView:
        """Save the draft as the next version and return it. Raises InputError and NotFound."""
        draft = checked(draft)
        number = self._store.write(lambda connection: _edit(connection, agent_id, draft, by)).result()
        return next(view for view in self.versions(agent_id) if view.version == number)

    def set_active(self, agent_id: str, active: bool) -> None:
        """Only active agents answer. Raises NotFound."""
        change = update(_agents).where(_agents.c.id == storable(agent_id)).values(active=active)
        if self._store.write(lambda connection: connection.execute(change).rowcount).result() == 0:
            raise _unknown()

    def begin_with(self, drafts: Sequence[AgentDraft], by: str) -> None:
        """Create these if there is no agent at all; their delegates are names of earlier ones."""
        fit = [checked(draft) for draft in drafts]
        self._store.write(lambda connection: _begin_with(connection, fit, by)).result()


def _begin_with(connection: Connection, drafts: Sequence[AgentDraft], by: str) -> None:
    _one_at_a_time(connection)
    if connection.execute(select(func.count()).select_from(_agents)).scalar_one() > 0:
        return
    ids: dict[str, str] = {}
    for draft in drafts:
        delegates = tuple(ids[name] for name in draft.delegates)
        ids[draft.name] = _create(connection, replace(draft, delegates=delegates), by)


def _create(connection: Connection, draft: AgentDraft, by: str) -> str:
    _one_at_a_time(connection)
    _refuse_taken_name(connection, draft.name)
    _refuse_unknown_delegates(connection, draft)
    agent_id, at = new_id(), now()
    row = {"id": agent_id, "name": draft.name, "active": True, "current_version": 1, "created_at": at}
    connection.execute(insert(_agents), row)
    connection.execute(insert(_versions), _version_row(draft, agent_id, 1, at, by))
    return agent_id


def _edit(connection: Connection, agent_id: str, draft: AgentDraft, by: str) -> int:
    _one_at_a_time(connection)
    newest = connection.execute(select(_agents.c.current_version).where(_agents.c.id == storable(agent_id))).scalar()
    if newest is None:
        raise _unknown()
    _refuse_taken_name(connection, draft.name, own_id=agent_id)
    _refuse_unknown_delegates(connection, draft, own_id=agent_id)
    number = int(newest) + 1
    connection.execute(insert(_versions), _version_row(draft, agent_id, number, now(), by))
    current = {"name": draft.name, "current_version": number}
    connection.execute(update(_agents).where(_agents.c.id == storable(agent_id)).values(current))
    return number


def _one_at_a_time(connection: Connection) -> None:
    """Let edits of the registry wait for each other: names stay unique and numbers without gaps.

    On SQLite every write does; on PostgreSQL this lock lets readers and running turns pass.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE agents IN SHARE ROW EXCLUSIVE MODE"))


def _refuse_taken_name(connection: Connection, name: str, own_id: str | None = None) -> None:
    for other in connection.execute(select(_agents.c.id, _agents.c.name, _agents.c.active)):
        if other.id != own_id and name_key(other.name) == name_key(name):
            state = "" if other.active else " (it is inactive)"
            raise InputError(f"There is an agent named “{other.name}” already{state}. Choose another name.")


def _refuse_unknown_delegates(connection: Connection, draft: AgentDraft, own_id: str | None = None) -> None:
    known = set(connection.execute(select(_agents.c.id)).scalars()) - {own_id}
    if not known.issuperset(draft.delegates):
        raise InputError("One of the agents it may ask is this agent itself, or is not there any more. Choose others.")


def _version_row(draft: AgentDraft, agent_id: str, number: int, at: datetime, by: str) -> dict[str, Any]:
    return {**asdict(draft), "agent_id": agent_id, "number": number, "created_at": at, "created_by": by}


def _view(row: RowMapping) -> AgentView:
    return AgentView(
        name=row["name"],
        description=row["description"],
        model=row["model"],
        system_prompt=row["system_prompt"],
        max_output_tokens=row["max_output_tokens"],
        thinking=row["thinking"],
        starters=tuple(row["starters"]),
        tools=tuple(row["tools"] or ()),
        ask_first=tuple(row["ask_first"] or ()),
        delegates=tuple(row["delegates"] or ()),
        max_iterations=row["max_iterations"],
        max_cost_nanos=row["max_cost_nanos"],
        max_seconds=row["max_seconds"],
        max_answer_tokens=row["max_answer_tokens"],
        id=row["agent_id"],
        version=row["version"],
        active=row["active"],
        created_at=row["agent_created_at"],
        edited_at=row["edited_at"],
        edited_by=row["edited_by"],
    )


def limits_of(agent: AgentView) -> Limits:
    """What one answer of this agent may take."""
    return Limits(
        iterations=agent.max_iterations or MOST_ITERATIONS,
        nanos=agent.max_cost_nanos,
        seconds=agent.max_seconds,
        output_tokens=agent.max_answer_tokens,
    )


def _unknown() -> NotFound:
    return NotFound("There is no such agent. It may have been removed; choose another one.")
