"""A running engine over each database, with the simulator answering without pauses."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.chat.turn import Turn
from core.events import Event, TurnEnded
from core.provider.simulator.wire import WireResponse
from core.settings import Settings
from core.store.database import Store
from core.wiring import Services, open_services
from tests.core.chat.tooling import Open, Workshop, workshop


def ended(turn: Turn, timeout: float = 30) -> TurnEnded:
    """Follow a turn to its last event."""
    last = events_of(turn, timeout)[-1]
    assert isinstance(last, TurnEnded)
    return last


def events_of(turn: Turn, timeout: float = 30) -> list[Event]:
    seen: list[Event] = []
    while not (seen and isinstance(seen[-1], TurnEnded)):
        batch = turn.get(len(seen), timeout)
        assert batch, "the turn fell silent"
        seen.extend(logged.event for logged in batch)
    return seen


@pytest.fixture
def make_services(store: Store, tmp_path: Path) -> Iterator[Callable[..., Services]]:
    opened: list[Services] = []

    def make(**changes: Any) -> Services:
        chosen = {"data_dir": tmp_path, "database_url": store.url, "simulator_pace": 0, "drain_seconds": 0}
        settings = Settings(_env_file=None, **{**chosen, **changes})
        opened.append(open_services(settings))
        return opened[-1]

    yield make
    for services in opened:
        services.close()


@pytest.fixture
def services(make_services: Callable[..., Services]) -> Services:
    return make_services()


@pytest.fixture
def send(services: Services) -> Callable[..., Turn]:
    """Send a message to the first agent as the local person."""
    agent = services.agents.list(services.me)[0]

    def say(text: str, conversation_id: str | None = None, **more: Any) -> Turn:
        more = {"agent_id": agent.id, **more}
        return services.turns.send(owner=services.me, text=text, conversation_id=conversation_id, **more)

    return say


@pytest.fixture
def work(store: Store, tmp_path: Path) -> Iterator[Open]:
    opened: list[Workshop] = []

    def open_(*answers: WireResponse, **more: Any) -> Workshop:
        opened.append(workshop(store, tmp_path, answers, **more))
        return opened[-1]

    yield open_
    for each in opened:
        each.services.close()
