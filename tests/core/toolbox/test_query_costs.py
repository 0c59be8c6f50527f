"""What the tool says is what the books say, and no more of it than the person who asks may see."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
import time_machine

from core.access.roles import Person
from core.agent.tools.tool import ToolContext, ToolOutcome
from core.analytics.calendar import PRESETS
from core.analytics.filters import TraceFilter
from core.analytics.rollups.pieces import Piece
from core.analytics.rollups.question import Question
from core.money import exact_usd
from core.quarters import quarter_of
from core.store.database import Store
from core.toolbox.query_costs import Period, query_costs
from tests.core.agent.tools.asking import run
from tests.core.analytics.rollups.histories import MODELS, History

NOW = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
TURNS = 12
GROUPINGS = [None, "agent", "model", "person", "day", "week", "month"]
ALL_TIME = Piece(0, quarter_of(NOW - timedelta(days=400)), quarter_of(NOW) + 1)


@pytest.fixture
def history(store: Store) -> History:
    history = History(store)
    for turn in range(TURNS):
        history.turn(NOW - timedelta(hours=18 * turn), turn)
    return history


@pytest.fixture
def bare(sqlite_store: Store) -> History:
    """People and agents, but no turns."""
    return History(sqlite_store)


def ask(history: History, role: str, given: dict[str, Any], zone: str = "UTC") -> ToolOutcome:
    """As Ada, whatever her role."""
    with time_machine.travel(NOW, tick=False):
        return run(query_costs(history.store), given, ToolContext(Person(history.people[0], "", role), zone))


def rows(outcome: ToolOutcome) -> dict[str, list[str]]:
    """The cells of each line of the table by the first one."""
    assert outcome.failure is None, outcome.text
    lines = [line.split(" | ") for line in outcome.text.splitlines() if " | " in line]
    return {name: cells for name, *cells in lines[1:]}


def in_books(history: History, **chosen: Any) -> tuple[str, str]:
    """Dollars and calls, added up line by line."""
    question = Question((ALL_TIME,), ("spend_nanos", "calls"), TraceFilter(**chosen))
    ((nanos, calls),) = history.sums(question).values()
    return exact_usd(nanos), str(calls)


def dollars_and_calls(cells: list[str]) -> tuple[str, str]:
    return cells[0], cells[2]


def test_finance_and_admins_see_all_however_it_is_grouped(history: History) -> None:
    for role, group_by in itertools.product(["finance", "admin"], GROUPINGS):
        total = rows(ask(history, role, {"group_by": group_by}))["total"]
        assert dollars_and_calls(total) == in_books(history), (role, group_by)


def test_everybody_else_sees_only_their_own(history: History) -> None:
    for group_by in GROUPINGS:
        outcome = ask(history, "operator", {"group_by": group_by})
        assert dollars_and_calls(rows(outcome)["total"]) == in_books(history, people=(history.people[0],))
        assert "Bob" not in outcome.text


@pytest.mark.parametrize("role", ["", "root"])
def test_a_role_that_nobody_knows_sees_nothing(bare: History, role: str) -> None:
    outcome = ask(bare, role, {})
    assert (outcome.failure, "You may not" in outcome.text) == ("failed", True)


@pytest.mark.parametrize("people", [["Bob"], ["Ada"], ["nobody"], [""]])
def test_nobody_learns_by_asking_who_else_there_is(bare: History, people: list[str]) -> None:
    outcome = ask(bare, "operator", {"people": people})
    assert outcome.failure == "failed"
    assert "their own spend only" in outcome.text
    assert "Bob" not in outcome.text


def test_each_model_has_its_row_and_what_has_no_price_is_said(history: History) -> None:
    outcome = ask(history, "admin", {"group_by": "model"})
    for model in MODELS:
        assert dollars_and_calls(rows(outcome)[model]) == in_books(history, models=(model,))
    assert outcome.text.endswith("the dollars leave them out.")


def test_it_narrows_to_names_in_any_case(history: History) -> None:
    agent = history.agents[1]
    names = {"agents": [f"of {history.people[1]}"], "people": ["ADA"], "models": [MODELS[0]]}
    outcome = ask(history, "finance", names)
    chosen = in_books(history, agents=(agent,), people=(history.people[0],), models=(MODELS[0],))
    assert dollars_and_calls(rows(outcome)["total"]) == chosen


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"agents": ["Nobody"]}, "There is no agent Nobody. There are: Of "),
        ({"people": ["Eve"]}, "There is no person Eve. There are: Ada, Bob."),
        ({"first_day": "2026-11-20", "last_day": "2026-11-01"}, "before it begins"),
        ({"first_day": "1000-01-01"}, "Choose days between"),
        ({"last_day": "2026-11-01"}, "Say with first_day"),
        ({"period": "12m", "group_by": "day"}, "Group by something longer"),
        ({"period": "decade"}, "is not one of"),
        ({"group_by": "owner"}, "not valid"),
        ({"people": ["Ada"] * 51}, "is too long"),
        ({"role": "admin"}, "unexpected"),
    ],
)
def test_a_question_that_cannot_be_answered_says_why(bare: History, given: dict[str, Any], wrong: str) -> None:
    outcome = ask(bare, "admin", given)
    assert (outcome.failure is None, wrong in outcome.text) == (False, True), outcome.text


def test_steps_follow_the_calendar_of_the_person_who_asks(history: History) -> None:
    days = rows(ask(history, "admin", {"group_by": "day", "first_day": "2026-11-19"}, "Asia/Tokyo"))
    weeks = rows(ask(history, "admin", {"group_by": "week", "first_day": "2026-11-12", "last_day": "2026-11-20"}))
    months = rows(ask(history, "admin", {"group_by": "month", "first_day": "2026-10-20"}))
    assert list(days) == ["2026-11-19", "2026-11-20", "2026-11-21", "total"]
    assert list(weeks) == ["2026-11-12", "2026-11-16", "total"]
    assert list(months) == ["2026-10-20", "2026-11-01", "total"]
    _, calls = in_books(history)
    assert [cells[2] for cells in months.values()] == ["0", calls, calls]


def test_a_period_without_turns_has_a_total_of_nothing(bare: History) -> None:
    for group_by in [None, "agent"]:
        total = rows(ask(bare, "admin", {"group_by": group_by, "period": "today"}))["total"]
        assert total == ["0.000000000", "0.000000000", *["0"] * 6]


def test_every_period_that_has_a_name_can_be_asked_for() -> None:
    assert set(get_args(Period)) == set(PRESETS)
