"""The rows of the tables of latencies: hours from the traces, days from the hours, months from the days."""

from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, Delete, Table, delete

from core.analytics.rollups.facts import quarter
from core.analytics.rollups.latency import GROUP, Gathered, grouped, timings
from core.analytics.rollups.pieces import Interval
from core.analytics.rollups.tables import Rows, insert_rows, kept_rows
from core.quarters import hour_of
from core.store.rollups import LATENCIES, LATENCY_DAYS, LATENCY_HOURS, LATENCY_MONTHS, OUTCOME

(_hours,) = LATENCY_HOURS.values()
_HOURS_KEY = ("at", *GROUP)


def hour_rows(connection: Connection, intervals: Iterable[Interval], zone: ZoneInfo) -> Rows:
    """Make rows of the hours on the zone's clocks, out of the traces."""
    columns: list[ColumnElement[Any]] = [quarter(connection.dialect.name), *GROUP.values()]
    found = Gathered()
    for interval in intervals:
        for (at, *group), latency in grouped(timings(connection, interval, columns)).items():
            key = (hour_of(at, zone), *group)
            found.take(key, latency.durations.packed, latency.first_tokens.packed)
    return _rows(found, _HOURS_KEY)


def united_rows(rows: Rows, dimensions: frozenset[str], at: int) -> Rows:
    """Make rows of a day or a month that begins then, from all its finer rows."""
    names = (*sorted(dimensions), *OUTCOME)
    key, histograms = itemgetter(*names), itemgetter(*LATENCIES)
    found = Gathered()
    for row in rows:
        found.take((at, *key(row)), *histograms(row))
    return _rows(found, ("at", *names))


def _rows(found: Gathered, names: Sequence[str]) -> Rows:
    columns = (*names, *LATENCIES)
    return [
        dict(zip(columns, (*key, latency.durations.packed, latency.first_tokens.packed), strict=True))
        for key, latency in found.united().items()
    ]


def settle_hours(connection: Connection, within: Iterable[Interval], rows: Rows) -> None:
    """Put the rows in place of what the table has within these times."""
    for interval in within:
        connection.execute(_delete(_hours, interval))
    insert_rows(connection, _hours, rows)


def settle_days(connection: Connection, days: Iterable[Interval], months: Iterable[Interval]) -> None:
    """Make their rows again, out of the hours."""
    for day in days:
        rows = kept_rows(connection, _hours, day)
        for dimensions, table in LATENCY_DAYS.items():
            connection.execute(_delete(table, day))
            insert_rows(connection, table, united_rows(rows, dimensions, day[0]))
    for month in months:
        for dimensions, table in LATENCY_MONTHS.items():
            rows = kept_rows(connection, LATENCY_DAYS[dimensions], month)
            connection.execute(_delete(table, month))
            insert_rows(connection, table, united_rows(rows, dimensions, month[0]))


def _delete(table: Table, within: Interval) -> Delete:
    return delete(table).where(table.c.at >= within[0], table.c.at < within[1])
