"""The costs page: what it says is what the ledger holds, its address is its filter, and a bad one loses nothing."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest
import time_machine
from streamlit.testing.v1 import AppTest

from core.analytics.rollups import snapshot
from core.clock import now
from core.errors import StoreError
from core.money import exact_usd
from core.store.tables import LedgerLine
from tests.core.analytics.rollups.histories import MODELS, History
from tests.core.books.in_store import rows
from tests.pages.screen import healthy, labelled, open_app, press, services, visit, words

# Whole days ago at noon: what is on which day must not depend on the hour at which the test runs.
NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)


@pytest.fixture
def history() -> History:
    """Two people with two agents on two models, over three days; some were stopped, some have no price."""
    open_app()
    history = History(services().store)
    for kind in range(8):
        history.turn(NOON - timedelta(days=1 + kind % 3, minutes=kind), kind)
    return history


def metric(app: AppTest, label: str) -> str:
    return str(labelled(app.metric, label).value)


def column(app: AppTest, place: int, name: str) -> list[Any]:
    return list(app.dataframe[place].value[name])


def address(app: AppTest) -> dict[str, object]:
    return dict(app.query_params)


def test_without_any_spend_the_page_says_so() -> None:
    app = open_app("costs")
    assert "Nothing matching was spent" in words(app)
    assert not app.metric


def test_figures_and_lists_come_to_the_ledgers_sum(history: History) -> None:
    app = open_app("costs")
    spent = sum(line["amount_nanos"] or 0 for line in rows(history.store, LedgerLine))
    assert metric(app, "Calls") == "10"
    assert f"{exact_usd(spent)}" in str(labelled(app.metric, "Spend").proto.help)
    for place in range(1, 4):
        dollars = [str(value).replace(".", "") for value in column(app, place, "USD")]
        assert sum(map(int, dollars)) == spent
        assert sum(map(int, column(app, place, "Calls"))) == 10
    assert sum(int(str(value).replace(".", "")) for value in column(app, 0, "Total")) == spent
    assert column(app, 2, "Name") == list(MODELS)


def test_a8_the_figure_of_a_link_is_a_figure_of_what_it_opens(history: History) -> None:
    app = open_app("costs")
    links = {link.proto.label: link.proto.query_string for link in app.get("page_link")}
    unpriced, estimated = links
    assert links[unpriced] == "basis=unpriced"
    for label, query in links.items():
        opened = words(open_app("traces", **parse_qs(query)))
        figure = label.split()[0]
        assert f"{figure} {'unpriced' if label == unpriced else 'of it estimated'}" in opened
    assert estimated.endswith("estimated")


def test_a8_turns_without_a_known_price_come_to_no_zero(history: History) -> None:
    open_app()
    shown = words(open_app("traces", basis="unpriced"))
    assert "unpriced, not in the sum" in shown
    assert "\\$0.00 in all" not in shown


def test_k1_a_day_of_unpriced_calls_beside_priced_ones_is_unknown_and_the_rest_adds_up() -> None:
    open_app()
    history = History(services().store)
    for days, kind in ((1, 0), (2, 4)):
        history.turn(NOON - timedelta(days=days), kind)
    spent = sum(line["amount_nanos"] or 0 for line in rows(history.store, LedgerLine))
    totals = [str(value).strip() for value in column(open_app("costs"), 0, "Total")]
    assert totals.count("unknown") == 1
    assert sum(int(value.replace(".", "")) for value in totals if value != "unknown") == spent


# In the middle of a month, so that the call is in it.
@time_machine.travel(datetime(2026, 11, 15, 12, tzinfo=UTC))
def test_what_has_no_known_price_is_nowhere_a_zero() -> None:
    open_app()
    History(services().store).turn(now(), 4)
    app = open_app("costs")
    assert [metric(app, label) for label in ("Spend", "Cache savings", "Per answer")] == ["unknown", "–", "–"]
    assert all("\\$0" not in caption.value for caption in app.caption)
    for place in range(1, 4):
        assert set(column(app, place, "USD")) == {"unknown"}
        assert column(app, place, "Unpriced") == [1]
    assert "there are no bars" in words(app)


def test_a_change_is_told_for_each_group_that_was_there_before() -> None:
    open_app()
    history, noon = History(services().store), NOON - timedelta(days=1)
    for days, kind in ((0, 0), (0, 0), (1, 0), (0, 1)):
        history.turn(noon - timedelta(days=days), kind)
    app = open_app("costs", range=f"{noon.date()}")
    changes = dict(zip(column(app, 3, "Name"), column(app, 3, "Change"), strict=True))
    assert changes["Ada"] == 100.0
    assert math.isnan(changes["Bob"])
    assert "Change" not in open_app("costs", range="30d").dataframe[3].value


def test_how_long_answers_took_is_told_for_all_and_for_each(history: History) -> None:
    app = open_app("costs", by="person")
    place = next(place for place, table in enumerate(app.dataframe) if "Duration p95" in table.value)
    assert column(app, place, "Person") == ["All", "Bob", "Ada"]
    assert column(app, place, "Messages") == [8, 4, 4]
    assert column(app, place, "With a first token") == [5, 3, 2]
    assert column(app, place, "Duration p50") == pytest.approx([0.037, 0.037, 0], rel=0.022)
    assert column(app, place, "First token p95") == pytest.approx([0.077, 0.077, 0.066], rel=0.022)
    assert any("percentiles within 2.2 %" in caption.value for caption in app.caption)


def test_what_is_picked_becomes_the_address_and_filters(history: History) -> None:
    app = open_app("costs")
    labelled(app.multiselect, "Model").set_value([MODELS[0]])
    app = healthy(app.run())
    assert address(app) == {"model": MODELS[0]}
    assert metric(app, "Calls") == "5"
    labelled(app.selectbox, "Range").set_value("7d")
    labelled(app.multiselect, "Status").set_value(["stopped", "failed"])
    app = healthy(app.run())
    assert address(app) == {"model": MODELS[0], "range": "7d", "status": ["stopped", "failed"]}
    assert metric(app, "Calls") == "2"
    assert address(press(app, "Reset")) == {}
    assert metric(app, "Calls") == "10"


def test_days_of_ones_own_are_picked_and_an_end_before_the_beginning_is_refused(history: History) -> None:
    app = open_app("costs", range="2026-01-05..2026-01-09")
    assert "from 2026-01-05 to 2026-01-09 (UTC)" in words(app)
    today = NOON.date()
    labelled(app.date_input, "Days").set_value((today - timedelta(days=10), today))
    app = healthy(app.run())
    assert address(app) == {"range": f"{today - timedelta(days=10)}..{today}"}
    assert metric(app, "Calls") == "10"


def test_another_zone_is_named_on_the_page(history: History) -> None:
    app = open_app("costs")
    labelled(app.selectbox, "Time zone").set_value("Asia/Kathmandu")
    app = healthy(app.run())
    assert address(app) == {"zone": "Asia/Kathmandu"}
    assert metric(app, "Calls") == "10"
    assert "as clocks show it in Asia/Kathmandu" in words(app) + "".join(each.value for each in app.caption)


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ({"range": "2026-11-20..2026-11-01"}, "before it begins"),
        ({"range": "soon"}, "not a range of days"),
        ({"zone": "Mars/Olympus"}, "not a time zone"),
        ({"agent": "gone"}, "There is no agent gone"),
        ({"status": "'; DROP TABLE users; --"}, "There is no status"),
        ({"basis": "**bold**"}, "There is no basis"),
    ],
)
def test_a_hand_edited_address_is_told_and_the_rest_holds(
    history: History, query: dict[str, str], problem: str
) -> None:
    app = open_app("costs", **query)
    assert [problem in warning.value.replace("\\", "") for warning in app.warning] == [True]
    assert metric(app, "Calls") == "10"


def test_the_filter_holds_on_traces_and_back(history: History) -> None:
    app = open_app("costs")
    labelled(app.multiselect, "Model").set_value([MODELS[1]])
    app = visit(healthy(app.run()), "traces")
    assert address(app) == {"model": MODELS[1]}
    app = visit(app, "costs")
    assert address(app) == {"model": MODELS[1]}
    assert metric(app, "Calls") == "5"


def test_by_whom_the_chart_is_stacked_is_part_of_the_address(history: History) -> None:
    app = open_app("costs")
    assert len(column(app, 0, "Total")) == 30
    assert set(MODELS[:1]) < set(app.dataframe[0].value)
    app = open_app("costs", by="person")
    assert {"Ada", "Bob"} < set(app.dataframe[0].value)


def test_a_database_that_cannot_be_used_is_told_in_a_sentence(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> None:
        raise StoreError("The database is away for a test. Try again in a moment.")

    monkeypatch.setattr(snapshot, "sum_up", gone)
    monkeypatch.setattr(snapshot, "read_facts", gone)
    app = open_app("costs")
    assert [error.value for error in app.error] == [
        "**The database cannot be used.** The database is away for a test\\. Try again in a moment\\."
    ]
    assert not app.metric
