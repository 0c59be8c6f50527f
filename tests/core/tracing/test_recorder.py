"""Which running turns a process takes for lost, and what becomes of those who lost them."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, update

from core.clock import new_id
from core.errors import StoreError, TurnLost
from core.store.database import Store
from core.store.instances import Instance as InstanceRow
from core.store.tables import LedgerLine, Message, TaskTrace, TraceSpan
from core.tracing.entries import Checkpoint, NewAttempt, Opening, SessionEnd, Step
from core.tracing.instance import Instance, read_instance
from core.tracing.liveness import PATIENCE_SECONDS
from core.tracing.recorder import Recorder
from core.tracing.spool import Spool
from core.usage import Usage
from tests.core.tracing.histories import AT, BOOK, an_attempt, an_end, refused
from tests.core.tracing.in_store import completed, opened, rows
from tests.interleave import Actor, Play, in_every_order

LOOKS = range(0, int(PATIENCE_SECONDS) + 15, 5)


class Clock:
    """Seconds that pass when we say so."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


class Processes:
    """Recorders of one database that cannot see each other's processes, each with a data folder of its own."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store, self._folder, self._names, self.clock = store, folder, count(), Clock()

    def one(self, store: Store | None = None) -> Recorder:
        name = f"host-{next(self._names)}"
        instance = replace(read_instance(f"{name}:1:boot{name}.ns.1.{new_id()[-12:]}"))
        return Recorder(store or self.store, BOOK, Spool(self._folder / instance.id, instance.id), instance, self.clock)

    def watch(self, observer: Recorder, *living: Recorder, live: tuple[str, ...] = ()) -> None:
        """For longer than anybody has patience."""
        for _ in LOOKS:
            self.clock.at += 5
            for each in living:
                run(each.heartbeat(()))
            observer.take_over(live)


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


@pytest.fixture
def processes(store: Store, tmp_path: Path) -> Iterator[Processes]:
    yield Processes(store, tmp_path)


def status(store: Store, opening: Opening) -> str:
    return str(rows(store, TaskTrace, id=opening.task_trace_id)[0]["status"])


def a_point(opening: Opening, text: str = "Mu") -> Checkpoint:
    return Checkpoint(
        span_id=opening.span_id,
        answer_message_id=opening.answer_message_id,
        usage=Usage(input=1_000, output=9),
        usage_json={"input_tokens": 1_000, "output_tokens": 1},
        response_model=opening.model,
        request_id="req_1",
        time_to_first_token_ms=300,
        content=[{"type": "text", "text": text}],
        text=text,
    )


def a_step(opening: Opening) -> Step:
    """The first attempt failed, another one is made."""
    attempt = NewAttempt(new_id(), opening.task_trace_id, opening.session_id, opening.model, 2, opening.at)
    ended = an_end(an_attempt(opening), "failed", refused())
    return Step(
        opening.task_trace_id, opening.session_id, opening.at, ended, attempt=attempt, prompt_estimate=40, at=AT
    )


def test_an_own_opening_that_no_turn_followed_is_closed_after_a_while(
    store: Store, ids: tuple[str, str], processes: Processes
) -> None:
    recorder = processes.one()
    forgotten, live = (opened(store, ids, instance_id=recorder.instance_id) for _ in range(2))
    processes.watch(recorder, live=(live.task_trace_id,))
    fresh = opened(store, ids, instance_id=recorder.instance_id)
    recorder.take_over([live.task_trace_id])
    assert [status(store, opening) for opening in (forgotten, live, fresh)] == ["interrupted", "running", "running"]


def test_c4_turns_of_who_beats_are_left_and_of_who_stopped_are_taken_over(
    store: Store, ids: tuple[str, str], processes: Processes
) -> None:
    """Whatever time it is there: the heartbeat that the living one wrote is from another year."""
    observer, living, dead = (processes.one() for _ in range(3))
    alive, lost = (opened(store, ids, instance_id=each.instance_id) for each in (living, dead))
    processes.watch(observer, living)
    assert [status(store, opening) for opening in (alive, lost)] == ["running", "interrupted"]
    (row,) = rows(store, TaskTrace, id=lost.task_trace_id)
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
    one.close()
    store.write(lambda _: None).result()
    assert rows(store, InstanceRow) == []


WRITES: dict[str, Callable[[Recorder, Opening], Coroutine[Any, Any, Any]]] = {
    "advance": lambda recorder, opening: recorder.advance(a_step(opening)),
    "end_session": lambda recorder, opening: recorder.end_session(
        SessionEnd(opening.session_id, "success", 1, completed(opening).attempt), opening.task_trace_id, opening.at
    ),
}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("closed", [True, False])
def test_c4_whoever_lost_its_turn_cannot_write_to_it(
    store: Store, ids: tuple[str, str], processes: Processes, write: str, closed: bool
) -> None:
    """Also if the one that has it now has not closed it."""
    old, new = processes.one(), processes.one()
    opening = opened(store, ids, instance_id=old.instance_id)
    taken_from(store, opening, new, closed=closed)
    before = everything(store)
    with pytest.raises(TurnLost):
        run(WRITES[write](old, opening))
    assert run(old.checkpoint({opening.task_trace_id: [a_point(opening)]})) == {opening.task_trace_id}
    assert run(old.heartbeat([opening.task_trace_id])) == {opening.task_trace_id}
    assert everything(store) == before


def test_c4_of_several_turns_only_the_lost_one_is_not_saved(
    store: Store, ids: tuple[str, str], processes: Processes
) -> None:
    old, new = processes.one(), processes.one()
    lost, kept = (opened(store, ids, instance_id=old.instance_id) for _ in range(2))
    taken_from(store, lost, new, closed=True)
    points = {opening.task_trace_id: [a_point(opening)] for opening in (lost, kept)}
    assert run(old.checkpoint(points)) == {lost.task_trace_id}
    assert [rows(store, Message, id=each.answer_message_id)[0]["text"] for each in (lost, kept)] == ["", "Mu"]


def taken_from(store: Store, opening: Opening, by: Recorder, *, closed: bool) -> None:
    row = TaskTrace.__table__.c
    taken = update(TaskTrace.__table__).where(row.id == opening.task_trace_id).values(instance_id=by.instance_id)
    store.write(lambda connection: connection.execute(taken)).result()
    if closed:
        run(by.finish(replace(completed(opening), recovered=True)))


def everything(store: Store) -> list[Any]:
    tables = (TaskTrace, TraceSpan, LedgerLine, Message)
    return [sorted(map(str, rows(store, table))) for table in tables]


def test_c4_the_exact_cost_of_who_lost_its_turn_is_not_lost(
    store: Store, ids: tuple[str, str], processes: Processes
) -> None:
    observer, frozen = processes.one(), processes.one()
    opening = opened(store, ids, instance_id=frozen.instance_id)
    processes.watch(observer)
    assert status(store, opening) == "interrupted"
    run(frozen.finish(completed(opening)))
    (trace,) = rows(store, TaskTrace)
    assert (trace["status"], trace["cost_nanos"], trace["cost_basis"]) == ("completed", 5_000_000, "computed")


MEETINGS = {
    "a checkpoint": lambda recorder, opening: recorder.checkpoint({opening.task_trace_id: [a_point(opening)]}),
    "a step": lambda recorder, opening: recorder.advance(a_step(opening)),
    "a beat": lambda recorder, opening: recorder.heartbeat([opening.task_trace_id]),
    "an end": lambda recorder, opening: recorder.finish(completed(opening)),
}


@pytest.mark.parametrize("living", MEETINGS)
def test_c4_the_living_and_its_taker_may_meet_in_any_order(
    store: Store, ids: tuple[str, str], processes: Processes, living: str
) -> None:
    """Whoever comes first, the books close once and add up, and no attempt is left open in a turn that ended."""

    def stage(play: Play) -> tuple[list[Actor], Actor]:
        taker, owner = (processes.one(StoppingStore(store, play)) for _ in range(2))  # type: ignore[arg-type]
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
            (trace,) = rows(store, TaskTrace, id=opening.task_trace_id)
            spans = rows(store, TraceSpan, task_trace_id=opening.task_trace_id)
            lines = rows(store, LedgerLine, task_trace_id=opening.task_trace_id)
            assert trace["status"] == ("completed" if living == "an end" else "interrupted")
            assert {span["status"] for span in spans} <= {"success", "failed", "interrupted"}
            assert sum(line["amount_nanos"] for line in lines) == trace["cost_nanos"]
            assert len(spans) <= 2

        return [live, taker.take_over], check

    assert in_every_order(stage, switches=3) >= 3


class StoppingStore:
    """The store, at which an actor stops before each transaction."""

    def __init__(self, store: Store, play: Play) -> None:
        self._store, self._play, self.dialect = store, play, store.dialect

    def write(self, job: Any) -> Any:
        self._play.point("write")
        return self._store.write(job)

    def read(self) -> Any:
        self._play.point("read")
        return self._store.read()


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
