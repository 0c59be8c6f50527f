"""The driver of actors goes through every order, and finds what only one of them shows."""

import pytest

from tests.interleave import Actor, Play, in_every_order


def test_two_actors_with_two_steps_each_meet_in_six_orders() -> None:
    stories = set[str]()

    def stage(play: Play) -> tuple[list[Actor], Actor]:
        told: list[str] = []

        def act(name: str) -> Actor:
            def actor() -> None:
                told.append(f"{name}1")
                play.point(name)
                told.append(f"{name}2")

            return actor

        return [act("a"), act("b")], lambda: stories.add(" ".join(told))

    in_every_order(stage)
    assert len(stories) == 6


def test_a_lost_update_is_found_and_a_lock_prevents_it() -> None:
    def stage(play: Play, *, locked: bool) -> tuple[list[Actor], Actor]:
        count, lock = [0], play.lock()

        def add() -> None:
            seen = count[0]
            play.point("between")
            count[0] = seen + 1

        def add_alone() -> None:
            play.point("before")
            with lock:
                add()

        def check() -> None:
            assert count == [2]

        return [add_alone if locked else add] * 2, check

    with pytest.raises(AssertionError):
        in_every_order(lambda play: stage(play, locked=False))
    assert in_every_order(lambda play: stage(play, locked=True)) > 1


def test_switches_are_bounded() -> None:
    def stage(play: Play) -> tuple[list[Actor], Actor]:
        def act() -> None:
            for step in range(4):
                play.point(str(step))

        return [act, act], lambda: None

    assert in_every_order(stage, switches=1) < in_every_order(stage, switches=2) < in_every_order(stage)
