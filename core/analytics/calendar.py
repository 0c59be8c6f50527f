"""Ranges of days in a zone, the names they go by, and the steps a chart takes through them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from types import MappingProxyType
from typing import Literal, TypeAlias
from zoneinfo import ZoneInfo

from core.analytics.rollups.pieces import Piece
from core.quarters import QUARTERS_AN_HOUR, Quarter, day_of, midnight, next_hour, start_of

Step: TypeAlias = Literal["hour", "day", "week", "month"]

EARLIEST, LATEST = date(2000, 1, 1), date(2100, 1, 1)
_LONGEST_BY_HOUR, _LONGEST_BY_DAY, _LONGEST_BY_WEEK = 2, 92, 800


@dataclass(frozen=True, slots=True)
class Range:
    """From the first to the last day, both included, as days are in the zone."""

    first: date
    last: date
    zone: ZoneInfo

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def start(self) -> Quarter:
        return midnight(self.first, self.zone)

    @property
    def end(self) -> Quarter:
        """The first quarter after it."""
        return midnight(self.last + timedelta(days=1), self.zone)

    @property
    def whole(self) -> Piece:
        return Piece(0, self.start, self.end)

    @property
    def step(self) -> Step:
        """How long each bar of a chart of it is."""
        if self.days <= _LONGEST_BY_HOUR:
            return "hour"
        if self.days <= _LONGEST_BY_DAY:
            return "day"
        return "week" if self.days <= _LONGEST_BY_WEEK else "month"

    def before(self) -> "Range":
        """Return as many days, just before."""
        return Range(self.first - timedelta(days=self.days), self.first - timedelta(days=1), self.zone)

    def steps(self) -> tuple[Piece, ...]:
        """Return its buckets in order, numbered from 0; the first and last may be cut off by the range's ends."""
        return self._between(_hour_edges(self) if self.step == "hour" else _day_edges(self))

    def days_in(self, step: int) -> tuple[date, date]:
        """Return the first and the last day of one of its steps, by its number."""
        piece = self.steps()[step]
        return day_of(piece.start, self.zone), day_of(piece.end - 1, self.zone)

    def each(self, unit: Literal["hour", "day"]) -> tuple[Piece, ...]:
        """Return its hours or days on the zone's clocks, in order and numbered from 0."""
        return self._between(_hour_edges(self) if unit == "hour" else _midnights(self))

    def _between(self, edges: Sequence[Quarter]) -> tuple[Piece, ...]:
        return tuple(Piece(number, *pair) for number, pair in enumerate(pairwise([*edges, self.end])))

    def wall_clock(self, quarter: Quarter) -> datetime:
        """Return the zone's clocks then, without a zone, for axes and labels."""
        return start_of(quarter).astimezone(self.zone).replace(tzinfo=None)


def _hour_edges(of: Range) -> list[Quarter]:
    edges, at = [of.start], next_hour(of.start + 1, of.zone)
    while at < of.end:
        edges.append(at)
        at = next_hour(at + 1, of.zone)
    return edges


def _midnights(of: Range) -> list[Quarter]:
    edges = (midnight(of.first + timedelta(days=number), of.zone) for number in range(of.days))
    return sorted(set(edges))  # a day that a zone left out begins with the next one


def _day_edges(of: Range) -> list[Quarter]:
    edges = _midnights(of)
    if of.step == "day":
        return edges
    return [edge for edge in edges if edge == of.start or _begins(of.step, of.wall_clock(edge))]


def _begins(step: Step, day: datetime) -> bool:
    return day.weekday() == 0 if step == "week" else day.day == 1


def first_of_month(day: date) -> date:
    return day.replace(day=1)


def last_of_month(day: date) -> date:
    return first_of_month(first_of_month(day) + timedelta(days=32)) - timedelta(days=1)


def _last_days(number: int) -> Callable[[date], tuple[date, date]]:
    return lambda today: (today - timedelta(days=number - 1), today)


def _this_week(today: date) -> tuple[date, date]:
    return today - timedelta(days=today.weekday()), today


def _last_week(today: date) -> tuple[date, date]:
    first = _this_week(today)[0] - timedelta(days=7)
    return first, first + timedelta(days=6)


def _last_month(today: date) -> tuple[date, date]:
    last = first_of_month(today) - timedelta(days=1)
    return first_of_month(last), last


@dataclass(frozen=True, slots=True)
class Preset:
    """A range that moves with today; ``days`` gives its first and last one."""

    name: str
    label: str
    days: Callable[[date], tuple[date, date]]


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        preset.name: preset
        for preset in (
            Preset("today", "Today", _last_days(1)),
            Preset("yesterday", "Yesterday", lambda today: (today - timedelta(days=1),) * 2),
            Preset("7d", "Last 7 days", _last_days(7)),
            Preset("week", "This week", _this_week),
            Preset("last-week", "Last week", _last_week),
            Preset("30d", "Last 30 days", _last_days(30)),
            Preset("90d", "Last 90 days", _last_days(90)),
            Preset("month", "This month", lambda today: (first_of_month(today), today)),
            Preset("last-month", "Last month", _last_month),
            Preset("12m", "Last 12 months", _last_days(365)),
        )
    }
)
DEFAULT_PRESET = "30d"


def same_clocks(of: Range) -> tuple[Piece, ...]:
    """Return the range in parts in which the zone's clocks do not change; a part's slot is their distance from UTC."""
    parts: list[Piece] = []
    begin = of.start
    for start, end in pairwise([*_midnights(of), of.end]):
        offset = _offset(begin, of.zone)
        if _offset(end - 1, of.zone) != offset:
            change = next(at for at in range(start, end) if _offset(at, of.zone) != offset)
            parts.append(Piece(offset, begin, change))
            begin = change
    return (*parts, Piece(_offset(begin, of.zone), begin, of.end))


def _offset(quarter: Quarter, zone: ZoneInfo) -> int:
    """Return the offset in quarters, as every zone has kept it since 1972."""
    distance = start_of(quarter).astimezone(zone).utcoffset() or timedelta()
    return distance // timedelta(hours=1) * QUARTERS_AN_HOUR + distance % timedelta(hours=1) // timedelta(minutes=15)
