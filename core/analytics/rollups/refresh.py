"""Brings the tables of sums up to date, a day at a time, from the ledger."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import add
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, Table, cast, delete, func, insert, select
from sqlalchemy.dialects.postgresql import ARRAY

from core.analytics.rollups.facts import Fact, read_facts
from core.analytics.rollups.latency_rows import hour_rows, settle_days, settle_hours
from core.analytics.rollups.pieces import Interval, joined
from core.analytics.rollups.state import begin, tables_zone, take_turns
from core.analytics.rollups.tables import Rows, insert_rows
from core.quarters import (
    QUARTERS_AN_HOUR,
    Quarter,
    day_of,
    hour_of,
    last_hour,
    midnight,
    month_of,
    next_hour,
    quarter_of,
)
from core.store.database import Store
from core.store.rollups import DAYS, HOURS, MEASURES, MONTHS, OUTCOME, QUARTERS
from core.store.tables import DirtyBucket

HOURS_AT_ONCE = 24

_marks = DirtyBucket.__table__


class Overtaken(Exception):
    """Another process brought one of the hours up to date meanwhile."""


@dataclass(frozen=True, slots=True)
class _Work:
    """What the ledger says about dirty hours, and the marks that this settles."""

    zone: ZoneInfo
    marks: list[int]
    intervals: list[Interval]
    facts: list[Fact]
    latencies: Rows


def refresh(store: Store, zone: ZoneInfo, now: datetime) -> int:
    """Clear the marks of up to a day of hours that are over, the newest first; returns how many hours that were.

    The hour that runs stays dirty: it is read from the ledger. ``zone`` is for tables that were never filled. Any
    number of processes may do this at once: a mark is cleared by one of them. Raises StoreError, Overtaken.
    """
    with store.read() as connection:
        tables = tables_zone(connection)
        hours = _dirty_hours(connection, now)
        work = _work(connection, tables or zone, hours) if hours else None
    if tables is None:
        store.write(lambda connection: begin(connection, zone)).result()
    if work is not None and tables is not None:
        store.write(lambda connection: _settle(connection, work)).result()
    return len(hours)


def count_dirty(store: Store) -> int:
    """Return how many hours are read from the ledger. Raises StoreError."""
    with store.read() as connection:
        return connection.execute(select(func.count(_marks.c.hour.distinct()))).scalar_one()


def _dirty_hours(connection: Connection, now: datetime) -> list[datetime]:
    over = now.replace(minute=0, second=0, microsecond=0)
    query = select(_marks.c.hour).distinct().where(_marks.c.hour < over)
    return [hour for (hour,) in connection.execute(query.order_by(_marks.c.hour.desc()).limit(HOURS_AT_ONCE))]


def _work(connection: Connection, zone: ZoneInfo, hours: Sequence[datetime]) -> _Work:
    marks = connection.execute(select(_marks.c.id).where(_marks.c.hour.in_(hours)))
    intervals = joined(_whole_hours(quarter_of(hour), zone) for hour in hours)
    facts = [fact for interval in intervals for fact in read_facts(connection, *interval)]
    return _Work(zone, [mark for (mark,) in marks], intervals, facts, hour_rows(connection, intervals, zone))


def _whole_hours(hour: Quarter, zone: ZoneInfo) -> Interval:
    """Return an hour (UTC) with what else belongs to the zone's hours that it is part of."""
    return last_hour(hour, zone), next_hour(hour + QUARTERS_AN_HOUR, zone)


def _settle(connection: Connection, work: _Work) -> None:
    take_turns(connection)
    if connection.execute(delete(_marks).where(_is_among(connection, work.marks))).rowcount != len(work.marks):
        raise Overtaken
    for tables, key in ((QUARTERS, _at), (HOURS, _hour_in(work.zone))):
        for dimensions, table in tables.items():
            for start, end in work.intervals:
                connection.execute(delete(table).where(table.c.at >= start, table.c.at < end))
            insert_rows(connection, table, grouped(work.facts, dimensions, key))
    (hours,) = HOURS.values()
    days = _days(work.intervals, work.zone)
    for day in days:
        for dimensions, table in DAYS.items():
            _sum_rows(connection, hours, table, dimensions, day)
    months = {month_of(at, work.zone) for start, end in work.intervals for at in (start, end - 1)}
    for month in months:
        for dimensions, table in MONTHS.items():
            _sum_rows(connection, DAYS[dimensions], table, dimensions, month)
    settle_hours(connection, work.intervals, work.latencies)
    settle_days(connection, days, months)


def _is_among(connection: Connection, marks: Sequence[int]) -> ColumnElement[bool]:
    """Match without a parameter for each of what may be very many."""
    if connection.dialect.name == "sqlite":
        return _marks.c.id.in_(select(func.json_each(json.dumps(marks)).table_valued("value").c.value))
    return _marks.c.id == func.any(cast(marks, ARRAY(BigInteger)))


def _at(fact: Fact) -> Quarter:
    return fact.at


def _hour_in(zone: ZoneInfo) -> Callable[[Fact], Quarter]:
    return lambda fact: hour_of(fact.at, zone)


def grouped(facts: Iterable[Fact], dimensions: frozenset[str], key: Callable[[Fact], Quarter]) -> Rows:
    """Return the rows of a table that tells these dimensions apart."""
    names = (*sorted(dimensions), *OUTCOME)
    sums = defaultdict[tuple[Any, ...], tuple[int, ...]](lambda: (0,) * len(MEASURES))
    for fact in facts:
        group = (key(fact), *(getattr(fact, name) for name in names))
        sums[group] = tuple(map(add, sums[group], fact.sums))
    columns = ("at", *names, *MEASURES)
    return [dict(zip(columns, (*group, *values), strict=True)) for group, values in sums.items()]


def _days(intervals: Iterable[Interval], zone: ZoneInfo) -> set[Interval]:
    """Return from midnight to midnight the days that the intervals touch."""
    touched = set()
    for start, end in intervals:
        day = day_of(start, zone)
        while midnight(day, zone) < end:
            touched.add((midnight(day, zone), midnight(day + timedelta(days=1), zone)))
            day += timedelta(days=1)
    return {(start, end) for start, end in touched if start < end}


def _sum_rows(connection: Connection, rows: Table, into: Table, dimensions: frozenset[str], within: Interval) -> None:
    """Make the rows of one day out of those of its hours, or of one month out of those of its days."""
    connection.execute(delete(into).where(into.c.at == within[0]))
    columns = ["at", *sorted(dimensions), *OUTCOME, *MEASURES]
    connection.execute(insert(into).from_select(columns, summed(rows, dimensions, within)))


def summed(rows: Table, dimensions: frozenset[str], within: Interval) -> Select[Any]:
    """Return the rows of a day or a month, from finer ones."""
    start, end = within
    groups = [rows.c[name] for name in (*sorted(dimensions), *OUTCOME)]
    sums = (cast(func.sum(rows.c[measure]), BigInteger).label(measure) for measure in MEASURES)
    found = select(cast(start, BigInteger).label("at"), *groups, *sums)
    return found.where(rows.c.at >= start, rows.c.at < end).group_by(*groups)
