"""The page of budgets: what it says is what counts, finance changes it, and others see their own."""

from urllib.parse import parse_qs

import pytest
from streamlit.testing.v1 import AppTest

from core.budgets.bounds import Bound
from core.budgets.budgets import BudgetDraft
from core.budgets.coverage import SCOPES, Scope
from core.budgets.views import BudgetView
from core.clock import now
from core.money import NANOS_PER_USD, exact_usd, short_usd
from core.store.tables import LedgerLine
from tests.core.analytics.rollups.histories import History
from tests.core.books.in_store import opened, rows
from tests.core.rows import Rows
from tests.pages.screen import become, button, has_button, healthy, labelled, open_app, press, services, words


@pytest.fixture
def history() -> History:
    """Ada and Bob, Ada's turns having known prices, one of Bob's none."""
    open_app()
    return History(services().store)


def a_budget(scope: Scope = "organisation", subject_id: str | None = None, **changes: object) -> BudgetView:
    draft = {"period": "month", "limit": NANOS_PER_USD, **changes}
    made = services().budgets.create(become("finance"), BudgetDraft(scope, subject_id, **draft))  # type: ignore[arg-type]
    return view_of(made)


def view_of(budget_id: str) -> BudgetView:
    return next(view for view in services().budgets.list(become("finance")) if view.id == budget_id)


def the_only_one() -> BudgetView:
    [view] = services().budgets.list(services().me)
    return view


def fill(app: AppTest, limit: str, **chosen: object) -> AppTest:
    """Open the dialog of a new budget, as the test's runner does: each run presses the button anew."""
    press(app, "New budget")
    if "scope" in chosen:
        app.radio(key="budget-scope").set_value(chosen["scope"])
        press(app, "New budget")
    if "subject" in chosen:
        app.selectbox(key=f"budget-{chosen['scope']}").set_value(chosen["subject"])
    labelled(app.text_input, "Limit in US dollars").set_value(limit)
    return app


def submit(app: AppTest) -> AppTest:
    button(app, "Set the budget").click()
    return press(app, "New budget")


def badges(app: AppTest) -> str:
    return "\n".join(each.value for each in app.markdown if "-badge[" in each.value)


def test_finance_sets_a_budget_and_it_stands_there(history: History) -> None:
    become("finance")
    app = fill(open_app("budgets"), "$ 0.250000001", scope="person", subject=history.people[0])
    app.radio(key="budget-period").set_value("week")
    app.radio(key="budget-new-blocks").set_value(False)
    submit(app)
    assert not app.error
    view = the_only_one()
    assert (view.subject, view.period, view.limit, view.blocks) == ("Ada", "week", 250_000_001, False)
    healthy(app.run())
    assert [each.value for each in app.subheader] == [":material/person: Ada"]
    assert ":gray-badge[ 0 % used]" in badges(app)
    assert "warns only" in badges(app)
    assert r"**\$0.00** spent · \$0.2500 left of **\$0.2500**" in words(app)


def test_what_cannot_be_a_budget_is_said_and_kept() -> None:
    open_app()
    a_budget()
    app = open_app("budgets")
    bad = {
        "1,000": "The limit is “1,000”. Enter dollars such as 250 or 0.25",
        " ": "The limit is empty",
        "-1": "The limit is “-1”",
        "0": "A budget is more than $0",
        "9999999999": "at most $1,000,000,000",
        "5": "There is such a budget already",
    }
    for typed, problem in bad.items():
        submit(fill(app, typed))
        assert problem in app.error[0].value.replace("\\", ""), typed
        assert labelled(app.text_input, "Limit in US dollars").value == typed
    submit(fill(app, "5", scope="agent"))
    assert "Choose the person or agent" in app.error[0].value
    assert the_only_one().limit == NANOS_PER_USD


def test_a_limit_is_changed_and_what_is_wrong_with_it_is_said() -> None:
    open_app()
    view = a_budget(limit=1_500_000_000)
    app = open_app("budgets")
    for typed, problem in (("much", "The limit is “much”"), ("12.5", "")):
        press(app, "Change")
        limit = labelled(app.text_input, "Limit in US dollars")
        assert limit.value in (short_usd(view.limit), "much")
        limit.set_value(typed)
        app.radio(key=f"budget-{view.id}-blocks").set_value(False)
        button(app, "Save").click()
        press(app, "Change")
        assert [problem in each.value for each in app.error] == ([True] if problem else [])
        assert the_only_one().limit == (view.limit if problem else 12_500_000_000)
    assert the_only_one().blocks is False
    assert "warns only" in badges(healthy(app.run()))


def test_a_budget_is_ended_and_one_that_is_gone_is_told() -> None:
    open_app()
    gone, other = a_budget(), a_budget(period="day")
    app = open_app("budgets")
    services().budgets.end(services().me, gone.id)
    healthy(app.button(key=f"end-{gone.id}").click().run())
    assert "There is no such budget" in app.error[0].value
    healthy(app.button(key=f"end-{other.id}").click().run())
    assert services().budgets.list(services().me) == []
    assert "A budget is a limit on" in app.info[0].value


def test_what_is_spent_held_and_without_a_price_is_told(history: History) -> None:
    bob, agent = history.people[1], history.agents[0]
    history.turn(now(), 1)
    history.turn(now(), 7)
    spent = sum(line["amount_nanos"] or 0 for line in rows(history.store, LedgerLine))
    unpriced = sum(line["amount_nanos"] is None for line in rows(history.store, LedgerLine))
    full = a_budget("person", bob, limit=spent, period="week")
    view = a_budget("person", bob, limit=spent * 5 // 4 + full.held_as_spent)
    assert (view.spent, view.unpriced) == (spent, unpriced)
    app = open_app("budgets")
    assert ":orange-badge[:material/hourglass_bottom: at least 80 % used, little room]" in badges(app)
    assert ":red-badge[:material/block: at least 100 % used, nothing left]" in badges(app)
    assert view.held_as_spent > 0
    told = f"{unpriced} ledger lines have no price. The most it can be counts as spent until there is one."
    assert words(app).count(told) == 2
    assert unpriced > 1
    assert words(app).count("What it has no room for is refused. It resets on") == 1
    services().budgets.end(services().me, full.id)
    opened(history.store, (bob, agent), at=now(), bound=Bound(spent // 4, spent // 4))
    app = open_app("budgets")
    assert "held by answers under way" in words(app)
    [line] = [each for each in app.markdown if "held by answers under way" in each.value]
    assert f"Held: \\${exact_usd(spent // 4)}" in line.proto.help
    services().budgets.change(services().me, view.id, spent, blocks=False)
    app = healthy(app.run())
    assert "over the limit of" in words(app)
    assert "is refused. It resets on" not in words(app)


def test_the_way_to_its_costs_leads_to_the_same_sum(history: History) -> None:
    for kind in range(4):
        history.turn(now(), kind)
    subjects = {"organisation": None, "person": history.people[1], "agent": history.agents[1]}
    sums = {a_budget(scope, subjects[scope]).spent for scope in SCOPES}
    assert len(sums) == 3
    found = set()
    for link in open_app("budgets").get("page_link"):
        costs = open_app("costs", **parse_qs(link.proto.query_string))
        assert not costs.warning
        help_ = str(labelled(costs.metric, "Spend").proto.help)
        found.add(next(each for each in sums if exact_usd(each) in help_))
    assert found == sums


def test_an_operator_sees_own_budgets_and_changes_none(history: History) -> None:
    ada, bob = history.people
    a_budget()
    a_budget("person", ada)
    a_budget("person", bob)
    a_budget("agent", history.agents[0])
    become("operator", ada)
    app = open_app("budgets")
    assert [each.value for each in app.subheader] == [":material/person: Ada"]
    assert not any(has_button(app, label) for label in ("New budget", "Change", "End it"))
    assert "finance sees them" in app.caption[0].value


@pytest.mark.parametrize(("role", "offered"), [("operator", False), ("finance", True)])
def test_where_there_is_none_it_says_what_a_budget_is(role: str, offered: bool) -> None:
    open_app()
    become(role)
    app = open_app("budgets")
    assert "A budget is a limit on what" in app.info[0].value
    assert ("You have no budgets yet" in app.info[0].value) is not offered
    assert has_button(app, "New budget") is offered


def test_of_many_the_fullest_stand_first_and_the_rest_is_found() -> None:
    open_app()
    people = Rows(services().store)
    for number in range(21):
        a_budget("person", people.person(f"P_{number}"))
    app = open_app("budgets")
    assert len(app.subheader) == 20
    press(app, "Show all 21")
    assert len(app.subheader) == 21
    app.text_input[0].set_value("p_20")
    assert [each.value for each in healthy(app.run()).subheader] == [r":material/person: P\_20"]
