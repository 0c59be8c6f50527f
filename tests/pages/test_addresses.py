"""What an address says is understood or complained of, on every page."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.analytics.calendar import EARLIEST, LATEST
from core.analytics.choice import LISTS, PARTS, as_address, read_address
from core.api.choosing import Filters
from core.api.costs import CostQuery
from pages.parts.places import PLACES
from tests.pages.screen import healthy, open_app

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
NOTHING = dict.fromkeys(LISTS, ())


@pytest.mark.parametrize("page", [place.name for place in PLACES if not place.of_many])
def test_l4_every_page_complains_of_what_it_does_not_know(page: str) -> None:
    app = open_app(page, wrong="1") if page == "chat" else open_app(page)
    app.query_params["wrong"] = "1"
    healthy(app.run())
    assert [each for each in app.warning if "wrong" in each.value]


@pytest.mark.parametrize("page", ["traces", "costs", "agents"])
def test_l4_what_chat_left_in_an_address_is_taken_out_and_what_a_person_wrote_is_complained_of(page: str) -> None:
    app = open_app(page)
    app.session_state["conversation"], app.query_params["conversation"] = "open-there", "open-there"
    assert [each.value for each in healthy(app.run()).warning if "conversation" in each.value] == []
    assert "conversation" not in app.query_params
    app.query_params["conversation"] = "written"
    assert [each.value for each in healthy(app.run()).warning if "conversation" in each.value]


def test_l4_pages_know_every_filter_of_the_api_by_its_name() -> None:
    named = {field.alias or name for name, field in Filters.model_fields.items()}
    assert named <= set(PARTS)
    assert {field.alias or name for name, field in CostQuery.model_fields.items()} <= {*PARTS, "by"}


@given(st.dates(EARLIEST, LATEST), st.integers(0, 400))
def test_l4_the_apis_from_and_to_are_what_range_says_in_one(first: date, days: int) -> None:
    last = min(LATEST, first + timedelta(days=days))
    said, problems = read_address({"from": [f"{first}"], "to": [f"{last}"]}, BERLIN, NOW, NOTHING)
    ranged, none = read_address({"range": [f"{first}..{last}"]}, BERLIN, NOW, NOTHING)
    assert (said, problems) == (ranged, none) == (said, [])
    assert read_address(as_address(said, BERLIN), BERLIN, NOW, NOTHING)[0] == said


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"from": ["2026-11-20"], "to": ["2026-11-01"]}, "before it begins"),
        ({"from": ["yesterday"]}, "is no range of days"),
        ({"from": ["2026-11-01"], "range": ["7d"]}, "range is left out"),
        ({"by": ["colour"]}, "nothing to stack by"),
        ({"by": ["agent", "model"]}, "said 2 times"),
        ({"limit": ["5"]}, "limit is not known"),
        ({"zone": ["Mars"]}, "not a time zone"),
        ({"status": ["happy"]}, "There is no status happy"),
        ({"q": ["x" * 300]}, "is cut"),
        ({"range": ["7x"]}, "not a range of days"),
    ],
)
def test_l4_what_cannot_be_is_told(parts: dict[str, list[str]], told: str) -> None:
    _, problems = read_address(parts, BERLIN, NOW, NOTHING)
    assert [problem for problem in problems if told in problem]


def test_l4_one_end_alone_is_taken_as_the_api_takes_it() -> None:
    from_only, _ = read_address({"from": ["2026-11-01"]}, BERLIN, NOW, NOTHING)
    to_only, _ = read_address({"to": ["2026-11-10"]}, BERLIN, NOW, NOTHING)
    assert (f"{from_only.first}", f"{from_only.last}") == ("2026-11-01", "2026-11-20")
    assert (f"{to_only.first}", f"{to_only.last}") == ("2026-10-12", "2026-11-10")
