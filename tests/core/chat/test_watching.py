"""Whoever reads an answer in another process keeps it going, as long as they do and no longer."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import cast

import pytest

from core.access.roles import Person
from core.books.cross_process import watched
from core.chat import engine, log, watching
from core.chat.turn import Turn
from core.chat.watching import Watchers
from core.clock import new_id, now
from core.errors import StoreError
from core.store.database import Store
from core.store.tables import TaskTrace
from core.wiring import Services
from tests.core.books.in_store import rows
from tests.core.chat.conftest import ended

GRACE = 300
NEARLY = 250
Make = Callable[..., Services]


class Clock:
    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Of all that looks at who reads."""
    clock = Clock()
    for module in (log, watching):
        monkeypatch.setattr(module, "monotonic", clock)
    monkeypatch.setattr(engine, "TICK_SECONDS", 0.02)
    return clock


@pytest.fixture
def processes(make_services: Make, monkeypatch: pytest.MonkeyPatch) -> tuple[Services, Services]:
    return make_services(grace_seconds=GRACE), make_services(grace_seconds=GRACE)


def silent_turn(services: Services) -> Turn:
    agent = services.agents.list(services.me)[0]
    return services.turns.send(owner=services.me, agent_id=agent.id, text="[[fault: silence after 3]]")


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.each_database
def test_a_reader_in_another_process_counts_as_long_as_it_is_there(
    processes: tuple[Services, Services], store: Store, clock: Clock
) -> None:
    here, there = processes
    turn = silent_turn(there)
    following = here.answers.follow(here.me, turn.id)
    nobody = partial(watched, owner_id=new_id(), task_trace_id=turn.id, at=now())
    store.write(nobody).result()
    assert [row["watched_at"] for row in rows(store, TaskTrace)] == [None], "others cannot keep it going"
    for _ in range(3):
        clock.ahead += NEARLY
        asyncio.run(following.next(0))
        eventually(lambda: turn.unwatched_seconds() < NEARLY)
    clock.ahead += GRACE + engine.UNWATCHED_AFTER_SECONDS
    eventually(lambda: turn.ended)
    assert ended(turn).error_type == "unwatched"


class Told:
    """A database that counts how often it is told something."""

    def __init__(self) -> None:
        self.times = 0

    def write(self, _job: object) -> Future[None]:
        self.times += 1
        if self.times % 3 == 0:
            raise StoreError("Away.")
        told: Future[None] = Future()
        if self.times % 3 == 1:
            told.set_exception(StoreError("Away."))
        else:
            told.set_result(None)
        return told


def test_the_database_is_told_seldom_by_however_many_readers_and_may_be_away(clock: Clock) -> None:
    told, person = Told(), Person(new_id(), "Ada", "operator")
    watchers = Watchers(cast("Store", told), GRACE)
    for _ in range(60):
        for turn in ("one", "one", "other"):
            watchers.seen(person, turn)
        clock.ahead += 1
    assert 10 <= told.times <= 12
    Watchers(cast("Store", told), None).seen(person, "another")
    assert told.times <= 12
