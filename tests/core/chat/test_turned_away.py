"""Whoever is deactivated while an answer is being written gets no more of it (T10)."""

import time
from collections.abc import Callable

import pytest

from core.access.roles import Person
from core.chat import engine
from core.clock import now
from core.store.access import User
from core.store.database import Store
from core.wiring import Services
from tests.core.chat.conftest import ended
from tests.core.rows import Rows

SLOW = "[[tokens: 3000]] [[first: 0]] [[rate: 100]]"


def test_t10_answers_to_the_deactivated_end_within_seconds_and_no_others(
    store: Store, make_services: Callable[..., Services], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert engine.TURN_AWAY_SECONDS <= 4
    monkeypatch.setattr(engine, "TURN_AWAY_SECONDS", 0.05)
    services, people = make_services(), Rows(store)
    agent = services.agents.active()[0].id
    bob, eve = (Person(people.person(name), name, "operator") for name in ("Bob", "Eve"))
    bobs, eves = (services.turns.send(owner=each, agent_id=agent, text=SLOW) for each in (bob, eve))
    time.sleep(0.2)
    assert not bobs.ended
    users = User.__table__
    gone = users.update().where(users.c.id == bob.id).values(deactivated_at=now())
    services.store.write(lambda connection: connection.execute(gone).close()).result()
    end = ended(bobs, 5)
    assert (end.status, end.error_type, "deactivated" in (end.error_text or "")) == ("stopped", "deactivated", True)
    assert not eves.ended
    eves.stop()
    assert ended(eves).error_type == "stopped"
