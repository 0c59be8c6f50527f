"""Someone to own turns and an agent to answer them."""

import pytest
from sqlalchemy import insert

from core.clock import new_id
from core.store.access import User
from core.store.database import Store
from core.store.tables import Agent
from tests.core.books.histories import AT


@pytest.fixture
def ids(store: Store) -> tuple[str, str]:
    """An owner and an agent for the books to point at."""
    owner_id, agent_id = new_id(), new_id()
    user = {"id": owner_id, "email": "ada@example.com", "name": "Ada", "role": "admin", "created_at": AT}
    agent = {"id": agent_id, "name": "Ada's agent", "active": True, "current_version": 1, "created_at": AT}
    store.write(lambda connection: connection.execute(insert(User.__table__), user)).result()
    store.write(lambda connection: connection.execute(insert(Agent.__table__), agent)).result()
    return owner_id, agent_id
