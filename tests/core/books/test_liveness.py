"""Who counts as dead: by changes seen over one's own time, and never by anybody's clock."""

from datetime import timedelta
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.books.instance import this_instance
from core.books.liveness import HUNG_SECONDS, LONGEST_BETWEEN_SECONDS, PATIENCE_SECONDS, Liveness, Running
from tests.core.books.histories import AT

OWN = this_instance().id
ELSEWHERE = "another-host:1:abc.def.12.unique"
EVERY = 5.0


class Watch:
    """Somebody who looks, with a clock that we set."""

    def __init__(self, holds: bool | None = None) -> None:
        self.at = 0.0
        self.liveness = Liveness(OWN, lambda _: holds, lambda: self.at)

    def looks(self, *running: Running, after: float = EVERY) -> list[str]:
        self.at += after
        return [one.task_trace_id for one in self.liveness.lost(running)]


def a_turn(instance: str = ELSEWHERE, beats: int | None = 7, seconds: float = 0) -> Running:
    return Running("turn", instance, beats, AT + timedelta(seconds=seconds))


def until_lost(watch: Watch, turn: Running, every: float = EVERY, most: int = 1_000) -> float:
    """The seconds for which it was quiet."""
    began = watch.at
    for _ in range(most):
        if watch.looks(turn, after=every):
            return watch.at - began
    raise AssertionError("it is never lost")


def test_c4_an_instance_is_dead_when_no_beat_was_seen_for_long() -> None:
    assert PATIENCE_SECONDS <= until_lost(Watch(), a_turn()) <= PATIENCE_SECONDS + 2 * EVERY


@given(st.floats(-1e8, 1e8), st.lists(st.floats(0.1, LONGEST_BETWEEN_SECONDS), min_size=20, max_size=60))
def test_c4_whatever_clock_the_other_has_it_lives_while_it_beats(offset: float, pauses: list[float]) -> None:
    watch = Watch()
    for beats, pause in enumerate(pauses):
        assert not watch.looks(a_turn(beats=beats, seconds=offset), after=pause)


def test_c4_an_instance_of_an_earlier_version_lives_while_its_heartbeat_changes() -> None:
    watch = Watch()
    for second in range(0, 300, 3):
        assert not watch.looks(a_turn("another-host:1:abc", None, second))
    assert until_lost(watch, a_turn("another-host:1:abc", None, 0)) >= PATIENCE_SECONDS


@pytest.mark.parametrize("away", [40.0, 4_000.0])
def test_c4_time_in_which_the_database_was_away_does_not_count(away: float) -> None:
    watch, turn = Watch(), a_turn()
    watch.looks(turn)
    for _ in range(20):
        watch.liveness.trouble()
        assert not watch.looks(turn, after=away)


def test_c4_whoever_was_frozen_itself_holds_nobody_for_dead() -> None:
    watch, turn = Watch(), a_turn()
    watch.looks(turn)
    assert not watch.looks(turn, after=45)
    assert not watch.looks(a_turn(beats=8), after=4_500)


def test_c4_a_turn_that_came_after_a_pause_is_watched_from_its_beginning() -> None:
    """One that runs no turn does not beat."""
    watch = Watch()
    for number in count():
        if watch.at > 3 * PATIENCE_SECONDS:
            break
        assert not watch.looks(Running(f"turn {number}", ELSEWHERE, 7, AT))


@pytest.mark.parametrize("quiet", [0.0, 45.0, HUNG_SECONDS - EVERY])
def test_c4_a_frozen_process_that_is_there_is_not_dead(quiet: float) -> None:
    """Seen by its number, or by the lock that it holds whatever namespace it is in."""
    neighbour = f"{OWN[: OWN.rindex('.')]}.another"
    for watch, instance in ((Watch(), neighbour), (Watch(holds=True), ELSEWHERE)):
        turn = a_turn(instance)
        for _ in range(int(quiet / EVERY)):
            assert not watch.looks(turn)


def test_c4_a_process_that_hangs_for_ever_is_taken_over_in_the_end() -> None:
    assert HUNG_SECONDS <= until_lost(Watch(holds=True), a_turn()) <= HUNG_SECONDS + 2 * EVERY


def test_c4_a_process_whose_lock_nobody_holds_is_dead_at_once() -> None:
    assert Watch(holds=False).looks(a_turn()) == ["turn"]


def test_c4_the_number_says_more_than_the_lock() -> None:
    """A lock of a folder that was copied, or that lies on a disk without locks."""
    here = f"{OWN[: OWN.rindex('.')]}.another"
    assert not Watch(holds=False).looks(a_turn(here))


def test_an_own_turn_that_nobody_works_on_is_lost_after_a_while() -> None:
    assert PATIENCE_SECONDS <= until_lost(Watch(holds=True), a_turn(OWN)) <= PATIENCE_SECONDS + 2 * EVERY
