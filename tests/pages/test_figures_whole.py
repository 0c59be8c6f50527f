"""No figure is ever cut, whatever its size, and sparklines share one time axis."""

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.analytics.spend import Spend
from core.money import NANOS_PER_USD, exact_usd, show_usd
from pages.parts.amount_column import amount_column
from pages.parts.cost_figures import _FIGURES, _height, change, short
from pages.parts.cost_groups import _TOP_COLUMNS
from pages.parts.figures import LARGEST_NUMBER, NOTHING, in_short, same_length, usd

SIZES = (1, 10**12 + 1, 10**15 + 1, 10**18 + 123_456_789)
"""10⁻⁹, 10³, 10⁶ and 10⁹ dollars, in nano-dollars."""


def shown(nanos: list[int | None]) -> tuple[list[str], list[str]]:
    """What a column displays, and what it holds."""
    cells = same_length(map(usd, nanos))
    styler = in_short([{"USD": cell} for cell in cells], "USD")
    body = styler._translate(False, False)["body"]
    return [row[1]["display_value"] for row in body], list(styler.data["USD"])


def test_e1_amounts_read_short_and_are_exact_beneath() -> None:
    display, exact = shown([*SIZES[:3]])
    assert display == ["0.000000001", "1,000.00", "1,000,000.00"]
    assert [cell.strip() for cell in exact] == [*map(exact_usd, SIZES[:3])]


@pytest.mark.parametrize("other", [None, SIZES[3]])
def test_e1_where_a_text_is_copied_it_is_shown_exactly(other: int | None) -> None:
    """A browser copies of a text what is shown."""
    display, exact = shown([*SIZES[:3], other])
    assert display == [*map(exact_usd, SIZES[:3]), "unknown" if other is None else exact_usd(other)]
    assert [cell.strip() for cell in exact] == display


@given(st.lists(st.integers(-(10**20), 10**20), min_size=1, max_size=5))
def test_e1_no_digit_before_the_point_is_ever_lost(nanos: list[int]) -> None:
    display, exact = shown(list(nanos))
    for amount, read, held in zip(nanos, display, exact, strict=True):
        assert Decimal(held.strip()) * NANOS_PER_USD == amount
        if read != exact_usd(amount):
            assert read == show_usd(amount).replace("$", "")
            assert abs(Decimal(read.replace(",", "")) * NANOS_PER_USD - amount) <= NANOS_PER_USD // 200


@given(st.integers(-LARGEST_NUMBER * NANOS_PER_USD, LARGEST_NUMBER * NANOS_PER_USD))
def test_e1_what_is_copied_is_exact(nanos: int) -> None:
    """A browser copies a number as the shortest text that means it, as Python writes one."""
    cell = usd(nanos)
    assert amount_column([cell, ""])["type_config"]["type"] == "number"  # type: ignore[index]
    assert Decimal(repr(float(cell))) == Decimal(cell)


def test_e1_what_a_browser_s_number_cannot_hold_stays_text() -> None:
    for other in ("unknown", NOTHING, usd(LARGEST_NUMBER * NANOS_PER_USD + 1)):
        assert amount_column([usd(1), other])["type_config"]["type"] == "text"  # type: ignore[index]


def test_e1_no_column_of_figures_has_a_width_of_its_own() -> None:
    widths = {name: column.get("width") for name, column in _TOP_COLUMNS.items()}
    assert {name for name, width in widths.items() if isinstance(width, int)} == {"Name"}


def test_e1_a_change_of_a_hundred_thousand_per_cent_is_whole() -> None:
    assert change(1_001, 1) == "+100,000.0 %"
    assert change(0, 5) == "-100.0 %"


@given(st.integers(0, 10**13))
def test_e6_a_short_number_has_at_most_four_digits_before_its_letter(number: int) -> None:
    text = short(number)
    if number < 10**12:
        assert len(text.partition(".")[0].rstrip("kMB").replace(",", "")) <= 4
        assert not text.startswith("1,000.0")
    size = {"k": 10**3, "M": 10**6, "B": 10**9}.get(text[-1], 1)
    assert abs(Decimal(text.rstrip("kMB").replace(",", "")) * size - number) * 20 <= size or size == 1


def test_e6_just_below_a_million_is_a_million() -> None:
    assert [short(number) for number in (9_999, 10_000, 999_949, 999_960, 999_999_999)] == [
        "9,999",
        "10.0k",
        "999.9k",
        "1.0M",
        "1.0B",
    ]


def test_e1_every_step_has_a_place_in_every_course() -> None:
    idle = Spend()
    assert [_height(figure, idle) for figure in _FIGURES] == [0] * len(_FIGURES)
    unknown = Spend(calls=1, unpriced_calls=1)
    assert math.isnan(_height(_FIGURES[0], unknown))
