"""Neither the database nor the disk takes anything: readers get their ends, stopping works, and nothing is lost."""

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from core.books import kept
from core.errors import StoreError
from core.wiring import Services
from tests.core.chat.conftest import ended, events_of
from tests.core.chat.test_database_faults import ANSWER, Outage, send, wait_until

STREAMS = 6
SLOW = "[[fault: silence after 3]]"


@contextmanager
def full_disk(services: Services) -> Iterator[None]:
    """From here to the end of the block nothing can be written."""
    write, spool = services.store.write, services.books._spool
    Outage(services, 1, 1_000_000)

    def no_room(_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    spool.append = no_room  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        services.store.write = write  # type: ignore[method-assign]
        del spool.append


def booked(services: Services) -> list[Any]:
    return [row for row in services.traces.page(services.me, limit=50) if row.status != "running"]


def test_c1_every_reader_gets_its_end_and_all_is_booked_exactly_when_there_is_room(services: Services) -> None:
    turns = [send(services, SLOW) for _ in range(STREAMS)]
    for turn in turns:
        turn.get(1, 10)
    with full_disk(services):
        for turn in turns:
            turn.stop()
        ends = [ended(turn) for turn in turns]
        assert {end.status for end in ends} == {"stopped"}
        assert services.books.kept.size()[0] == STREAMS
        with pytest.raises(StoreError):
            send(services)
    wait_until(lambda: len(booked(services)) == STREAMS)
    assert {row.id: (row.status, row.total) for row in booked(services)} == {
        turn.id: ("stopped", end.total) for turn, end in zip(turns, ends, strict=True)
    }
    wait_until(lambda: services.books.kept.size() == (0, 0))
    again = services.turns.send(
        owner=services.me,
        agent_id=services.agents.list(services.me)[0].id,
        text=ANSWER,
        conversation_id=turns[0].conversation_id,
    )
    assert ended(again).status == "completed"


def test_c1_an_exact_end_that_only_memory_has_survives_a_stop_once_the_disk_has_room(
    make_services: Callable[..., Services],
) -> None:
    first = make_services()
    turn = send(first, SLOW)
    turn.get(1, 10)
    with full_disk(first):
        turn.stop()
        end = ended(turn)
    Outage(first, 1, 1_000_000)
    first.close()
    second = make_services()
    (row,) = second.traces.page(second.me)
    assert (row.status, row.total) == ("stopped", end.total)


def test_c1_what_cannot_be_kept_anywhere_is_at_least_in_the_log(services: Services) -> None:
    turn = send(services, SLOW)
    turn.get(1, 10)
    with full_disk(services):
        turn.stop()
        end = ended(turn)
        with capture_logs() as logs:
            services.books.kept.rescue()
    [lost] = [line for line in logs if line["event"] == "turn_end_lost"]
    assert (lost["task_trace_id"], lost["cost_nanos"]) == (turn.id, end.total)


def test_c1_when_too_much_waits_no_further_message_is_taken(
    services: Services, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(kept, "MOST_BYTES", 500)
    assert ended(send(services)).status == "completed"
    (tmp_path / "spool" / "another:1:x.refused").write_bytes(b"x" * 9_000)
    assert ended(send(services)).status == "completed", "what is refused for good keeps nobody from writing"
    turn = send(services, SLOW)
    turn.get(1, 10)
    monkeypatch.setattr(services.books, "book_kept", lambda: _nothing())
    with full_disk(services):
        turn.stop()
        ended(turn)
    with pytest.raises(StoreError, match="Your message was not sent"):
        send(services)


async def _nothing() -> None:
    pass


def test_c1_a_defect_at_the_very_end_still_tells_readers_that_it_is_over(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    with capture_logs() as logs:
        turn = send(services, SLOW)

        def broken(_: object) -> Any:
            raise RuntimeError("a defect for a test")

        monkeypatch.setattr(turn, "_end", broken)
        turn.stop()
        end = ended(turn)
        wait_until(lambda: any(line["event"] == "task_failed" for line in logs))
    assert (end.status, end.total, end.basis) == ("failed", None, "unpriced")
    assert events_of(turn)[-1] == end
