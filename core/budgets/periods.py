"""Days, weeks and months in a zone, one after the other without a gap."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal, TypeAlias, get_args
from zoneinfo import ZoneInfo

from core.quarters import midnight, start_of

Period: TypeAlias = Literal["day", "week", "month"]

PERIODS: tuple[Period, ...] = get_args(Period)


@dataclass(frozen=True, slots=True)
class Window:
    """``start`` <= time < ``end``, both in UTC."""

    start: datetime
    end: datetime

    def holds(self, at: datetime) -> bool:
        return self.start <= at < self.end


def window(period: Period, at: datetime, zone: ZoneInfo) -> Window:
    """Return the day, week (from Monday on) or month that an aware time falls into on the zone's clocks."""
    first, after = _days(period, at.astimezone(zone).date())
    return Window(*(start_of(midnight(day, zone)).astimezone(UTC) for day in (first, after)))


def _days(period: Period, day: date) -> tuple[date, date]:
    """Return the first day, and the first of the next one."""
    if period == "month":
        first = day.replace(day=1)
        return first, (first + timedelta(days=32)).replace(day=1)
    first = day if period == "day" else day - timedelta(days=day.weekday())
    return first, first + timedelta(days=1 if period == "day" else 7)
