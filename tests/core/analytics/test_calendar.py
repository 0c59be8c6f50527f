"""Ranges are made of whole days of their zone, and their parts fit together without a gap or an overlap."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.analytics.calendar import PRESETS, Range, last_of_month, same_clocks
from core.quarters import day_of, hour_of, last_hour, midnight, next_hour, quarter_of, start_of

ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Sao_Paulo",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Africa/Casablanca",
]
zones = st.sampled_from(ZONES).map(ZoneInfo)
dates = st.dates(date(2005, 1, 1), date(2030, 1, 1))
ranges = st.builds(
    lambda first, days, zone: Range(first, first + timedelta(days=days), zone), dates, st.integers(0, 1_200), zones
)


@given(ranges)
def test_the_steps_of_a_range_are_the_range(of: Range) -> None:
    steps = of.steps()
    assert (steps[0].start, steps[-1].end) == (of.start, of.end)
    assert all(one.end == other.start for one, other in pairwise(steps))
    assert all(step.start < step.end for step in steps)
    assert [step.slot for step in steps] == list(range(len(steps)))
    assert len(steps) <= 150


@given(ranges)
def test_the_period_before_ends_where_the_range_begins(of: Range) -> None:
    before = of.before()
    assert (before.days, before.end) == (of.days, of.start)


@given(ranges)
def test_parts_of_the_same_clocks_are_the_range_and_keep_their_distance(of: Range) -> None:
    parts = same_clocks(of)
    assert (parts[0].start, parts[-1].end) == (of.start, of.end)
    assert all(one.end == other.start and one.slot != other.slot for one, other in pairwise(parts))
    for part in parts:
        for quarter in (part.start, (part.start + part.end) // 2, part.end - 1):
            distance = start_of(quarter).astimezone(of.zone).utcoffset()
            assert distance == timedelta(minutes=15 * part.slot)


@given(dates, zones)
def test_a_day_begins_at_the_first_quarter_of_its_date(day: date, zone: ZoneInfo) -> None:
    quarter = midnight(day, zone)
    if day_of(quarter, zone) != day:  # Apia left out 2011-12-30
        assert (day, zone.key) == (date(2011, 12, 30), "Pacific/Apia")
        day += timedelta(days=1)
    assert day_of(quarter, zone) == day
    assert day_of(quarter - 1, zone) < day


@given(st.datetimes(datetime(2005, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)), zones)  # noqa: DTZ001
def test_hours_are_the_clocks_own(at: datetime, zone: ZoneInfo) -> None:
    quarter = quarter_of(at)
    before, after = last_hour(quarter, zone), next_hour(quarter, zone)
    assert quarter - 8 <= before <= quarter <= after <= quarter + 8
    assert {start_of(each).astimezone(zone).minute for each in (before, after)} == {0}
    assert hour_of(before, zone) == before
    assert start_of(quarter) <= at < start_of(quarter + 1)


def test_a_day_on_which_clocks_change_is_an_hour_shorter_or_longer() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    hours = {
        day: len(Range(day, day, berlin).steps()) for day in (date(2026, 3, 29), date(2026, 10, 25), date(2026, 6, 1))
    }
    assert list(hours.values()) == [23, 25, 24]


@pytest.mark.parametrize(
    ("days", "step"), [(1, "hour"), (2, "hour"), (3, "day"), (92, "day"), (93, "week"), (801, "month")]
)
def test_long_ranges_take_long_steps(days: int, step: str) -> None:
    first = date(2026, 1, 1)
    assert Range(first, first + timedelta(days=days - 1), ZoneInfo("UTC")).step == step


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata"])
@pytest.mark.parametrize("days", [1, 2, 30, 200])
def test_the_days_of_all_steps_are_those_of_the_range(zone: str, days: int) -> None:
    whole = Range(date(2026, 10, 25), date(2026, 10, 24) + timedelta(days=days), ZoneInfo(zone))
    steps = [whole.days_in(step) for step in range(len(whole.steps()))]
    together = {first + timedelta(days=number) for first, last in steps for number in range((last - first).days + 1)}
    assert together == {whole.first + timedelta(days=number) for number in range(days)}
    assert (steps[0][0], steps[-1][1]) == (whole.first, whole.last)


@given(dates)
def test_presets_end_by_today(today: date) -> None:
    for preset in PRESETS.values():
        first, last = preset.days(today)
        assert first <= last <= today
    first, last = PRESETS["last-week"].days(today)
    assert (first.weekday(), last.weekday(), (last - first).days) == (0, 6, 6)
    assert PRESETS["week"].days(today)[0] == last + timedelta(days=1)
    first, last = PRESETS["last-month"].days(today)
    assert (first.day, last, (last + timedelta(days=1)).day) == (1, last_of_month(first), 1)
