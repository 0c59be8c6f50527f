"""The clock is in UTC and its ids follow time."""

from datetime import UTC, datetime
from uuid import UUID

import time_machine

from core.clock import new_id, now

MOMENT = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)


def test_now_is_aware_and_in_utc() -> None:
    with time_machine.travel(MOMENT, tick=False):
        assert now() == MOMENT
        assert now().tzinfo is UTC


def test_an_id_is_a_uuid_of_version_7_in_its_usual_spelling() -> None:
    made = new_id()
    assert UUID(made).version == 7
    assert str(UUID(made)) == made


def test_ids_made_in_a_row_differ_and_sort_in_the_order_they_were_made() -> None:
    ids = [new_id() for _ in range(20_000)]
    assert ids == sorted(set(ids))


def test_an_id_carries_the_moment_it_was_made() -> None:
    before = now()
    made = datetime.fromtimestamp((UUID(new_id()).int >> 80) / 1_000, UTC)
    assert abs((made - before).total_seconds()) < 5
