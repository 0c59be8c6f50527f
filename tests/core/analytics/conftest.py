"""Traces to ask about."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from core.access.roles import Person
from core.analytics.traces import Traces
from core.store.database import Store
from tests.core.rows import AT, Rows


@dataclass(frozen=True)
class Books:
    """One person, one agent, one conversation; ``traces`` is what a test asks."""

    rows: Rows
    traces: Traces
    person: str
    agent: str
    conversation: str
    by: Person

    def add(self, **how: Any) -> str:
        return self.rows.trace(self.person, self.agent, self.conversation, **how)

    def add_all(self, tallies: list[dict[str, Any]]) -> list[str]:
        return self.rows.traces(self.person, self.agent, self.conversation, tallies)

    def add_many(self, count: int) -> None:
        """So many hundreds, a hundred in a second."""
        first = self.add_all([{"started_at": AT + timedelta(seconds=number)} for number in range(count)])
        self.rows.copies(first, 99)


def books_in(store: Store, *, person: str = "Ada", agent: str = "Helper") -> Books:
    rows = Rows(store)
    ada = rows.person(person)
    helper = rows.agent(ada, agent)
    return Books(rows, Traces(store), ada, helper, rows.conversation(ada, helper), Person(ada, person, "admin"))


@pytest.fixture
def books(store: Store) -> Books:
    return books_in(store)
