"""Nano-dollars: exact in and out, rounded once, shown plainly."""

from decimal import Context, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.money import exact_usd, nanos_from_usd, nanos_typed, show_usd, usd_from_nanos, why_no_amount

nanos = st.integers(-(2**63), 2**63 - 1)
amounts = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=12)


@given(amounts)
def test_it_rounds_half_to_even(usd: Decimal) -> None:
    assert nanos_from_usd(usd) == round(Fraction(usd) * 10**9)


@pytest.mark.parametrize(
    ("usd", "expected"),
    [
        ("0.0000000005", 0),
        ("0.0000000015", 2),
        ("0.0000000025", 2),
        ("0.00000000250000000000000000000000000000000001", 3),
        ("-0.0000000015", -2),
        ("1E-30", 0),
        ("47200", 47_200_000_000_000),
    ],
)
def test_it_rounds_where_the_dollar_has_ten_decimals(usd: str, expected: int) -> None:
    assert nanos_from_usd(Decimal(usd)) == expected


def test_it_does_not_depend_on_the_decimal_context() -> None:
    with localcontext(Context(prec=3)):
        assert nanos_from_usd(Decimal("1234567.891234567")) == 1_234_567_891_234_567


@given(nanos)
def test_dollars_and_their_text_lead_back_to_the_same_nanos(amount: int) -> None:
    assert nanos_from_usd(usd_from_nanos(amount)) == amount
    assert nanos_from_usd(Decimal(exact_usd(amount))) == amount


@pytest.mark.parametrize(("amount", "text"), [(110, "0.000000110"), (0, "0.000000000"), (-(10**12), "-1000.000000000")])
def test_exact_text_has_nine_decimals(amount: int, text: str) -> None:
    assert exact_usd(amount) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (None, "unknown"),
        (0, "$0.00"),
        (1, "$0.000000001"),
        (110, "$0.000000110"),
        (12_345_678, "$0.01235"),
        (100_000_000, "$0.1000"),
        (999_949_999, "$0.9999"),
        (999_950_000, "$1.00"),
        (1_000_000_000, "$1.00"),
        (1_005_000_000, "$1.00"),
        (1_234_567_890_123, "$1,234.57"),
        (-12_345_678, "-$0.01235"),
        (-1_500_000_000, "-$1.50"),
    ],
)
def test_an_amount_is_shown_as_a_reader_wants_it(amount: int | None, text: str) -> None:
    assert show_usd(amount) == text


@given(nanos.filter(bool))
def test_a_cost_is_never_shown_as_zero(amount: int) -> None:
    assert any(digit in show_usd(amount) for digit in "123456789")


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("", "is empty"),
        ("$", "is empty"),
        ("1,000", "without a comma"),
        ("1,5", "without a comma"),
        ("-3", "below zero"),
        ("0.0000000001", "10 digits after the point"),
        ("10000000000", "too large"),
        ("99999999999999999999", "too large"),
        ("12 dollars", "no amount"),
        ("1e9", "no amount"),
        ("१२", "no amount"),
    ],
)
def test_l6_what_is_no_amount_is_told_for_its_true_reason(typed: str, reason: str) -> None:
    assert nanos_typed(typed) is None
    assert reason in why_no_amount(typed)
    assert "comma" not in why_no_amount(typed) or "," in typed
