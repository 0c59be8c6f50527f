"""Periods follow one another without a gap, on the clocks of every zone."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.budgets.periods import PERIODS, Period, window

ZONES = ("UTC", "Asia/Kolkata", "America/New_York", "Pacific/Apia", "America/Asuncion", "Australia/Lord_Howe")
MOMENTS = st.integers(1_200_000_000, 1_900_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


@given(st.sampled_from(PERIODS), MOMENTS, st.sampled_from(ZONES))
def test_every_moment_is_in_its_period_and_the_next_one_follows(period: Period, at: datetime, zone: str) -> None:
    here = ZoneInfo(zone)
    this = window(period, at, here)
    assert this.holds(at)
    assert window(period, this.start, here) == window(period, this.end - timedelta(seconds=1), here) == this
    assert window(period, this.end, here).start == this.end
    assert not this.holds(this.end)


@pytest.mark.parametrize(
    ("period", "start", "end"),
    [
        ("day", "2026-11-01T04:00", "2026-11-02T05:00"),
        ("week", "2026-10-26T04:00", "2026-11-02T05:00"),
        ("month", "2026-11-01T04:00", "2026-12-01T05:00"),
    ],
)
def test_they_begin_at_midnight_in_the_zone_also_where_its_clocks_change(period: Period, start: str, end: str) -> None:
    this = window(period, datetime(2026, 11, 1, 12, tzinfo=UTC), ZoneInfo("America/New_York"))
    assert [at.isoformat(timespec="minutes")[:16] for at in (this.start, this.end)] == [start, end]
