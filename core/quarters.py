"""Quarters of an hour since 1970 (UTC), numbered: what every zone's hours and days are made of, DST or not."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import count
from typing import TypeAlias
from zoneinfo import ZoneInfo

Quarter: TypeAlias = int

QUARTERS_AN_HOUR = 4
_LENGTH = timedelta(minutes=15)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def quarter_of(at: datetime) -> Quarter:
    """Return the quarter that an aware time falls into, in whole microseconds: a float would round near its end."""
    return (at - _EPOCH) // _LENGTH


def start_of(quarter: Quarter) -> datetime:
    """Return when it begins, in UTC."""
    return _EPOCH + quarter * _LENGTH


@cache
def midnight(day: date, zone: ZoneInfo) -> Quarter:
    """Return the first quarter of a day in a zone, also where clocks skip midnight."""
    at = datetime.combine(day, time(), zone).astimezone(UTC)
    while at.astimezone(zone).date() < day:
        at += timedelta(minutes=15)
    return quarter_of(at)


def day_of(quarter: Quarter, zone: ZoneInfo) -> date:
    return start_of(quarter).astimezone(zone).date()


def days(start: Quarter, end: Quarter, zone: ZoneInfo) -> list[Quarter]:
    """Return the starts of the zone's days that lie wholly within start and end, and the end of the last one."""
    if start >= end:
        return []
    first = day_of(start, zone)
    day = first if midnight(first, zone) == start else first + timedelta(days=1)
    edges: list[Quarter] = []
    while (edge := midnight(day, zone)) <= end:
        if not edges or edge > edges[-1]:  # a day that a zone skipped has no quarter
            edges.append(edge)
        day += timedelta(days=1)
    return edges


def months(edges: Sequence[Quarter], zone: ZoneInfo) -> list[Quarter]:
    """Return those of the days' starts at which a month begins."""
    return [edge for edge in edges if day_of(edge, zone).day == 1]


def month_of(quarter: Quarter, zone: ZoneInfo) -> tuple[Quarter, Quarter]:
    """Return the first quarters of the month that it lies in and of the next one."""
    first = day_of(quarter, zone).replace(day=1)
    return midnight(first, zone), midnight((first + timedelta(days=32)).replace(day=1), zone)


def hour_of(quarter: Quarter, zone: ZoneInfo) -> Quarter:
    """Return the key of the sums of the quarter's clock hour in the zone: as a rule the hour's first quarter."""
    return quarter - start_of(quarter).astimezone(zone).minute // 15


def next_hour(quarter: Quarter, zone: ZoneInfo) -> Quarter:
    """Return the first full hour on the zone's clocks from the quarter on."""
    return next(at for at in count(quarter) if hour_of(at, zone) == at)


def last_hour(quarter: Quarter, zone: ZoneInfo) -> Quarter:
    """Return the last full hour on the zone's clocks up to the quarter."""
    return next(at for at in count(quarter, -1) if hour_of(at, zone) == at)
