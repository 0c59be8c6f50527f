"""Which running turns a process takes for lost, and what becomes of those who lost them."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from core.books.instance import Instance
from core.books.spool import Spool
from core.chat.new_turn import NewTurn
from core.errors import StoreError, TurnLost
from core.store.database import Store
from core.store.instances import Instance as InstanceRow
from core.store.tables import LedgerLine, TaskTrace, TraceSpan
from tests.core.books.histories import AT
from tests.core.books.in_store import completed, opened, rows
from tests.core.books.processes import LOOKS, Processes, StoppingStore, a_saved_point, a_step, run
from tests.interleave import Actor, Play, in_every_order


@pytest.fixture
def processes(store: Store, tmp_path: Path) -> Processes:
    return Processes(store, tmp_path)


def status(store: Store, opening: NewTurn) -> str:
    return str(rows(store, TaskTrace, id=opening.head.task_trace_id)[0]["status"])


def test_an_own_opening_that_no_turn_followed_is_closed_after_a_while(
    store: Store, ids: tuple[str, str], processes: Processes
) -> None:
    books = processes.one()
    forgotten, live = (opened(store, ids, instance_id=books.instance_id) for _ in range(2))
    processes.watch(books, live=(live.head.task_trace_id,))
    fresh = opened(store, ids, instance_id=books.instance_id)
    books.take_over([live.head.task_trace_id])
    assert [status(store, opening) for opening in (forgotten, live, fresh)] == ["interrupted", "running", "running"]


def test_c4_turns_of_who_beats_are_left_and_of_who_stopped_are_taken_over(
    store: Store, ids: tuple[str, str], processes: Processes
) -> None:
    """Whatever time it is there: the heartbeat that the living one wrote is from another year."""
    observer, living, dead = (processes.one() for _ in range(3))
    alive, lost = (opened(store, ids, instance_id=each.instance_id) for each in (living, dead))
    processes.watch(observer, living)
    assert [status(store, opening) for opening in (alive, lost)] == ["running", "interrupted"]
    (row,) = rows(store, TaskTrace, id=lost.head.task_trace_id)
    assert row["instance_id"] == observer.instance_id
    assert row["error_text"].startswith("Taken over after a crash of process 1 on host-2.")


def test_c4_while_the_database_takes_no_writes_nobody_is_taken_for_dead(
    store: Store, ids: tuple[str, str], processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading still works, as with a lock on SQLite: so nobody can beat, although everybody is seen."""
    observer, other = processes.one(), processes.one()
    opening = opened(store, ids, instance_id=other.instance_id)
    observer.take_over()

    def away(_: object) -> Any:
        raise StoreError("The database is locked for a test.")

    with monkeypatch.context() as frozen:
        frozen.setattr(store, "write", away)
        for _ in LOOKS:
            processes.clock.at += 5
            with pytest.raises(StoreError):
                observer.take_over()
    processes.clock.at += 5
    observer.take_over()
    assert status(store, opening) == "running"


def test_c4_while_the_database_is_slow_nobody_is_taken_for_dead(
    store: Store, ids: tuple[str, str], processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    observer, other = processes.one(), processes.one()
    opening, write = opened(store, ids, instance_id=other.instance_id), store.write

    def frozen(job: Any) -> Any:
        processes.clock.at += 40
        return write(job)

    monkeypatch.setattr(store, "write", frozen)
    for _ in LOOKS:
        observer.take_over()
    assert status(store, opening) == "running"


def test_c4_a_beat_begins_with_a_row_and_grows(store: Store, processes: Processes) -> None:
    one = processes.one()
    for beats in (1, 2, 3):
        run(one.heartbeat(()))
        (row,) = rows(store, InstanceRow)
        assert (row["id"], row["host"], row["boot_id"], row["pid_namespace"], row["beats"]) == (
            one.instance_id,
            "host-0",
            "boothost-0",
            "ns",
            beats,
        )


def test_c4_the_exact_cost_of_who_lost_its_turn_is_not_lost(
    store: Store, ids: tuple[str, str], processes: Processes
) -> None:
    observer, frozen = processes.one(), processes.one()
    opening = opened(store, ids, instance_id=frozen.instance_id)
    processes.watch(observer)
    assert status(store, opening) == "interrupted"
    run(frozen.close(completed(opening)))
    (trace,) = rows(store, TaskTrace)
    assert (trace["status"], trace["cost_nanos"], trace["cost_basis"]) == ("completed", 5_000_000, "computed")


MEETINGS = {
    "a checkpoint": lambda books, opening: books.checkpoint({opening.head.task_trace_id: [a_saved_point(opening)]}),
    "a step": lambda books, opening: books.advance(a_step(opening)),
    "a beat": lambda books, opening: books.heartbeat([opening.head.task_trace_id]),
    "an end": lambda books, opening: books.close(completed(opening)),
}


@pytest.mark.parametrize("living", MEETINGS)
def test_c4_the_living_and_its_taker_may_meet_in_any_order(
    store: Store, ids: tuple[str, str], processes: Processes, living: str
) -> None:
    """Whoever comes first, the books close once and add up, and no attempt is left open in a turn that ended."""

    def stage(play: Play) -> tuple[list[Actor], Actor]:
        taker, owner = (processes.one(StoppingStore(store, play)) for _ in range(2))
        opening = opened(store, ids, instance_id=owner.instance_id)
        for _ in LOOKS[:-2]:
            processes.clock.at += 5
            taker.take_over()
        processes.clock.at += 10

        def live() -> None:
            try:
                run(MEETINGS[living](owner, opening))
            except TurnLost:
                assert living == "a step"

        def check() -> None:
            processes.watch(taker)
            (trace,) = rows(store, TaskTrace, id=opening.head.task_trace_id)
            spans = rows(store, TraceSpan, task_trace_id=opening.head.task_trace_id)
            lines = rows(store, LedgerLine, task_trace_id=opening.head.task_trace_id)
            assert trace["status"] == ("completed" if living == "an end" else "interrupted")
            assert {span["status"] for span in spans} <= {"success", "failed", "interrupted"}
            assert sum(line["amount_nanos"] for line in lines) == trace["cost_nanos"]
            assert len(spans) <= 2

        return [live, taker.take_over], check

    assert in_every_order(stage, switches=3) >= 3


def test_c4_rows_of_who_is_gone_and_left_nothing_are_removed(
    store: Store, processes: Processes, tmp_path: Path
) -> None:
    observer, living = processes.one(), processes.one()
    run(living.heartbeat(()))
    gone = Instance("vm:1:x", "vm", 1, "boot", "ns", "1")
    folder = tmp_path / observer.instance_id
    Spool(folder, gone.id).close()
    lock = folder / f"{gone.id}.lock"
    lock.write_text(f"{(found := _touched(lock)).st_dev}:{found.st_ino}")
    row = {"id": gone.id, "boot_id": "boot", "pid_namespace": "ns", "host": "vm", "started_at": AT, "beats": 3}
    store.write(lambda connection: connection.execute(insert(InstanceRow.__table__), row)).result()
    observer.take_over()
    assert [each["id"] for each in rows(store, InstanceRow)] == [living.instance_id]
    assert not lock.exists()


def _touched(path: Path) -> Any:
    path.touch()
    return path.stat()
