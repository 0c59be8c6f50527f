"""What one answer may take."""

from hypothesis import given
from hypothesis import strategies as st

from core.agent.limits import Limits, Spending

AMOUNTS = st.integers(1, 10**12)


def test_usually_only_the_number_of_model_calls_is_limited() -> None:
    endless = Spending(10**15, 10**12, 10.0**9)
    assert Limits().reached(24, endless) is None
    assert Limits().reached(25, endless) is not None


@given(AMOUNTS, AMOUNTS)
def test_a_limit_is_reached_exactly_when_as_much_is_spent(limit: int, spent: int) -> None:
    used = Spending(spent, spent, float(spent))
    for limits in (Limits(nanos=limit), Limits(seconds=limit), Limits(output_tokens=limit)):
        assert (limits.reached(1, used) is not None) == (spent >= limit)


@given(AMOUNTS, AMOUNTS, AMOUNTS)
def test_a_call_never_has_room_for_more_than_is_left(wanted: int, limit: int, spent: int) -> None:
    room = Limits(output_tokens=limit).room(wanted, Spending(0, spent, 0))
    assert 1 <= room <= wanted
    assert room <= max(1, limit - spent)
    assert Limits().room(wanted, Spending(0, spent, 0)) == wanted
