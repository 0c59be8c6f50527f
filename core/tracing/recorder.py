"""Writes a turn into the books as it happens; the last word is never lost."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

import structlog
from sqlalchemy import Connection, RowMapping

from core.budgets.holding import count_refusal
from core.clock import now
from core.errors import BudgetSpent, StoreError
from core.pricing import PriceBook
from core.store.database import Store
from core.tracing import books, elsewhere
from core.tracing.entries import Checkpoint, Finish, NewSession, Opening, SessionEnd, Step
from core.tracing.instance import is_dead
from core.tracing.opening import open_turn
from core.tracing.recovery import recover
from core.tracing.spool import Spool, replay
from core.tracing.together import Together

log = structlog.get_logger()

T = TypeVar("T")

OWN_LOST_AFTER = timedelta(seconds=60)
LANES = {"sqlite": 1, "postgresql": 2}
"""Batches of ends under way at once: SQLite has one writer anyway."""


class Recorder:
    """One for the process; ``instance_id`` marks the turns it answers for."""

    def __init__(self, store: Store, book: PriceBook, spool: Spool, instance_id: str) -> None:
        self.instance_id = instance_id
        self._store, self._book, self._spool = store, book, spool
        self._ends = Together(self._write_ends, lanes=LANES[store.dialect])

    def open(self, opening: Opening) -> None:
        """Returns once it is committed. Raises what ``open_turn`` raises, and StoreError."""
        try:
            self._store.write(lambda connection: open_turn(connection, opening)).result()
        except BudgetSpent as refused:
            self._count(refused)
            raise

    async def advance(self, step: Step) -> None:
        """Returns once what has ended and what starts is committed. Raises StoreError, TurnLost."""
        await self._admitted(lambda connection: books.advance(connection, step))

    async def open_session(self, new: NewSession) -> None:
        """Returns once another agent's run is committed. Raises StoreError, TurnLost."""
        await self._admitted(lambda connection: books.open_session(connection, new))

    async def end_session(self, end: SessionEnd, task_trace_id: str, trace_started_at: datetime) -> None:
        """Returns once its end is committed. Raises StoreError, TurnLost."""
        await self._write(lambda connection: books.end_session(connection, end, task_trace_id, trace_started_at))

    async def checkpoint(self, checkpoints: Sequence[Checkpoint]) -> None:
        await self._write(lambda connection: books.checkpoint(connection, checkpoints))

    async def heartbeat(self) -> None:
        at = now()
        await self._write(lambda connection: elsewhere.heartbeat(connection, self.instance_id, at))

    async def finish(self, end: Finish) -> None:
        """Never fails: what the database refuses waits in the spool."""
        try:
            await self._ends.write(end)
        except Exception:  # a turn's end must survive whatever the database does
            log.exception("turn_spooled", task_trace_id=end.task_trace_id)
            await asyncio.to_thread(self._spool.append, end)

    def heard(self, live: Sequence[str]) -> list[elsewhere.Heard]:
        """What other processes say of these turns. Raises StoreError."""
        with self._store.read() as connection:
            return elsewhere.heard(connection, live)

    def spooled(self) -> tuple[int, int]:
        """Bytes of ends that wait for the database, and of ends that it never takes."""
        return self._spool.sizes()

    def replay_own(self) -> None:
        """Book what this process had to spool; raises StoreError while the database is still away."""
        if self._spool.waiting():
            log.info("spool_replayed", turns=replay(self._spool.path, self._book_end))

    def take_over(self, live: Collection[str] = ()) -> None:
        """Finish what nobody answers for: first ends that dead instances spooled, then turns that never ended.

        ``live`` are the ids of this process's own turns; a running row of its own beside them is an opening whose
        commit went through although the database could not say so.
        """
        for path in self._spool.left_by(lambda instance: is_dead(instance, self.instance_id)):
            log.info("spool_replayed", file=path.name, turns=replay(path, self._book_end))
        recovered = recover(self._store, self._book, lambda row: self._is_lost(row, live))
        if recovered:
            log.warning("turns_recovered", turns=recovered)

    def _is_lost(self, row: RowMapping, live: Collection[str]) -> bool:
        if row["instance_id"] == self.instance_id:
            return row["task_trace_id"] not in live and now() - row["trace_started_at"] > OWN_LOST_AFTER
        return is_dead(row["instance_id"], self.instance_id, row["heartbeat_at"])

    def _book_end(self, end: Finish) -> bool:
        return self._store.write(lambda connection: books.finish(connection, [end])).result()[0]

    async def _write_ends(self, ends: Sequence[Finish]) -> None:
        await self._write(lambda connection: books.finish(connection, ends))

    async def _admitted(self, job: Callable[[Connection], None]) -> None:
        try:
            await self._write(job)
        except BudgetSpent as refused:
            await asyncio.to_thread(self._count, refused)
            raise

    def _count(self, refused: BudgetSpent) -> None:
        """What a budget refused is told on its page; whoever was refused need not wait for the database to say so."""
        try:
            self._store.write(lambda connection: count_refusal(connection, refused, now())).result()
        except StoreError as error:
            log.warning("refusal_not_counted", budget=refused.budget_id, reason=error.for_user)

    async def _write(self, job: Callable[[Connection], T]) -> T:
        return await asyncio.wrap_future(self._store.write(job))
