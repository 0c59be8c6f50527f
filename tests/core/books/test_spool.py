"""Ends that the database would not take are kept on disk and booked once."""

import resource
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TypeVar

import pytest

from core.books import spool as spool_module
from core.books.end_lines import as_json, from_json
from core.books.spool import Spool, replay
from core.books.values import Answer, TraceEnd
from core.errors import StoreError
from core.store.text import storable
from core.usage import Usage
from tests.core.books.histories import a_call, a_finish, a_reply, an_end, an_opening
from tests.forked import forked
from tests.interleave import Actor, Play, in_every_order

T = TypeVar("T")
GOLDEN = Path(__file__).parents[2] / "golden"


def into(booked: list[T], take: Callable[[TraceEnd], T]) -> Callable[[TraceEnd], bool]:
    """A writer that keeps what it is given."""

    def write(end: TraceEnd) -> bool:
        booked.append(take(end))
        return True

    return write


def said(end: TraceEnd) -> Answer:
    assert end.answer is not None
    return end.answer


def text_of(end: TraceEnd) -> str:
    return said(end).text


def an_ended_turn(text: str = "Much.") -> TraceEnd:
    opening = an_opening("user", "agent")
    reply = a_reply(text, {"input_tokens": 7, "output_tokens": 3})
    return a_finish(opening, an_end(a_call(opening, reply=reply), "completed"), "completed", reply)


@pytest.mark.parametrize(
    "text", ["Much.", "two\nlines", 'quotes " and \\', "ünïcödé 🙂", "nul \x00", "half a pair \ud83d"]
)
def test_an_end_comes_back_from_the_file_as_it_was(tmp_path: Path, text: str) -> None:
    spool, end, booked = Spool(tmp_path / "spool", "host:1:a"), an_ended_turn(text), list[TraceEnd]()
    end = replace(end, answer=replace(said(end), text=storable(text_of(end))))
    spool.append(end)
    [path] = spool.take()
    assert replay(path, into(booked, lambda back: back)) == 1
    assert booked == [end]
    assert spool.take() == []


def test_ends_are_booked_in_the_order_they_came(tmp_path: Path) -> None:
    spool, ends, booked = Spool(tmp_path, "host:1:a"), [an_ended_turn(str(n)) for n in range(5)], list[TraceEnd]()
    for end in ends:
        spool.append(end)
    [path] = spool.take()
    replay(path, into(booked, lambda back: back))
    assert booked == ends


@pytest.mark.parametrize("refusing", range(3))
def test_while_the_database_is_away_the_file_stays_whole(tmp_path: Path, refusing: int) -> None:
    spool, ends, booked = Spool(tmp_path, "host:1:a"), [an_ended_turn(str(n)) for n in range(3)], list[str]()
    for end in ends:
        spool.append(end)

    def write(end: TraceEnd) -> bool:
        if len(booked) == refusing:
            raise StoreError("The database is away.")
        booked.append(text_of(end))
        return True

    [path] = spool.take()
    with pytest.raises(StoreError):
        replay(path, write)
    assert spool.take() == [path]
    assert [from_json(row) for row in path.read_bytes().splitlines()] == ends


@pytest.mark.parametrize("torn", [1, 2, 40, -1])
def test_c2_a_torn_row_swallows_neither_its_neighbour_nor_the_rest(tmp_path: Path, torn: int) -> None:
    """Whatever was on the disk when the process died in the middle of a row, and went on to write later ones."""
    spool, booked = Spool(tmp_path, "host:1:a"), list[str]()
    ends = [an_ended_turn(text) for text in ("first", "second", "third")]
    spool.append(ends[0])
    with spool.path.open("ab") as file:
        file.write(as_json(an_ended_turn("torn"))[:torn])
    for end in ends[1:]:
        spool.append(end)
    [path] = spool.take()
    assert replay(path, into(booked, text_of)) == 3
    assert booked == ["first", "second", "third"]
    assert path.with_suffix(".refused").read_bytes().count(b"\n") == 1


def test_c2_an_end_written_while_the_spool_is_replayed_is_not_lost_in_any_order(tmp_path: Path) -> None:
    folders = count()

    def stage(play: Play) -> tuple[list[Actor], Actor]:
        spool, booked = Spool(tmp_path / str(next(folders)), "host:1:a"), list[str]()
        spool._lock = play.lock()  # type: ignore[assignment]
        spool.append(an_ended_turn("before"))

        def append() -> None:
            spool.append(an_ended_turn("meanwhile"))

        def give_back() -> None:
            for path in spool.take():
                replay(path, into(booked, text_of))

        def check() -> None:
            give_back()
            assert sorted(booked) == ["before", "meanwhile"]
            assert list(spool.folder.glob("*.jsonl")) == []

        return [append, give_back], check

    assert in_every_order(stage, watched=[spool_module], switches=2) > 100


def test_c2_of_two_who_give_back_one_file_one_books_it(tmp_path: Path) -> None:
    folders = count()

    def stage(play: Play) -> tuple[list[Actor], Actor]:
        folder, booked = tmp_path / str(next(folders)), list[str]()
        dead = Spool(folder, "host:1:dead")
        dead.append(an_ended_turn("left"))
        dead.close()
        takers = [Spool(folder, f"host:2:{name}") for name in "ab"]

        def taking(spool: Spool) -> Actor:
            def actor() -> None:
                for path in spool.take():
                    replay(path, into(booked, text_of))

            return actor

        def check() -> None:
            assert booked == ["left"]

        return [taking(spool) for spool in takers], check

    assert in_every_order(stage, watched=[spool_module], switches=2) > 100


def test_an_end_that_can_never_be_booked_is_set_aside_for_a_person(tmp_path: Path) -> None:
    spool, poison, good = Spool(tmp_path, "host:1:a"), an_ended_turn("poison"), an_ended_turn("good")
    booked = list[str]()
    spool.append(poison)
    spool.append(good)

    def write(end: TraceEnd) -> bool:
        if text_of(end) == "poison":
            raise ValueError("no row takes this")
        booked.append(text_of(end))
        return True

    [path] = spool.take()
    assert replay(path, write) == 1
    assert booked == ["good"]
    assert from_json(path.with_suffix(".refused").read_bytes()) == poison


@pytest.mark.parametrize("left_by", ["another-container:1:old", "vm:7:abc.def.12.x", "vm:7:abc.def.12.x+a-taken-file"])
def test_c3_what_lies_in_the_folder_and_is_not_locked_is_ones_own(tmp_path: Path, left_by: str) -> None:
    """Whatever host it names, and whatever version wrote it."""
    (tmp_path / f"{left_by}.jsonl").write_bytes(as_json(an_ended_turn("left")) + b"\n")
    (tmp_path / f"{left_by}.lock").write_bytes(b"of a folder that was copied or given back from a backup")
    spool, booked = Spool(tmp_path, "host:1:a"), list[str]()
    [path] = spool.take()
    assert replay(path, into(booked, text_of)) == 1
    assert booked == ["left"]


def test_c3_what_a_living_instance_spooled_is_left_to_it_until_it_is_gone(tmp_path: Path) -> None:
    with forked(_spooling, tmp_path) as other:
        name = other.said()
        spool = Spool(tmp_path, "host:1:a")
        assert (spool.is_held(name), spool.take()) == (True, [])
        other.process.kill()
        other.ended()
        assert spool.is_held(name) is False
        [path] = spool.take()
    assert replay(path, lambda _: True) == 1


def _spooling(line: "Connection[str, str]", folder: Path) -> None:
    """A process with an end in its spool."""
    spool = Spool(folder, "another-host:1:living")
    spool.append(an_ended_turn())
    line.send("another-host:1:living")
    threading.Event().wait()


def test_c3_a_copied_lock_does_not_say_that_its_owner_is_gone(tmp_path: Path) -> None:
    Spool(tmp_path / "here", "host:1:living")
    copied = tmp_path / "there"
    copied.mkdir()
    copied.joinpath("host:1:living.lock").write_bytes((tmp_path / "here" / "host:1:living.lock").read_bytes())
    assert Spool(copied, "host:2:other").is_held("host:1:living") is None


@pytest.mark.parametrize("room", [0, 1, 700])
def test_c1_a_row_that_the_disk_has_no_room_for_leaves_nothing_of_itself(tmp_path: Path, room: int) -> None:
    spool = Spool(tmp_path, "host:1:a")
    spool.append(an_ended_turn("first"))
    whole = spool.path.read_bytes()
    with files_no_longer_than(len(whole) + room), pytest.raises(OSError, match="File too large"):
        spool.append(an_ended_turn("second" * 400))
    assert spool.path.read_bytes() == whole
    spool.append(an_ended_turn("third"))
    [path] = spool.take()
    booked = list[str]()
    assert replay(path, into(booked, text_of)) == 2
    assert booked == ["first", "third"]


@contextmanager
def files_no_longer_than(size: int) -> Iterator[None]:
    """For this process the disk is full there."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


def test_an_end_that_version_0_1_kept_is_read() -> None:
    """With another agent's run, a tool, and what the first form said once for all its parts."""
    end = from_json((GOLDEN / "kept_end_0_1.jsonl").read_bytes())
    own, other = end.runs
    assert (end.ended.status, end.ended.at, end.ended.first_token_ms) == ("completed", own.last.ended.at, 400)
    assert (own.last.cost.total, len(own.last.cost.lines), own.last.usage) == (5_000_000, 2, Usage(1_000, output=50))
    assert (own.last.reported.request_id, own.last.reported.usage) == (
        "req_1",
        {"input_tokens": 1_000, "output_tokens": 50},
    )
    [tool] = own.tools
    assert (tool.call.name, tool.ended.status, tool.output, tool.waited_ms) == ("calculator", "completed", "2", 5)
    assert (other.ended.status, other.ended.error_text, other.unmade) == ("stopped", "It ended.", ("never",))
    assert said(end).text == "Much."
    assert from_json(as_json(end)) == end
