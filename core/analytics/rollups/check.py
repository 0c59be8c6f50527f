"""Compares the tables of sums with the ledger."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from itertools import chain
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Table, func, select

from core.analytics.rollups.facts import Fact, read_facts
from core.analytics.rollups.latency_rows import hour_rows, united_rows
from core.analytics.rollups.pieces import Interval
from core.analytics.rollups.refresh import grouped, summed
from core.analytics.rollups.state import tables_zone
from core.analytics.rollups.tables import Rows, kept_rows
from core.quarters import QUARTERS_AN_HOUR, Quarter, day_of, hour_of, midnight, month_of, quarter_of
from core.store.database import Store
from core.store.rollups import DAYS, HOURS, LATENCY_DAYS, LATENCY_HOURS, LATENCY_MONTHS, MONTHS, QUARTERS, ROLLUPS
from core.store.tables import DirtyBucket, TaskTrace

Key: TypeAlias = Callable[[Fact], Quarter]
Due: TypeAlias = tuple[Table, Rows]
"""A table and what it must hold of some time."""

_marks, _started = DirtyBucket.__table__, TaskTrace.__table__.c.started_at


def differences(store: Store) -> Iterator[str]:
    """Yield a sentence for each day or month of a table that is not what the ledger says; dirty ones are left out.

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
    """Yield all that the traces and the tables reach over."""
    first, last = connection.execute(select(func.min(_started), func.max(_started))).one()
    bounds = [quarter_of(at) for at in (first, last) if at is not None]
    for table in ROLLUPS:
        bounds += filter(None, connection.execute(select(func.min(table.c.at), func.max(table.c.at))).one())
    if bounds:
        day = day_of(min(bounds), zone)
        while (start := midnight(day, zone)) <= max(bounds):
            day += timedelta(days=1)
            yield start, midnight(day, zone)


def _differences_of_month(connection: Connection, month: Interval, zone: ZoneInfo) -> Iterator[str]:
    for table, rows in _due_of_month(connection, month):
        if wrong := _differing(connection, table, month, rows):
            yield f"{table.name} differs from its days in the month from {day_of(month[0], zone)} in {wrong} rows."


def _due_of_month(connection: Connection, month: Interval) -> Iterator[Due]:
    for dimensions, table in MONTHS.items():
        found = connection.execute(summed(DAYS[dimensions], dimensions, month)).mappings()
        yield table, [dict(row) for row in found]
    for dimensions, table in LATENCY_MONTHS.items():
        yield table, united_rows(kept_rows(connection, LATENCY_DAYS[dimensions], month), dimensions, month[0])


def _differences_of_day(connection: Connection, day: Interval, zone: ZoneInfo) -> Iterator[str]:
    for table, rows in chain(_sums_due_of_day(connection, day, zone), _latencies_due_of_day(connection, day, zone)):
        if wrong := _differing(connection, table, day, rows):
            yield f"{table.name} differs from the ledger on {day_of(day[0], zone)} in {wrong} rows."


def _sums_due_of_day(connection: Connection, day: Interval, zone: ZoneInfo) -> Iterator[Due]:
    facts = list(read_facts(connection, *day))
    keys: tuple[tuple[dict[frozenset[str], Table], Key], ...] = (
        (QUARTERS, lambda fact: fact.at),
        (HOURS, lambda fact: hour_of(fact.at, zone)),
        (DAYS, lambda _: day[0]),
    )
    for tables, key in keys:
        for dimensions, table in tables.items():
            yield table, grouped(facts, dimensions, key)


def _latencies_due_of_day(connection: Connection, day: Interval, zone: ZoneInfo) -> Iterator[Due]:
    hours = hour_rows(connection, [day], zone)
    for table in LATENCY_HOURS.values():
        yield table, hours
    for dimensions, table in LATENCY_DAYS.items():
        yield table, united_rows(hours, dimensions, day[0])


def _differing(connection: Connection, table: Table, within: Interval, due: Rows) -> int:
    """Return how many rows the table has that are not due, or lacks that are."""
    return len(_as_set(kept_rows(connection, table, within)) ^ _as_set(due))


def _as_set(rows: Rows) -> set[Any]:
    return {tuple(sorted(row.items())) for row in rows}
