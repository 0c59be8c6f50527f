"""The tempo of an answer."""

from itertools import islice

import pytest

from core.provider.simulator.directives import Orders
from core.provider.simulator.plan import tempo


def gaps(orders: Orders, pace: float = 1.0, seed: str = "s") -> list[float]:
    return list(islice(tempo(orders, pace, seed).gaps, 200))


def test_the_usual_tempo_is_that_of_a_real_model() -> None:
    usual = gaps(Orders())
    assert all(0.010 <= gap <= 0.030 for gap in usual)
    assert len(set(usual)) > 100
    assert 0.3 <= tempo(Orders(), 1.0, "s").first <= 0.5


def test_the_tempo_is_seeded() -> None:
    assert gaps(Orders()) == gaps(Orders())
    assert gaps(Orders()) != gaps(Orders(), seed="t")


@pytest.mark.parametrize("pace", [0.0, 0.5, 2.0])
def test_the_pace_scales_every_pause(pace: float) -> None:
    assert gaps(Orders(), pace) == pytest.approx([gap * pace for gap in gaps(Orders())])
    assert gaps(Orders(pace=pace)) == gaps(Orders(), pace)
    assert tempo(Orders(), pace, "s").first == pytest.approx(tempo(Orders(), 1.0, "s").first * pace)


def test_an_ordered_rate_is_even_and_in_real_seconds() -> None:
    assert set(gaps(Orders(rate=100), pace=0)) == {0.01}
    assert tempo(Orders(first=0.2), 0, "s").first == 0.2
