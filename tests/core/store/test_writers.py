"""Jobs are acknowledged after their commit, harm nobody else when they fail, and never lose to a lock."""

import threading
from concurrent.futures import CancelledError, ThreadPoolExecutor, wait
from contextlib import suppress
from multiprocessing.connection import Connection as Line
from typing import Any

import pytest
from sqlalchemy import Connection, event, func, select, text
from sqlalchemy.exc import IntegrityError, OperationalError

from core.errors import AppError, InputError, StoreError
from core.store.database import Store, open_store
from tests.core.store.samples import MARKS, mark, marks, numbers
from tests.forked import forked

DUPLICATE = text("INSERT INTO dirty_buckets (id, hour) SELECT max(id), max(hour) FROM dirty_buckets")


def duplicate(connection: Connection) -> None:
    connection.execute(DUPLICATE)


class Held:
    """Keeps all writers busy, so that what is written meanwhile waits together."""

    def __init__(self, store: Store) -> None:
        self._go = threading.Event()
        busy = threading.Barrier(2 if store.dialect == "sqlite" else 9)

        def hold(_: Connection) -> None:
            busy.wait()
            self._go.wait()

        self._jobs = [store.write(hold) for _ in range(busy.parties - 1)]
        busy.wait()

    def release(self) -> None:
        self._go.set()
        wait(self._jobs)


def commits(store: Store) -> list[Any]:
    """Grows by one with each commit of the SQLite writer."""
    seen: list[Any] = []
    event.listen(store._writer._engine, "commit", seen.append)  # type: ignore[attr-defined]
    return seen


def test_what_is_acknowledged_is_committed(store: Store) -> None:
    for count in range(1, 6):
        store.write(mark()).result()
        assert marks(store) == count


def test_a_job_returns_its_result(store: Store) -> None:
    assert store.write(lambda connection: connection.execute(text("SELECT 41 + 1")).scalar()).result() == 42


def test_jobs_that_wait_share_one_commit(sqlite_store: Store) -> None:
    held, seen = Held(sqlite_store), commits(sqlite_store)
    jobs = [sqlite_store.write(mark(number)) for number in range(50)]
    assert not any(job.done() for job in jobs)
    held.release()
    wait(jobs)
    assert len(seen) == 2
    assert numbers(sqlite_store) == list(range(50))


def test_nobody_is_told_before_the_commit(sqlite_store: Store) -> None:
    held = Held(sqlite_store)
    first = sqlite_store.write(mark())
    told = sqlite_store.write(lambda _: first.done())
    held.release()
    assert told.result() is False
    assert first.done()


def test_futures_are_done_in_the_order_of_their_jobs(sqlite_store: Store) -> None:
    held, order = Held(sqlite_store), list[int]()
    jobs = [sqlite_store.write(mark(number)) for number in range(20)]
    for job in jobs:
        job.add_done_callback(lambda done: order.append(jobs.index(done)))
    held.release()
    wait(jobs)
    assert order == list(range(20))


@pytest.mark.parametrize("bad", [0, 7, 19])
def test_one_job_that_fails_among_many_harms_no_other(store: Store, bad: int) -> None:
    store.write(mark(99)).result()
    held = Held(store)
    jobs = [store.write(mark(number) if number != bad else duplicate) for number in range(20)]
    held.release()
    assert isinstance(jobs[bad].exception(), IntegrityError)
    assert [job.exception() for number, job in enumerate(jobs) if number != bad] == [None] * 19
    assert sorted(numbers(store)) == sorted({*range(20), 99} - {bad})


@pytest.mark.parametrize("error", [InputError("no"), StoreError("mine"), ValueError("x"), KeyboardInterrupt()])
def test_what_a_job_raises_reaches_only_its_caller(store: Store, error: BaseException) -> None:
    def fail(connection: Connection) -> None:
        mark(1)(connection)
        raise error

    held = Held(store)
    failing, fine = store.write(fail), store.write(mark(2))
    held.release()
    assert failing.exception() is error
    fine.result()
    assert numbers(store) == [2]


def test_a_defect_in_sql_stays_what_it_is(store: Store) -> None:
    error = store.write(lambda connection: connection.execute(text("SELECT * FROM nowhere")).all()).exception()
    assert error is not None
    assert "nowhere" in str(error)
    assert not isinstance(error, AppError)


def test_a_job_may_undo_a_part_of_itself(store: Store) -> None:
    def job(connection: Connection) -> None:
        mark(1)(connection)
        with pytest.raises(IntegrityError), connection.begin_nested():
            connection.execute(DUPLICATE)
        mark(2)(connection)

    store.write(job).result()
    assert numbers(store) == [1, 2]


def test_a_job_that_was_called_off_in_time_is_not_run(store: Store) -> None:
    held = Held(store)
    unwanted, wanted = store.write(mark(1)), store.write(mark(2))
    assert unwanted.cancel()
    held.release()
    wanted.result()
    with pytest.raises(CancelledError):
        unwanted.result()
    assert numbers(store) == [2]


def test_a_running_job_cannot_be_called_off(store: Store) -> None:
    running, go = threading.Event(), threading.Event()

    def slow(connection: Connection) -> None:
        running.set()
        go.wait()
        mark(5)(connection)

    job = store.write(slow)
    running.wait()
    assert not job.cancel()
    go.set()
    job.result()
    assert numbers(store) == [5]


def test_writers_on_many_threads_meet_no_lock(store: Store) -> None:
    def count_up(connection: Connection) -> None:
        # Reads before it writes, which fails at once under a deferred transaction.
        seen = connection.execute(select(func.count()).select_from(MARKS)).scalar_one()
        mark(seen)(connection)

    def produce() -> None:
        for _ in range(25):
            store.write(count_up).result()

    threads = [threading.Thread(target=produce) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert marks(store) == 12 * 25


CONFLICT = text("DO $$ BEGIN RAISE EXCEPTION 'a conflict' USING ERRCODE = 'serialization_failure'; END $$")


def test_postgresql_runs_a_job_that_met_a_conflict_again(postgresql_store: Store) -> None:
    tries: list[int] = []

    def third_time_lucky(connection: Connection) -> int:
        tries.append(len(tries))
        mark(len(tries))(connection)
        if len(tries) < 3:
            connection.execute(CONFLICT)
        return len(tries)

    assert postgresql_store.write(third_time_lucky).result() == 3
    assert numbers(postgresql_store) == [3]


def test_postgresql_gives_up_on_a_conflict_that_never_ends(postgresql_store: Store) -> None:
    job = postgresql_store.write(lambda connection: connection.execute(CONFLICT).close())
    with pytest.raises(StoreError, match="in line with others"):
        job.result(timeout=10)
    postgresql_store.write(mark()).result()


def test_postgresql_runs_a_job_that_met_a_deadlock_again(postgresql_store: Store) -> None:
    for number in (1, 2):
        postgresql_store.write(mark(number)).result()
    lock = text("SELECT 1 FROM dirty_buckets WHERE id = :id FOR UPDATE")
    met, firsts = threading.Barrier(2), threading.local()

    def lock_both(first: int, second: int) -> Any:
        def job(connection: Connection) -> None:
            connection.execute(lock, {"id": first})
            if not hasattr(firsts, "met"):
                firsts.met = met.wait()
            connection.execute(lock, {"id": second})
            mark(9)(connection)

        return job

    jobs = [postgresql_store.write(lock_both(1, 2)), postgresql_store.write(lock_both(2, 1))]
    for job in jobs:
        job.result()
    assert numbers(postgresql_store) == [1, 2, 9, 9]


def test_closing_finishes_what_was_accepted_and_takes_no_more(store: Store) -> None:
    held = Held(store)
    jobs = [store.write(mark(number)) for number in range(30)]
    threading.Timer(0.1, held.release).start()
    store.close()
    assert all(job.exception() is None for job in jobs)
    with pytest.raises(StoreError, match="closed"):
        store.write(mark())
    store.close()


def produce(line: "Line[int, int]", url: str) -> None:
    """Eight threads that say each number once it is written."""
    store, saying = open_store(url), threading.Lock()

    def write(first: int) -> None:
        for number in range(first, first + 100_000):
            store.write(mark(number)).result()
            with saying:
                line.send(number)

    with ThreadPoolExecutor(8) as threads:
        threads.map(write, range(0, 800_000, 100_000))


@pytest.mark.parametrize("after", [1, 40, 300])
def test_a_killed_process_keeps_every_acknowledged_row(store: Store, after: int) -> None:
    with forked(produce, store.url) as program:
        acknowledged = [program.said() for _ in range(after)]
        program.process.kill()
        with suppress(EOFError):
            while True:
                acknowledged.append(program.said())
    kept = numbers(store)
    assert set(acknowledged) <= set(kept)
    assert len(kept) == len(set(kept))
    store.write(mark(-1)).result()


def test_readers_cannot_write(store: Store) -> None:
    with pytest.raises((OperationalError, StoreError)), store.read() as connection:
        connection.execute(text("INSERT INTO dirty_buckets (hour) VALUES ('2026-01-01')"))
    assert marks(store) == 0


def test_a_reader_sees_one_moment_and_holds_up_no_writer(store: Store) -> None:
    store.write(mark()).result()
    with store.read() as connection:
        count = select(func.count()).select_from(MARKS)
        assert connection.execute(count).scalar() == 1
        store.write(mark()).result(timeout=2)
        assert connection.execute(count).scalar() == 1
    assert marks(store) == 2


def test_readers_do_not_wait_for_a_writer(store: Store) -> None:
    held = Held(store)
    assert marks(store) == 0
    held.release()
