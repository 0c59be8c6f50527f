"""What can be chosen from, and how it is called today."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, Select, func, or_, select, union

from core.access.roles import Scope
from core.analytics.filters import BASES, STATUSES
from core.analytics.rollups.question import Dimension
from core.store.access import User
from core.store.rollups import SERVED
from core.store.tables import Agent, AgentVersion, TaskTrace, TraceSession

_agents, _people, _versions = Agent.__table__, User.__table__, AgentVersion.__table__
_traces, _sessions = TaskTrace.__table__, TraceSession.__table__
_asked = _traces.c.model


@dataclass(frozen=True, slots=True)
class Names:
    """Names by id, in the order of the names; a model's id is its name."""

    agent: Mapping[str, str]
    model: Mapping[str, str]
    person: Mapping[str, str]

    def of(self, dimension: Dimension, id_: str) -> str:
        """The id itself if it is not known."""
        names: Mapping[str, str] = getattr(self, dimension)
        return names.get(id_, id_)

    @property
    def options(self) -> dict[str, tuple[str, ...]]:
        """What an address may name."""
        return {
            "agent": tuple(self.agent),
            "model": tuple(self.model),
            "person": tuple(self.person),
            "status": STATUSES,
            "basis": BASES,
        }


def read_names(connection: Connection, limits: Scope) -> Names:
    """Of people and agents those that the limits let through; models are all that were given, asked or billed for."""
    agents = connection.execute(_named_agents(limits).order_by(_agents.c.name))
    people = select(_people.c.id, _people.c.name).order_by(_people.c.name)
    if limits.owner_id is not None:
        people = people.where(_people.c.id == limits.owner_id)
    models = connection.execute(union(select(_versions.c.model), _asked_models(), select(SERVED.c.model)))
    return Names(
        agent={row.id: row.name for row in agents},
        model={model: model for model in sorted(model for (model,) in models)},
        person={row.id: row.name for row in connection.execute(people)},
    )


def _named_agents(limits: Scope) -> Select[tuple[str, str]]:
    """Whoever sees only what is their own needs those that answer now and those that ever answered them."""
    query = select(_agents.c.id, _agents.c.name)
    if limits.agents is not None:
        query = query.where(_agents.c.id.in_(sorted(limits.agents)))
    if limits.owner_id is not None:
        took_part = select(_sessions.c.agent_id).join(_traces, _traces.c.id == _sessions.c.task_trace_id)
        answered = took_part.where(_traces.c.owner_id == limits.owner_id)
        query = query.where(or_(_agents.c.active, _agents.c.id.in_(answered)))
    return query


def _asked_models() -> Select[tuple[str]]:
    """From one to the next in the index: DISTINCT would read all of it."""
    found = select(func.min(_asked).label("model")).cte("found", recursive=True)
    following = select(func.min(_asked)).where(_asked > found.c.model).scalar_subquery()
    found = found.union_all(select(following).where(found.c.model.is_not(None)))
    return select(found.c.model).where(found.c.model.is_not(None))
