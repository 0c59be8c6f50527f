"""What can be chosen from, and how it is called today."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, select, union

from core.analytics.filters import BASES, STATUSES
from core.analytics.rollups.question import Dimension
from core.store.rollups import DAYS
from core.store.tables import Agent, AgentVersion, User

_agents, _people, _versions = Agent.__table__, User.__table__, AgentVersion.__table__
_days_model = DAYS[frozenset({"model"})]


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
    """Models are those that agents have been given and those that any spend is known of."""
    agents = connection.execute(select(_agents.c.id, _agents.c.name).order_by(_agents.c.name))
    people = connection.execute(select(_people.c.id, _people.c.name).order_by(_people.c.name))
    models = connection.execute(union(select(_versions.c.model), select(_days_model.c.model)))
    return Names(
        agent={row.id: row.name for row in agents},
        model={model: model for model in sorted(model for (model,) in models)},
        person={row.id: row.name for row in people},
    )
