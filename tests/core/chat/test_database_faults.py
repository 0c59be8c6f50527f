"""A database that fails at the first, second, third … write of a turn: the answer is shown and booked all the same."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from core.chat.turn import Turn
from core.errors import StoreError
from core.events import TextDelta
from core.wiring import Services
from tests.core.chat.conftest import ended, events_of

ANSWER = "[[say: Kept whatever happens.]]"


class Outage:
    """Refuses the writes from ``first`` on, ``count`` of them; the others go through."""

    def __init__(self, services: Services, first: int, count: int) -> None:
        self._write, self._first, self._last, self._seen = services.store.write, first, first + count - 1, 0
        services.store.write = self.write  # type: ignore[method-assign]

    def write(self, job: Callable[[Connection], Any]) -> Future[Any]:
        self._seen += 1
        if self._first <= self._seen <= self._last:
            refused: Future[Any] = Future()
            refused.set_exception(StoreError("The database is away for a test."))
            return refused
        return self._write(job)


def send(services: Services, text: str = ANSWER) -> Turn:
    return services.turns.send(owner=services.me, agent_id=services.agents.list(services.me)[0].id, text=text)


def wait_until(holds: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(400):
        if holds():
            return
        pause.wait(0.05)
    raise AssertionError("it did not come about within 20 s")


def spooled(folder: Path) -> bool:
    return any(folder.glob("spool/*.jsonl"))


def test_without_books_nothing_is_asked(services: Services) -> None:
    Outage(services, 1, 1)
    with pytest.raises(StoreError):
        send(services)
    assert services.traces.count(services.me) == 0
    assert ended(send(services)).status == "completed"


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("first", [2, 3])
def test_a_turn_whose_writes_fail_is_shown_at_once_and_booked_later(
    services: Services, tmp_path: Path, first: int, count: int
) -> None:
    Outage(services, first, count)
    turn = send(services)
    events = events_of(turn)
    end = ended(turn)
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "Kept whatever happens."
    assert end.status == "completed"
    wait_until(lambda: services.traces.page(services.me)[0].status != "running" and not spooled(tmp_path))
    (row,) = services.traces.page(services.me)
    assert (row.status, row.basis, row.total) == ("completed", "computed", end.total)
    answer = services.conversations.transcript(services.me, turn.conversation_id)[-1]
    assert (answer.status, answer.text) == ("complete", "Kept whatever happens.")
    assert sum(line.amount or 0 for line in services.traces.ledger(services.me, turn.id)) == end.total


@pytest.mark.each_database
def test_an_end_that_never_reached_the_database_is_booked_by_the_next_process(
    make_services: Callable[..., Services], tmp_path: Path
) -> None:
    first = make_services()
    Outage(first, 2, 1_000)
    turn = send(first)
    end = ended(turn)
    first.close()
    assert spooled(tmp_path)
    second = make_services()
    (row,) = second.traces.page(second.me)
    assert (row.status, row.basis, row.total) == ("completed", "computed", end.total)
    assert not spooled(tmp_path)


def test_an_attempt_that_cannot_be_booked_is_not_made(services: Services) -> None:
    Outage(services, 2, 1)
    turn = send(services, "[[fault: overloaded retry 0 1 times]] [[say: Never asked for.]]")
    end = ended(turn)
    assert (end.status, end.error_type, end.total) == ("failed", "store_unavailable", 0)
    assert not [event for event in events_of(turn) if isinstance(event, TextDelta)]
    assert [span.attempt for span in services.traces.spans(services.me, turn.id)] == [1]
