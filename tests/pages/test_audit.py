"""The page of who changed what."""

from datetime import timedelta

import pytest
from streamlit.testing.v1 import AppTest

from core.access.tokens import TokenDraft
from core.budgets.budgets import BudgetDraft
from core.clock import now
from tests.pages.house import House, house
from tests.pages.screen import has_button, healthy, press, words

__all__ = ["house"]


def entries(app: AppTest) -> list[str]:
    """Without the time of day."""
    return [each.value.partition("] ")[2] for each in app.markdown if each.value.startswith(":gray[")]


def test_what_happened_is_told_in_sentences_newest_first(house: House) -> None:
    root, ada = house.root.session.person, house.join("Ada")
    house.access.people.set_role(root, ada.session.person.id, "finance")
    draft = TokenDraft("nightly", "operator", now() + timedelta(days=1))
    token = house.access.tokens.create(ada.session.person, draft).view
    house.access.tokens.revoke(root, token.id)
    app = house.open(house.root, "audit")
    assert [each.replace("\\", "") for each in entries(app)] == [
        "**Root** revoked an API token of Ada.",
        "**Ada** created the API token nightly as operator, for all agents.",
        "**Root** made Ada finance, who was operator.",
        "**Ada** signed in from 192.0.2.0/24.",
        "**Ada** joined.",
        "**Root** invited Ada (ada@example.org) as operator.",
        "**Root** signed in from 192.0.2.0/24.",
        "**Root** set up this installation as root@example.org.",
    ]


def test_budgets_are_told_with_whose_they_are(house: House) -> None:
    root, budgets = house.root.session.person, house.services.budgets
    agent = house.services.agents.active()[0]
    ada = house.join("Ada").session.person
    budgets.create(root, BudgetDraft("organisation", None, "month", 250 * 10**9))
    made = budgets.create(root, BudgetDraft("person", ada.id, "week", 10**9, blocks=False))
    budgets.change(root, made, 500_000_000, blocks=True)
    budgets.end(root, made)
    budgets.create(root, BudgetDraft("agent", agent.id, "day", 1))
    app = house.open(house.root, "audit")
    assert [each.replace("\\", "") for each in entries(app)][:5] == [
        f"**Root** set a budget of $0.000000001 a day for the agent {agent.name}, which blocks.",
        "**Root** ended the budget of Ada, $0.5 a week.",
        "**Root** changed the budget of Ada from $1 to $0.5 a week; it blocks.",
        "**Root** set a budget of $1 a week for Ada, which only warns.",
        "**Root** set a budget of $250 a month for the organisation, which blocks.",
    ]


def test_it_can_be_narrowed_and_turned_over(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.access.audit._MOST_AT_ONCE", 4)
    ada = house.join("Ada").session.person
    app = house.open(house.root, "audit")
    everything = entries(app)
    app.selectbox[0].set_value(ada.id)
    assert entries(healthy(app.run())) == [each for each in everything if "**Ada**" in each]
    app.selectbox[1].set_value(("joined", "person"))
    assert entries(healthy(app.run())) == ["**Ada** joined."]


def test_pages_follow_one_another_without_a_gap(house: House) -> None:
    root = house.root.session.person
    for number in range(60):
        house.access.people.rename(root, f"Root {number}")
    app = house.open(house.root, "audit")
    first = entries(app)
    assert (len(first), has_button(app, "Newer")) == (50, False)
    older = entries(press(app, "Older"))
    assert len(older) == 12
    assert not has_button(app, "Older")
    assert "Root 9" in older[0].replace("\\", "")
    assert entries(press(app, "Newer")) == first


def test_somebody_elses_words_are_drawn_as_text(house: House) -> None:
    house.access.people.rename(house.root.session.person, "![x](http://evil.example) **b**")
    said = words(house.open(house.root, "audit"))
    assert "![x]" not in said
    assert r"\!\[x\]" in said
