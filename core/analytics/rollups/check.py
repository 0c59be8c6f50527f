"""Compares the tables of sums with the ledger."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Table, func, select

from core.analytics.quarters import QUARTERS_AN_HOUR, Quarter, day_of, hour_of, midnight, month_of, quarter_of
from core.analytics.rollups.facts import Fact, read_facts
from core.analytics.rollups.pieces import Interval
from core.analytics.rollups.refresh import grouped, summed
from core.analytics.rollups.state import tables_zone
from core.store.database import Store
from core.store.rollups import DAYS, HOURS, MONTHS, QUARTERS
from core.store.tables import DirtyBucket, TaskTrace

Key: TypeAlias = Callable[[Fact], Quarter]

_marks, _started = DirtyBucket.__table__, TaskTrace.__table__.c.started_at


def differences(store: Store) -> Iterator[str]:
    """A sentence for each day or month of a table that is not what the ledger says; dirty ones are left out.

    Reads the whole ledger in one snapshot, a day at a time. Raises StoreError.
    """
    with store.read() as connection:
        zone = tables_zone(connection)
        if zone is not None:
            dirty = [quarter_of(hour) for (hour,) in connection.execute(select(_marks.c.hour).distinct())]
            every_day = list(_days(connection, zone))
            for day in _clean(every_day, dirty):
                yield from _differences_of_day(connection, day, zone)
            for month in _clean(sorted({month_of(day[0], zone) for day in every_day}), dirty):
                yield from _differences_of_month(connection, month, zone)


def _clean(intervals: Sequence[Interval], dirty: Sequence[Quarter]) -> Iterator[Interval]:
    for start, end in intervals:
        if not any(start - QUARTERS_AN_HOUR < hour < end for hour in dirty):
            yield start, end


def _days(connection: Connection, zone: ZoneInfo) -> Iterator[Interval]:
    """All that the traces and the tables reach over."""
    first, last = connection.execute(select(func.min(_started), func.max(_started))).one()
    bounds = [quarter_of(at) for at in (first, last) if at is not None]
    for table in (*QUARTERS.values(), *HOURS.values(), *DAYS.values(), *MONTHS.values()):
        bounds += filter(None, connection.execute(select(func.min(table.c.at), func.max(table.c.at))).one())
    if bounds:
        day = day_of(min(bounds), zone)
        while (start := midnight(day, zone)) <= max(bounds):
            day += timedelta(days=1)
            yield start, midnight(day, zone)


def _differences_of_month(connection: Connection, month: Interval, zone: ZoneInfo) -> Iterator[str]:
    for dimensions, table in MONTHS.items():
        found = connection.execute(summed(DAYS[dimensions], dimensions, month)).mappings()
        wrong = _kept(connection, table, month) ^ _as_set([dict(row) for row in found])
        if wrong:
            yield f"{table.name} differs from its days in the month from {day_of(month[0], zone)} in {len(wrong)} rows."


def _differences_of_day(connection: Connection, day: Interval, zone: ZoneInfo) -> Iterator[str]:
    facts = list(read_facts(connection, *day))
    keys: tuple[tuple[dict[frozenset[str], Table], Key], ...] = (
        (QUARTERS, lambda fact: fact.at),
        (HOURS, lambda fact: hour_of(fact.at, zone)),
        (DAYS, lambda _: day[0]),
    )
    for tables, key in keys:
        for dimensions, table in tables.items():
            wrong = _kept(connection, table, day) ^ _as_set(grouped(facts, dimensions, key))
            if wrong:
                yield f"{table.name} differs from the ledger on {day_of(day[0], zone)} in {len(wrong)} rows."


def _kept(connection: Connection, table: Table, day: Interval) -> set[Any]:
    rows = connection.execute(select(table).where(table.c.at >= day[0], table.c.at < day[1]))
    return _as_set([dict(row) for row in rows.mappings()])


def _as_set(rows: list[dict[str, Any]]) -> set[Any]:
    return {tuple(sorted(row.items())) for row in rows}
