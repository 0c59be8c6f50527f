"""Writes a turn into the books as it happens; the last word is never lost."""

import asyncio
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from time import monotonic
from typing import TypeAlias, TypeVar

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from core.books import closing, cross_process, fence, writes
from core.books.batch_writer import LARGEST_BATCH, BatchWriter
from core.books.instance import Instance
from core.books.kept import Kept
from core.books.liveness import SLOW_SECONDS, Liveness, Running
from core.books.recovery import recover
from core.books.repricing import Repriced, reprice
from core.books.spool import Spool, replay
from core.books.values import Advance, Checkpoint, Ended, FinishedRun, ModelCall, Run, RunEnd, Trace, TraceEnd
from core.budgets.holding import count_refusal
from core.clock import now
from core.errors import BudgetSpent, StoreError
from core.logs import log_failure
from core.pricing import PriceBook
from core.store.database import Store

log = structlog.get_logger()

T = TypeVar("T")
Job: TypeAlias = Callable[[Connection], None]

CHECK_EVERY_SECONDS = 1.0
LANES = {"sqlite": 1, "postgresql": 2}
"""Batches of ends under way at once: SQLite has one writer anyway."""


def _nothing_else(_: Connection) -> None:
    return


class Books:
    """The one door of the books: open, advance, close, correct; and ``record`` for what ran elsewhere.

    One for the process; ``instance_id`` marks the turns it answers for.

    What it writes of a turn it writes only as long as the turn is this instance's: else it raises TurnLost.
    """

    def __init__(
        self, store: Store, book: PriceBook, spool: Spool, instance: Instance, clock: Callable[[], float] = monotonic
    ) -> None:
        self.instance_id = instance.id
        self._instance, self._clock = instance, clock
        self._store, self._book, self._spool = store, book, spool
        self._ends = BatchWriter(self._write_ends, lanes=LANES[store.dialect])
        self.kept = Kept(spool)
        self._liveness = Liveness(instance.id, spool.is_held, clock)
        self._checking, self._checked_at = threading.Lock(), float("-inf")

    def open(
        self, trace: Trace, run: Run, call: ModelCall, before: Job = _nothing_else, after: Job = _nothing_else
    ) -> None:
        """Return once a trace, its first run and that run's first model call are committed, with two jobs around them.

        Raises what the jobs raise, IntegrityError while another trace runs in its conversation, BudgetSpent and
        StoreError: then nothing is written.
        """

        def job(connection: Connection) -> None:
            before(connection)
            writes.insert_trace(connection, trace)
            after(connection)
            writes.open_run(connection, run, call)

        self.kept.check_room()
        try:
            self._store.write(job).result()
        except BudgetSpent as refused:
            self._count(refused)
            raise

    def record(self, trace: Trace, runs: Sequence[FinishedRun], ended: Ended) -> bool:
        """Write a trace that ran and ended elsewhere, as a whole; False if it is in the books already.

        Budgets count it and never refuse it, because it is spent. Raises StoreError, and IntegrityError for a person,
        agent or conversation that is not there.
        """

        def job(connection: Connection) -> bool:
            return closing.record(connection, trace, runs, ended)

        try:
            return self._store.write(job).result()
        except IntegrityError:  # perhaps somebody else was first at this very moment: then it is known now
            return self._store.write(job).result()

    def correct(self) -> Repriced:
        """Price what could not be priced before, by corrections. Safe beside all else. Raises StoreError."""
        return reprice(self._store, self._book)

    async def open_run(self, run: Run, call: ModelCall, asked_by: str) -> None:
        """Return once another agent's run is committed. Raises StoreError, TurnLost, BudgetSpent."""
        await self._admitted(run.trace_id, lambda connection: writes.open_run(connection, run, call, asked_by))

    async def prepare(self, call: ModelCall, notes: Sequence[str]) -> None:
        """Return once what the first call may cost is held again. Raises StoreError, TurnLost, BudgetSpent."""
        await self._admitted(call.trace_id, lambda connection: writes.prepare(connection, call, notes))

    async def advance(self, step: Advance) -> None:
        """Return once what has ended and what starts is committed. Raises StoreError, TurnLost, BudgetSpent."""
        await self._admitted(step.trace_id, lambda connection: writes.advance(connection, step))

    async def close_run(self, end: RunEnd, trace_started_at: datetime) -> None:
        """Return once another agent's run is closed, while the trace goes on. Raises StoreError, TurnLost."""
        trace_id = end.last.call.trace_id
        await self._write_held(trace_id, lambda connection: closing.close_run(connection, end, trace_started_at))

    async def checkpoint(self, points: Mapping[str, Sequence[Checkpoint]]) -> set[str]:
        """Bring turns up to date, by their ids; returns those that are not this instance's any more.

        Raises StoreError.
        """

        def job(connection: Connection) -> set[str]:
            own = fence.held(connection, points, self.instance_id)
            if some := [point for turn, each in points.items() if turn in own for point in each]:
                writes.checkpoint(connection, some)
            return points.keys() - own

        return await self._write(job)

    async def heartbeat(self, live: Collection[str]) -> set[str]:
        """Say that this process lives; returns those turns that are not its own any more. Raises StoreError."""

        def job(connection: Connection) -> set[str]:
            fence.beat(connection, self._instance)
            return set(live) - fence.held(connection, live, self.instance_id)

        return await asyncio.to_thread(self._timed, job)

    async def close(self, end: TraceEnd) -> None:
        """Close a trace with its runs. Never fails: what the database refuses is kept until it takes it."""
        self.kept.begin(end)
        try:
            await self._ends.write(end)
        except StoreError as error:
            log.warning("turn_kept", task_trace_id=end.trace_id, reason=error.for_user)
            await asyncio.to_thread(self.kept.refused, end)
        except Exception:  # a turn's end must survive whatever the database does
            log.exception("turn_kept", task_trace_id=end.trace_id)
            await asyncio.to_thread(self.kept.refused, end)
        else:
            self.kept.booked(end)

    async def book_kept(self) -> None:
        """Try again what the database refused. Raises StoreError as long as it does."""
        waiting = self.kept.waiting()
        for first in range(0, len(waiting), LARGEST_BATCH):
            some = waiting[first : first + LARGEST_BATCH]
            results = await asyncio.gather(*(self._ends.write(end) for end in some), return_exceptions=True)
            for end, result in zip(some, results, strict=True):
                self._kept_is(end, result)
            if refused := next((each for each in results if isinstance(each, StoreError)), None):
                raise refused

    def _kept_is(self, end: TraceEnd, result: BaseException | None) -> None:
        if result is None:
            self.kept.booked(end)
        elif isinstance(result, StoreError):
            self.kept.refused(end)
        else:
            self.kept.impossible(end)

    def heard(self, live: Sequence[str]) -> list[cross_process.Heard]:
        """Return what other processes say of these turns. Raises StoreError."""
        with self._store.read() as connection:
            return cross_process.heard(connection, live)

    def spooled(self) -> tuple[int, int]:
        """Count bytes of ends that wait for the database, and of ends that it never takes."""
        return self._spool.sizes()

    def replay_spool(self) -> None:
        """Book what this process, or one that is gone, had to spool; raises StoreError while the database is away."""
        for path in self._spool.take():
            try:
                log.info("spool_replayed", file=path.name, turns=replay(path, self._book_end))
            except OSError as error:
                log.error("spool_put_off", file=path.name, reason=error.strerror)

    def take_over(self, live: Collection[str] = ()) -> None:
        """Finish what nobody answers for: first ends that were spooled, then turns that never ended.

        ``live`` are the ids of this process's own turns; a running row of its own beside them is an opening whose
        commit went through although the database could not say so. Raises StoreError.
        """
        self.replay_spool()
        running = [one for one in self._look() if one.task_trace_id not in live]
        lost = self._liveness.lost(running)
        recovered = recover(self._store, self._book, lost, self.instance_id) if lost else 0
        if recovered:
            log.warning("turns_recovered", turns=recovered)
        self._forget_the_dead()

    def check(self) -> None:
        """Try by a small write now and then that a turn would be booked, and its end kept. Raises StoreError."""
        with self._checking:
            self.kept.check_room()
            self._spool.check_room()
            if self._clock() - self._checked_at >= CHECK_EVERY_SECONDS:
                self._timed(lambda connection: fence.beat(connection, self._instance))
                self._checked_at = self._clock()

    def shut(self) -> None:
        """Keep what is not booked where the next process finds it, and say goodbye. Waits for no database."""
        self.kept.rescue()
        self._spool.close()
        with suppress(StoreError):
            goodbye = self._store.write(lambda connection: fence.forget(connection, [self.instance_id]))
            goodbye.add_done_callback(log_failure)

    def _look(self) -> list[Running]:
        """Look who runs; if others do, only a database that also takes a write lets them beat."""
        running: list[Running] = self._quickly(self._read_running)
        if any(one.instance_id != self.instance_id for one in running):
            self._timed(lambda connection: fence.beat(connection, self._instance))
            running = self._quickly(self._read_running)
        return running

    def _read_running(self) -> list[Running]:
        with self._store.read() as connection:
            return fence.running(connection)

    def _forget_the_dead(self) -> None:
        with self._store.read() as connection:
            idle = fence.others(connection, self.instance_id)
        dead = [each for each in idle if self._liveness.is_gone(each)]
        if dead:
            self._store.write(lambda connection: fence.forget(connection, dead)).result()
        for each in dead:
            self._spool.forget(each)

    def _timed(self, job: Callable[[Connection], T]) -> T:
        return self._quickly(lambda: self._store.write(job).result())

    def _quickly(self, work: Callable[[], T]) -> T:
        """While the database is slow or away nobody can beat, so that nobody is dead for not beating."""
        began = self._clock()
        try:
            result = work()
        except BaseException:
            self._liveness.trouble()
            raise
        if self._clock() - began > SLOW_SECONDS:
            self._liveness.trouble()
        return result

    def _book_end(self, end: TraceEnd) -> bool:
        return self._store.write(lambda connection: closing.close(connection, [end])).result()[0]

    async def _write_ends(self, ends: Sequence[TraceEnd]) -> None:
        await self._write(lambda connection: closing.close(connection, ends))

    async def _write_held(self, task_trace_id: str, job: Callable[[Connection], T]) -> T:
        def fenced(connection: Connection) -> T:
            fence.hold(connection, task_trace_id, self.instance_id)
            return job(connection)

        return await self._write(fenced)

    async def _admitted(self, task_trace_id: str, job: Callable[[Connection], None]) -> None:
        try:
            await self._write_held(task_trace_id, job)
        except BudgetSpent as refused:
            await asyncio.to_thread(self._count, refused)
            raise

    def _count(self, refused: BudgetSpent) -> None:
        """Count what a budget refused, for its page; the caller who was refused need not wait for the database."""
        try:
            self._store.write(lambda connection: count_refusal(connection, refused, now())).result()
        except StoreError as error:
            log.warning("refusal_not_counted", budget=refused.budget_id, reason=error.for_user)

    async def _write(self, job: Callable[[Connection], T]) -> T:
        return await asyncio.wrap_future(self._store.write(job))
