"""Figures against the period before, none rounded to what it is not."""

import pytest

from core.analytics.spend import Spend
from pages.parts.cost_figures import change, each, exact_share, moved, share, short


@pytest.mark.parametrize(
    ("value", "before", "shown"),
    [(150, 100, "+50.0 %"), (99, 100, "-1.0 %"), (100, 100, "+0.0 %"), (5, 0, None), (None, 5, None), (5, -5, None)],
)
def test_a_change_is_in_per_cent_of_what_was_before(value: int | None, before: int, shown: str | None) -> None:
    assert change(value, before) == shown


def test_a_share_moves_by_points() -> None:
    assert moved(9_950, 9_900) == "+0.50 points"
    assert moved(None, 9_900) is None
    assert moved(9_900, None) is None


def test_not_all_is_exact_while_the_least_is_estimated() -> None:
    assert share(exact_share(Spend(spend=10**12, estimated=1)) or 0) == "99.99 %"
    assert share(exact_share(Spend(spend=10**12)) or 0) == "100.00 %"
    assert exact_share(Spend()) is None


@pytest.mark.parametrize(
    ("number", "shown"), [(9_999, "9,999"), (10_000, "10.0k"), (12_345_678, "12.3M"), (7 * 10**9, "7.0B")]
)
def test_large_numbers_are_short(number: int, shown: str) -> None:
    assert short(number) == shown


def test_the_cost_of_each_is_rounded_half_to_even() -> None:
    assert [each(amount, 2) for amount in (1, 3, 4)] == [0, 2, 2]
    assert each(5, 0) is None
