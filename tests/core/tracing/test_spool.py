"""Ends that the database would not take are kept on disk and booked once."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from core.errors import StoreError
from core.store.text import storable
from core.tracing.entries import Finish, from_json
from core.tracing.spool import Spool, replay
from tests.core.tracing.histories import a_finish, a_reply, an_attempt, an_end, an_opening

T = TypeVar("T")


def into(booked: list[T], take: Callable[[Finish], T]) -> Callable[[Finish], bool]:
    """A writer that keeps what it is given."""

    def write(end: Finish) -> bool:
        booked.append(take(end))
        return True

    return write


def an_ended_turn(text: str = "Much.") -> Finish:
    opening = an_opening("user", "agent")
    reply = a_reply(text, {"input_tokens": 7, "output_tokens": 3})
    return a_finish(opening, an_end(an_attempt(opening, reply=reply), "completed"), "completed", reply)


@pytest.mark.parametrize(
    "text", ["Much.", "two\nlines", 'quotes " and \\', "ünïcödé 🙂", "nul \x00", "half a pair \ud83d"]
)
def test_an_end_comes_back_from_the_file_as_it_was(tmp_path: Path, text: str) -> None:
    spool, end, booked = Spool(tmp_path / "spool", "host:1:a"), an_ended_turn(text), list[Finish]()
    end = replace(end, text=storable(end.text))
    spool.append(end)
    assert replay(spool.path, into(booked, lambda back: back)) == 1
    assert booked == [end]
    assert not spool.waiting()


def test_ends_are_booked_in_the_order_they_came(tmp_path: Path) -> None:
    spool, ends, booked = Spool(tmp_path, "host:1:a"), [an_ended_turn(str(n)) for n in range(5)], list[Finish]()
    for end in ends:
        spool.append(end)
    replay(spool.path, into(booked, lambda back: back))
    assert booked == ends


@pytest.mark.parametrize("refusing", range(3))
def test_while_the_database_is_away_the_file_stays_whole(tmp_path: Path, refusing: int) -> None:
    spool, ends, booked = Spool(tmp_path, "host:1:a"), [an_ended_turn(str(n)) for n in range(3)], list[str]()
    for end in ends:
        spool.append(end)

    def write(end: Finish) -> bool:
        if len(booked) == refusing:
            raise StoreError("The database is away.")
        booked.append(end.text)
        return True

    with pytest.raises(StoreError):
        replay(spool.path, write)
    assert [from_json(row) for row in spool.path.read_bytes().splitlines()] == ends


def test_a_torn_last_row_does_not_hold_up_the_others(tmp_path: Path) -> None:
    spool, booked = Spool(tmp_path, "host:1:a"), list[str]()
    spool.append(an_ended_turn("whole"))
    with spool.path.open("ab") as file:
        file.write(b'{"task_trace_id": "torn')
    assert replay(spool.path, into(booked, lambda back: back.text)) == 1
    assert booked == ["whole"]
    assert spool.path.with_suffix(".refused").read_bytes() == b'{"task_trace_id": "torn\n'


def test_an_end_that_can_never_be_booked_is_set_aside_for_a_person(tmp_path: Path) -> None:
    spool, poison, good, booked = (
        Spool(tmp_path, "host:1:a"),
        an_ended_turn("poison"),
        an_ended_turn("good"),
        list[str](),
    )
    spool.append(poison)
    spool.append(good)

    def write(end: Finish) -> bool:
        if end.text == "poison":
            raise ValueError("no row takes this")
        booked.append(end.text)
        return True

    assert replay(spool.path, write) == 1
    assert booked == ["good"]
    assert from_json(spool.path.with_suffix(".refused").read_bytes()) == poison


def test_only_the_files_of_the_dead_are_taken_over(tmp_path: Path) -> None:
    mine, theirs = Spool(tmp_path, "host:1:mine"), Spool(tmp_path, "host:2:dead")
    mine.append(an_ended_turn())
    theirs.append(an_ended_turn())
    assert mine.left_by(lambda instance: instance.endswith("dead")) == [theirs.path]
