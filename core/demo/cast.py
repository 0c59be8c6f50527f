"""Who plays in the demo month and what they say, as ``data/demo_month.json`` has it; and what marks all of it."""

import json
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pydantic import TypeAdapter

from core.demo.ids import lasting_id
from core.place import PROJECT
from core.store.demo import DEMO_SOURCE

SOURCE = DEMO_SOURCE
"""Of the month's traces."""
PRICE_SOURCE = "demo month: "
"""What the price source of each of its ledger lines begins with: the database lets only such lines be deleted."""

Line: TypeAlias = tuple[str, str]
"""A question and its answer."""


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """At work from ``begins`` to ``ends``, hours of the day; ``agents`` are names with how often each is asked."""

    name: str
    begins: float
    ends: float
    talks_a_day: float
    agents: dict[str, int]

    @property
    def email(self) -> str:
        return self.name.removeprefix("Demo · ").replace(" ", ".").lower() + "@demo.invalid"


@dataclass(frozen=True, slots=True)
class DemoAgent:
    """``models`` in the order they are preferred; ``searches`` is how often an answer takes one (0–1)."""

    name: str
    description: str
    models: tuple[str, ...]
    system_prompt: str
    prompt_tokens: int
    cache: Literal["none", "5m", "1h"]
    thinking_tokens: int
    answer_tokens: int
    tokens_a_second: int
    talks: tuple[tuple[Line, ...], ...]
    paste_tokens: int = 0
    searches: float = 0.0


@dataclass(frozen=True, slots=True)
class Cast:
    people: tuple[DemoPerson, ...]
    agents: tuple[DemoAgent, ...]
    follow_ups: tuple[Line, ...]

    def person_id(self, person: DemoPerson) -> str:
        return lasting_id("person", self.people.index(person) + 1)

    def agent_id(self, agent: DemoAgent) -> str:
        return lasting_id("agent", self.agents.index(agent) + 1)

    def agent(self, name: str) -> DemoAgent:
        return next(agent for agent in self.agents if agent.name == name)


_CAST = TypeAdapter(Cast)


def read_cast() -> Cast:
    return _CAST.validate_python(json.loads((PROJECT / "data" / "demo_month.json").read_text("utf-8")))
