"""What can be chosen from, and how it is called today."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, exists, func, or_, select, union

from core.access.roles import Scope
from core.analytics.filters import BASES, PROVENANCES, STATUSES, TraceFilter, asked
from core.analytics.rollups.question import Dimension
from core.analytics.trace_row import NO_AGENT, NO_PERSON
from core.store.access import User
from core.store.rollups import SERVED, UNASSIGNED
from core.store.tables import Agent, AgentVersion, TaskTrace, TraceSession

_agents, _people, _versions = Agent.__table__, User.__table__, AgentVersion.__table__
_traces, _sessions = TaskTrace.__table__, TraceSession.__table__
_asked = _traces.c.model

KEY_SOURCES = ("own", "organisation", "environment")
"""Whose key may have paid: the sender's, the organisation's, or the one of the environment."""


@dataclass(frozen=True, slots=True)
class Names:
    """Names by id, in the order of the names, no two alike; a model's id is its name.

    ``usual`` is whose money is looked at where nothing is chosen: what is real, if there is anything real and anything
    else, and otherwise all, which is told as an empty tuple.
    """

    agent: Mapping[str, str]
    model: Mapping[str, str]
    person: Mapping[str, str]
    provenance: tuple[str, ...] = ()

    @property
    def usual(self) -> tuple[str, ...]:
        return ("real",) if "real" in self.provenance and len(self.provenance) > 1 else ()

    def of(self, dimension: Dimension, id_: str) -> str:
        """Return the name, or the id itself if it is not known."""
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
            "provenance": PROVENANCES,
            "key": KEY_SOURCES,
        }


def read_names(connection: Connection, limits: Scope) -> Names:
    """Read the people and agents that the limits let through, and all models that were given, asked or billed for."""
    agents = connection.execute(_named_agents(limits).order_by(_agents.c.name))
    people = select(_people.c.id, _people.c.name, _people.c.email).order_by(_people.c.name, _people.c.email)
    if limits.owner_id is not None:
        people = people.where(_people.c.id == limits.owner_id)
    models = connection.execute(union(select(_versions.c.model), _asked_models(), select(SERVED.c.model)))
    return Names(
        agent={row.id: row.name for row in agents} | _none(connection, limits, _traces.c.master_agent_id, NO_AGENT),
        model={model: model for model in sorted(model for (model,) in models)},
        person=told_apart([(row.id, row.name, row.email) for row in connection.execute(people)])
        | _none(connection, limits, _traces.c.owner_id, NO_PERSON),
        provenance=_provenances(connection, limits.owner_id),
    )


def _none(connection: Connection, limits: Scope, column: ColumnElement[Any], name: str) -> dict[str, str]:
    """What is of nobody is for those who may see everything, and only where there is any."""
    if limits.owner_id is not None or limits.agents is not None:
        return {}
    return {UNASSIGNED: name} if connection.execute(select(exists().where(column.is_(None)))).scalar() else {}


def told_apart(people: Sequence[tuple[str, str, str]]) -> dict[str, str]:
    """Return the names by id of people given as (id, name, address): equal names get their address added."""
    often = Counter(name for _, name, _ in people)
    return {id_: name if often[name] == 1 else f"{name} ({address})" for id_, name, address in people}


def _provenances(connection: Connection, owner_id: str | None) -> tuple[str, ...]:
    """Return those that any trace of the person, or of anybody, has: one look into an index for each."""
    people = () if owner_id is None else (owner_id,)
    found = {each: exists().where(*asked(TraceFilter(people=people, provenances=(each,)))) for each in PROVENANCES}
    return tuple(each for each, any_ in found.items() if connection.execute(select(any_)).scalar())


def _named_agents(limits: Scope) -> Select[tuple[str, str]]:
    """Read the agents' names; who sees only their own needs those that answer now and those that ever answered them."""
    query = select(_agents.c.id, _agents.c.name)
    if limits.agents is not None:
        query = query.where(_agents.c.id.in_(sorted(limits.agents)))
    if limits.owner_id is not None:
        took_part = select(_sessions.c.agent_id).join(_traces, _traces.c.id == _sessions.c.task_trace_id)
        answered = took_part.where(_traces.c.owner_id == limits.owner_id)
        query = query.where(or_(_agents.c.active, _agents.c.id.in_(answered)))
    return query


def _asked_models() -> Select[tuple[str]]:
    """Read the models from one to the next in the index: DISTINCT would read all of it."""
    found = select(func.min(_asked).label("model")).cte("found", recursive=True)
    following = select(func.min(_asked)).where(_asked > found.c.model).scalar_subquery()
    found = found.union_all(select(following).where(found.c.model.is_not(None)))
    return select(found.c.model).where(found.c.model.is_not(None))
