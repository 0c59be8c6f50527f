"""A choice survives its trip through an address; an address that cannot be says so and loses nothing else."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.analytics.calendar import PRESETS
from core.analytics.choice import DIMENSIONS, LISTS, as_address, default_choice, read_address
from core.analytics.filters import BASES, PROVENANCES, STATUSES
from core.analytics.names import KEY_SOURCES

NOW = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
OPTIONS = {
    "agent": ("a1", "a2"),
    "model": ("claude, the great", "m2"),
    "person": ("p1",),
    "status": STATUSES,
    "basis": BASES,
    "provenance": PROVENANCES,
    "key": KEY_SOURCES,
}


def several(name: str) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(OPTIONS[name]), unique=True).map(tuple)


days = st.tuples(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.dates(date(2000, 1, 1), date(2100, 1, 1))).map(sorted)


@given(
    st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata"]).map(ZoneInfo),
    st.sampled_from([*PRESETS, ""]),
    days,
    st.tuples(*map(several, OPTIONS)),
    st.text("abc &=?#%", max_size=20).map(str.strip),
    st.sampled_from(DIMENSIONS),
)
def test_an_address_leads_back_to_its_choice(
    zone: ZoneInfo, preset: str, picked: list[date], lists: tuple[tuple[str, ...], ...], text: str, by: str
) -> None:
    choice = default_choice(zone, NOW)
    choice = choice.with_preset(preset, NOW) if preset else choice.with_days(*picked)
    chosen: Any = dict(zip(LISTS.values(), lists, strict=True))
    whole = replace(choice, **chosen, text=text).stacked(next(each for each in DIMENSIONS if each == by))
    for usual in ((), ("real",)):
        whole = replace(whole, usual=usual)
        assert read_address(as_address(whole, BERLIN), BERLIN, NOW, OPTIONS, usual) == (whole, [])


def test_the_usual_choice_has_no_address() -> None:
    assert as_address(default_choice(BERLIN, NOW), BERLIN) == {}


def test_today_is_the_readers_day() -> None:
    here, _ = read_address({"range": ["today"]}, BERLIN, NOW, OPTIONS)
    there, _ = read_address({"range": ["today"], "zone": ["America/New_York"]}, BERLIN, NOW, OPTIONS)
    assert (here.first, there.first) == (date(2026, 11, 21), date(2026, 11, 20))


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("range", "2026-11-20..2026-11-01", "before it begins"),
        ("range", "1999-12-31..2026-11-01", "between 2000-01-01 and 2100-01-01"),
        ("range", "soon", "not a range of days"),
        ("range", "2026-02-30", "not a range of days"),
        ("range", "2026-01-01..", ""),
        ("zone", "Europe/Atlantis", "not a time zone"),
        ("zone", "../../etc/passwd", "not a time zone"),
        ("agent", "a9", "There is no agent a9"),
        ("model", "gpt\0", "There is no model"),
        ("status", "' OR 1=1 --", "There is no status"),
    ],
)
def test_what_an_address_says_wrong_is_told_and_left_out(name: str, value: str, words: str) -> None:
    choice, problems = read_address({name: [value], "person": ["p1"]}, BERLIN, NOW, OPTIONS)
    assert choice.people == ("p1",)
    assert [words in problem for problem in problems] == ([True] if words else [])
    assert choice.zone == BERLIN


@given(
    st.dictionaries(st.sampled_from([*OPTIONS, "range", "zone", "q", "by"]), st.lists(st.text(max_size=30), max_size=3))
)
def test_no_address_breaks_the_page(parts: dict[str, list[str]]) -> None:
    choice, _ = read_address(parts, BERLIN, NOW, OPTIONS)
    assert choice.first <= choice.last
    assert set(choice.models) <= set(OPTIONS["model"])
    assert choice.filter.start is not None
