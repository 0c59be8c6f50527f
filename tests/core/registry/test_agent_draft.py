"""What people type for an agent, turned into what is saved."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from core.money import short_usd
from core.registry.agent_draft import LARGEST_COST, cost_limit_from


@given(st.integers(1, LARGEST_COST), st.sampled_from(["", "$", " $ "]))
def test_a_limit_in_dollars_is_exact_and_shown_as_it_is_typed(nanos: int, sign: str) -> None:
    assert cost_limit_from(f"{sign}{short_usd(nanos)} ") == nanos


@pytest.mark.parametrize(
    ("text", "nanos"), [("", None), (" ", None), ("0.25", 250_000_000), (".5", 500_000_000), ("2.", 2 * 10**9)]
)
def test_a_limit_may_be_blank_or_short(text: str, nanos: int | None) -> None:
    assert cost_limit_from(text) == nanos


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("0,25", "without a comma"),
        ("1e3", "no amount"),
        ("-1", "below zero"),
        ("0.0000000001", "10 digits after the point"),
        ("a quarter", "no amount"),
        ("٣", "no amount"),
        ("1.2.3", "no amount"),
        ("$", "is empty"),
        (".", "no amount"),
        ("12345678901", "too large"),
        ("1 0", "no amount"),
    ],
)
def test_l6_what_is_no_amount_is_refused_for_what_is_wrong_with_it(text: str, why: str) -> None:
    with pytest.raises(InputError, match=f"{why}.*Leave it blank for no limit"):
        cost_limit_from(text)
