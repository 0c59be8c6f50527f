"""What can be chosen from, and how it is called today."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, Select, func, select, union

from core.analytics.filters import BASES, STATUSES
from core.analytics.rollups.question import Dimension
from core.store.access import User
from core.store.tables import Agent, AgentVersion, TaskTrace

_agents, _people, _versions = Agent.__table__, User.__table__, AgentVersion.__table__
_asked = TaskTrace.__table__.c.model


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


def read_names(connection: Connection) -> Names:
    """Models are those that agents have been given and those that were ever asked."""
    agents = connection.execute(select(_agents.c.id, _agents.c.name).order_by(_agents.c.name))
    people = connection.execute(select(_people.c.id, _people.c.name).order_by(_people.c.name))
    models = connection.execute(union(select(_versions.c.model), _asked_models()))
    return Names(
        agent={row.id: row.name for row in agents},
        model={model: model for model in sorted(model for (model,) in models)},
        person={row.id: row.name for row in people},
    )


def _asked_models() -> Select[tuple[str]]:
    """From one to the next in the index: DISTINCT would read all of it."""
    found = select(func.min(_asked).label("model")).cte("found", recursive=True)
    following = select(func.min(_asked)).where(_asked > found.c.model).scalar_subquery()
    found = found.union_all(select(following).where(found.c.model.is_not(None)))
    return select(found.c.model).where(found.c.model.is_not(None))
