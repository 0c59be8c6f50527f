"""Periods as people name them, and how full a budget is."""

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.analytics.choice import read_address
from core.analytics.filters import PROVENANCES
from core.budgets.periods import PERIODS, Period, window
from core.budgets.views import BudgetView
from core.chat.budget_room import Room
from core.quarters import start_of
from pages.parts.budget_words import (
    badge,
    beyond,
    costs_address,
    fullness,
    little_room,
    money_counted,
    percent,
    period_name,
    resets_on,
    sums,
    unpriced,
)
from tests.core.budgets.test_periods import MOMENTS, ZONES

AT = datetime(2026, 11, 21, 23, 30, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def a_view(
    period: Period = "month", at: datetime = AT, zone: ZoneInfo = BERLIN, spent: int = 0, held: int = 0, limit: int = 10
) -> BudgetView:
    this = window(period, at, zone)
    return BudgetView("b", "person", "ada", "Ada", period, zone.key, this, limit, True, spent, held, 0, 0, "strict", 0)


@pytest.mark.parametrize(
    ("period", "day", "name", "anew"),
    [
        ("month", 21, "November 2026", "Tuesday 1 December"),
        ("week", 18, "Mon 16 – Sun 22 November", "Monday 23 November"),
        ("week", 30, "Mon 30 November – Sun 6 December", "Monday 7 December"),
        ("day", 20, "Saturday 21 November", "Sunday 22 November"),
    ],
)
def test_a_period_is_named_by_the_days_on_its_own_clocks(period: Period, day: int, name: str, anew: str) -> None:
    view = a_view(period, AT.replace(day=day))
    assert (period_name(view), resets_on(view)) == (name, anew)


@settings(max_examples=30)
@given(st.sampled_from(PERIODS), MOMENTS, st.sampled_from(ZONES))
def test_the_address_of_its_costs_is_its_period_exactly(period: Period, at: datetime, zone: str) -> None:
    view = a_view(period, at, ZoneInfo(zone))
    options = {
        "person": ("ada",),
        "agent": (),
        "model": (),
        "status": (),
        "basis": (),
        "provenance": PROVENANCES,
        "key": (),
    }
    choice, problems = read_address(costs_address(view, BERLIN), BERLIN, AT, options)
    assert (problems, choice.people, choice.provenances) == ([], ("ada",), ("real", "simulated"))
    assert (start_of(choice.range.start), start_of(choice.range.end)) == (view.window.start, view.window.end)


@given(st.integers(0, 10**18), st.integers(0, 10**18), st.integers(1, 10**18))
def test_it_is_called_full_only_when_it_is(spent: int, held: int, limit: int) -> None:
    view = a_view(spent=spent, held=held, limit=limit)
    assert (fullness(view) == "none") == (spent + held >= limit) == ("nothing left" in badge(view))
    assert (fullness(view) == "room") == ((spent + held) * 5 < limit * 4) == ("gray" in badge(view))
    assert percent(view) * limit <= (spent + held) * 100


def test_what_has_no_price_is_neither_zero_nor_room() -> None:
    view = replace(a_view(limit=10**9), unpriced=2)
    assert sums(view) == r"An unknown sum spent · at most \$1.00 left of **\$1.00**"
    assert "at least 0 % used" in badge(view)
    assert unpriced(view) == "More was spent: 2 ledger lines have no price."
    assert sums(replace(view, unpriced=0)) == r"**\$0.00** spent · \$1.00 left of **\$1.00**"


def test_a1_what_the_tools_of_the_provider_may_read_and_what_no_budget_can_count_is_told() -> None:
    plain = Room("a", "Plain", 1, 1, has_room=True, over=0)
    reader = replace(plain, agent="Reader_1", most_read=10_000_000)
    coder = replace(plain, agent="Coder", most_read=2_000_000, uncounted=True)
    assert beyond(a_view(), [plain]) == []
    [read] = beyond(a_view(), [plain, reader])
    assert read.startswith(r"Reader\_1 may read up to 10,000,000 tokens in one call")
    assert beyond(replace(a_view(), reserve="typical"), [reader]) == []
    read, ran = beyond(a_view(), [*[reader] * 5, coder])
    assert " and 1 more may read" in read
    assert ran == "Time of code that Coder runs at Anthropic is billed apart and not counted."


def test_e3_a_budget_says_whose_money_it_counts_and_leads_to_the_same_on_costs() -> None:
    view = replace(a_view(), counts="real")
    assert costs_address(view, BERLIN)["provenance"] == ["real"]
    assert money_counted(view) == "Real money alone."
    assert money_counted(a_view()) == "Simulated money too, until real money is spent."


def test_of_ones_own_budgets_the_fullest_is_told_from_four_fifths_on() -> None:
    assert little_room([a_view(spent=7)], "ada") == ""
    assert little_room([a_view(spent=9)], "bob") == ""
    words = little_room([a_view(spent=8), a_view("day", spent=10), a_view("week", spent=9)], "ada")
    assert words.startswith("Your budget for Sunday 22 November: ")
    assert words.endswith("is refused. It resets on Monday 23 November.")
