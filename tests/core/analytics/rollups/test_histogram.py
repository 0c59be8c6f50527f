"""Histograms lose nothing but the last per cent of each time."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.analytics.rollups.histogram import Histogram

times = st.lists(st.one_of(st.integers(0, 100), st.integers(0, 90_000), st.integers(0, 10**12)), max_size=60)
percents = st.integers(0, 100)


def nearest_rank(values: list[int], percent: int) -> int:
    """The least value that at least so many per cent do not exceed."""
    shares = ((each, Fraction(sum(value <= each for value in values), len(values))) for each in sorted(values))
    return next(each for each, share in shares if share * 100 >= percent)


@given(times.filter(bool), percents)
def test_a_percentile_is_within_its_error(values: list[int], percent: int) -> None:
    exact = nearest_rank(values, percent)
    found = Histogram.of(values).percentile(percent)
    assert found is not None
    assert abs(found - exact) * 1_000 <= 22 * exact


@given(st.lists(times, max_size=4))
def test_united_ones_are_the_histogram_of_all(lists: list[list[int]]) -> None:
    united = Histogram.united([Histogram.of(values).packed for values in lists])
    assert united == Histogram.of(value for values in lists for value in values)


@given(times, times)
def test_what_is_left_without_a_part_is_the_rest(part: list[int], rest: list[int]) -> None:
    assert Histogram.of(part + rest) - Histogram.of(part) == Histogram.of(rest)


@given(times)
def test_what_was_packed_is_there_again(values: list[int]) -> None:
    histogram = Histogram.of(values)
    assert Histogram(bytes(histogram.packed)) == histogram
    assert histogram.count == len(values)


@pytest.mark.parametrize(
    ("values", "packed"),
    [([], b""), ([0, 0], b"\0\0\2\0\0\0"), ([7, -3], b"\0\0\1\0\0\0\7\0\1\0\0\0"), ([46, 45], b"\x2d\0\2\0\0\0")],
)
def test_what_is_kept_stays_readable(values: list[int], packed: bytes) -> None:
    """These bytes lie in databases: another spacing of bins would need a new table."""
    assert Histogram.of(values).packed == packed


def test_known_figures() -> None:
    assert [Histogram.of(range(1, 41)).percentile(percent) for percent in (0, 50, 95, 100)] == [1, 20, 38, 40]
    assert Histogram().percentile(50) is None
    assert Histogram.of([10**15]).percentile(50) == pytest.approx(10**12, rel=0.05)
    assert Histogram.of([60_000]).packed == b"\xcf\0\1\0\0\0"
