"""The registry of agents: each edit is a new version, and versions never change."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import Connection, RowMapping, func, insert, select, text, update

from core.access.audit import record
from core.access.roles import Permission, Person, allow, may, may_use_agent
from core.agent.limits import MOST_ITERATIONS, Limits
from core.clock import new_id, now
from core.errors import InputError, NotFound
from core.registry.agent_draft import AgentDraft, checked, name_key
from core.store.access import User
from core.store.database import Store
from core.store.demo import DEMO_IDS
from core.store.tables import Agent, AgentVersion, Conversation, TraceSession
from core.store.text import storable

__all__ = ["AgentDraft", "AgentView", "Agents"]

_conversations, _sessions = Conversation.__table__, TraceSession.__table__
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

    @property
    def demo(self) -> bool:
        """Whether it belongs to the demo month: such an agent is never active and cannot be asked."""
        return self.id.startswith(DEMO_IDS)


@dataclass(frozen=True, slots=True)
class Touched:
    """What deactivating an agent touches: turns that run, conversations with it and their people, who may ask it."""

    turns: int
    conversations: int
    people: int
    delegators: int


AgentViews: TypeAlias = list[AgentView]


class Agents:
    """Reads and changes the registry, from any thread and any process."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def list(self, by: Person, *, include_inactive: bool = False) -> AgentViews:
        """Current versions of those the person may use, the agent that was created first coming first.

        Inactive ones are only for who may change agents.
        """
        everything = include_inactive and may(by, Permission.AGENTS)
        return [view for view in self._read(everything=everything) if may_use_agent(by, view.id)]

    def get(self, by: Person, agent_id: str) -> AgentView:
        """Return the current version. Raises NotFound, also for one that is not there for this person."""
        if not may_use_agent(by, agent_id):
            raise _unknown()
        return self.known(agent_id)

    def versions(self, by: Person, agent_id: str) -> AgentViews:
        """Return all versions, newest first. Raises NotFound."""
        query = _ALL_VERSIONS.where(_agents.c.id == storable(agent_id)).order_by(_versions.c.number.desc())
        with self._store.read() as connection:
            views = [_view(row) for row in connection.execute(query).mappings()]
        if not views or not may_use_agent(by, agent_id):
            raise _unknown()
        return views

    def create(self, by: Person, draft: AgentDraft) -> AgentView:
        """Raises NotAllowed, and InputError, also when the name is taken."""
        allow(by, Permission.AGENTS)
        draft = checked(draft)

        def job(connection: Connection) -> str:
            agent_id = _create(connection, draft, by.id)
            record(connection, by, "created", ("agent", agent_id), name=draft.name, model=draft.model)
            return agent_id

        return self.known(self._store.write(job).result())

    def edit(self, by: Person, agent_id: str, draft: AgentDraft) -> AgentView:
        """Save the draft as the next version and return it. Raises NotAllowed, InputError and NotFound."""
        allow(by, Permission.AGENTS)
        draft = checked(draft)

        def job(connection: Connection) -> int:
            number = _edit(connection, agent_id, draft, by.id)
            record(connection, by, "edited", ("agent", agent_id), name=draft.name, model=draft.model, version=number)
            return number

        number = self._store.write(job).result()
        return next(view for view in self.versions(by, agent_id) if view.version == number)

    def set_active(self, by: Person, agent_id: str, active: bool) -> None:
        """Switch an agent on or off: only active agents answer.

        Raises NotAllowed, NotFound, and InputError for an agent of the demo month.
        """
        allow(by, Permission.AGENTS)
        if active and agent_id.startswith(DEMO_IDS):
            raise InputError("This agent belongs to the demo month: its answers are made up, and it cannot be asked.")
        this = _agents.c.id == storable(agent_id)

        def job(connection: Connection) -> None:
            changed = connection.execute(update(_agents).where(this, _agents.c.active != active).values(active=active))
            if changed.rowcount:
                record(connection, by, "activated" if active else "deactivated", ("agent", agent_id))
            elif connection.execute(select(_agents.c.id).where(this)).first() is None:
                raise _unknown()

        self._store.write(job).result()

    def touched(self, by: Person, agent_id: str) -> Touched:
        """Return how many others deactivating it touches. Raises NotAllowed."""
        allow(by, Permission.AGENTS)
        with self._store.read() as connection:
            sessions = select(func.count(_sessions.c.task_trace_id.distinct())).where(
                _sessions.c.agent_id == storable(agent_id), _sessions.c.status == "running"
            )
            with_it = select(func.count(), func.count(_conversations.c.owner_id.distinct())).where(
                _conversations.c.agent_id == storable(agent_id), _conversations.c.deleted_at.is_(None)
            )
            turns = connection.execute(sessions).scalar_one()
            conversations, people = connection.execute(with_it).one()
        delegators = sum(agent_id in agent.delegates for agent in self.active())
        return Touched(turns, conversations, people, delegators)

    def known(self, agent_id: str) -> AgentView:
        """Return the agent, for what runs inside: nobody's rights are asked. Raises NotFound."""
        with self._store.read() as connection:
            row = connection.execute(_CURRENT.where(_agents.c.id == storable(agent_id))).mappings().first()
        if row is None:
            raise _unknown()
        return _view(row)

    def active(self) -> AgentViews:
        """Return all active ones, for what runs inside: nobody's rights are asked."""
        return self._read(everything=False)

    def any(self) -> bool:
        """Return whether there is an agent at all, active or not."""
        with self._store.read() as connection:
            return connection.execute(select(_agents.c.id).limit(1)).first() is not None

    def begin_with(self, drafts: Sequence[AgentDraft], person_id: str) -> None:
        """Create these if there is no agent at all; their delegates are names of earlier ones."""
        fit = [checked(draft) for draft in drafts]
        self._store.write(lambda connection: _begin_with(connection, fit, person_id)).result()

    def _read(self, *, everything: bool) -> AgentViews:
        query = _CURRENT if everything else _CURRENT.where(_agents.c.active)
        with self._store.read() as connection:
            rows = connection.execute(query.order_by(_agents.c.created_at, _agents.c.id)).mappings()
            return [_view(row) for row in rows]


def _begin_with(connection: Connection, drafts: Sequence[AgentDraft], person_id: str) -> None:
    _one_at_a_time(connection)
    if connection.execute(select(func.count()).select_from(_agents)).scalar_one() > 0:
        return
    ids: dict[str, str] = {}
    for draft in drafts:
        delegates = tuple(ids[name] for name in draft.delegates)
        ids[draft.name] = _create(connection, replace(draft, delegates=delegates), person_id)


def _create(connection: Connection, draft: AgentDraft, person_id: str) -> str:
    _one_at_a_time(connection)
    _refuse_taken_name(connection, draft.name)
    _refuse_unknown_delegates(connection, draft)
    agent_id, at = new_id(), now()
    row = {"id": agent_id, "name": draft.name, "active": True, "current_version": 1, "created_at": at}
    connection.execute(insert(_agents), row)
    connection.execute(insert(_versions), _version_row(draft, agent_id, 1, at, person_id))
    return agent_id


def _edit(connection: Connection, agent_id: str, draft: AgentDraft, person_id: str) -> int:
    _one_at_a_time(connection)
    newest = connection.execute(select(_agents.c.current_version).where(_agents.c.id == storable(agent_id))).scalar()
    if newest is None:
        raise _unknown()
    _refuse_taken_name(connection, draft.name, own_id=agent_id)
    _refuse_unknown_delegates(connection, draft, own_id=agent_id)
    number = int(newest) + 1
    connection.execute(insert(_versions), _version_row(draft, agent_id, number, now(), person_id))
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
        raise InputError("One of the agents it may ask is this agent itself, or is gone. Choose others.")


def _version_row(draft: AgentDraft, agent_id: str, number: int, at: datetime, person_id: str) -> dict[str, Any]:
    return {**asdict(draft), "agent_id": agent_id, "number": number, "created_at": at, "created_by": person_id}


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
    """Return what one answer of this agent may take."""
    return Limits(
        iterations=agent.max_iterations or MOST_ITERATIONS,
        nanos=agent.max_cost_nanos,
        seconds=agent.max_seconds,
        output_tokens=agent.max_answer_tokens,
    )


def _unknown() -> NotFound:
    return NotFound("There is no such agent. It may have been removed; choose another one.")
