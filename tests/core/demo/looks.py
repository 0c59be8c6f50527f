"""What is in a database, to compare before and after."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from datetime import date
from typing import TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from core.store.access import AuditEntry
from core.store.database import Store
from core.store.instances import Instance
from core.store.rollups import STATE
from core.store.tables import DirtyBucket, Row

T = TypeVar("T")

BERLIN = ZoneInfo("Europe/Berlin")
TODAY = date(2026, 11, 19)
"""A Thursday."""

_LEFT_OUT = {DirtyBucket.__tablename__, STATE.name, AuditEntry.__tablename__, Instance.__tablename__}


def contents(store: Store, *, rollups: bool = False) -> dict[str, Counter[str]]:
    """Every row of every table, but for marks, beats and the audit log; of the tables of sums only if wanted.

    When a line was written differs each time, and is left out.
    """
    tables = [table for table in Row.metadata.sorted_tables if table.name not in _LEFT_OUT]
    with store.read() as connection:
        return {
            table.name: Counter(
                repr(tuple(row))
                for row in connection.execute(select(*(each for each in table.c if each.name != "recorded_at")))
            )
            for table in tables
            if rollups or not table.name.startswith("rollup")
        }


def added(before: dict[str, Counter[str]], after: dict[str, Counter[str]]) -> dict[str, int]:
    """How many rows more each table has, all earlier ones being there still."""
    for name, rows in before.items():
        assert rows <= after[name]
    return {name: (rows - before[name]).total() for name, rows in after.items()}


class Crash(Exception):
    """The process is gone."""


class CrashingStore(Store):
    """The same database in a process that dies at its n-th write, before or just after it is committed."""

    def __init__(self, store: Store, *, at: int | None = None, committed: bool = False) -> None:
        self.url, self.engine, self.dialect, self._store = store.url, store.engine, store.dialect, store
        self.writes, self._at, self._committed = 0, at, committed

    def write(self, job: Callable[[Connection], T]) -> "Future[T]":
        self.writes += 1
        if self.writes == self._at and not self._committed:
            raise Crash
        future = self._store.write(job)
        future.result()
        if self.writes == self._at:
            raise Crash
        return future
