"""Who sees and sets budgets, what is refused, and what the audit log says of it."""

from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from core.access.audit import Audit
from core.access.roles import Person
from core.budgets.budgets import LARGEST, BudgetDraft, Budgets
from core.errors import InputError, NotAllowed, NotFound
from core.store.database import Store
from tests.core.books.in_store import completed, finished, opened
from tests.core.rows import ADMIN, Rows

FINANCE = replace(ADMIN, role="finance")
DRAFT = BudgetDraft("organisation", None, "month", 1_000)


@pytest.fixture
def budgets(store: Store) -> Budgets:
    return Budgets(store, ZoneInfo("Asia/Kolkata"))


def test_finance_sets_changes_and_ends_them_and_the_log_says_so(
    store: Store, budgets: Budgets, ids: tuple[str, str]
) -> None:
    Rows(store).admin()
    budget = budgets.create(FINANCE, BudgetDraft("person", ids[0], "week", 1_000))
    budgets.change(FINANCE, budget, 2_000, blocks=False)
    [view] = budgets.list(FINANCE)
    assert (view.subject, view.period, view.limit, view.blocks) == ("Ada", "week", 2_000, False)
    assert (view.time_zone, view.window.start.hour, view.window.start.minute) == ("Asia/Kolkata", 18, 30)
    budgets.end(FINANCE, budget)
    assert budgets.list(FINANCE) == []
    log = Audit(store).list(ADMIN)
    assert [(entry.action, entry.subject_kind, entry.detail["limit"]) for entry in log] == [
        ("ended", "budget", "0.000002"),
        ("changed", "budget", "0.000002"),
        ("created", "budget", "0.000001"),
    ]
    assert all(entry.detail["subject_id"] == ids[0] for entry in log)
    with pytest.raises(NotFound):
        budgets.end(FINANCE, budget)
    with pytest.raises(NotFound):
        budgets.change(FINANCE, budget, 1, blocks=True)


def test_what_was_spent_in_the_period_before_counts(store: Store, budgets: Budgets, ids: tuple[str, str]) -> None:
    opening = opened(store, ids)
    finished(store, completed(opening))
    budgets = Budgets(store, ZoneInfo("UTC"))
    for scope, subject in (("organisation", None), ("person", ids[0]), ("agent", ids[1])):
        budgets.create(ADMIN, BudgetDraft(scope, subject, "month", 10**12))  # type: ignore[arg-type]
    other = Rows(store).person("Bob")
    budgets.create(ADMIN, BudgetDraft("person", other, "month", 10**12))
    spent = {view.scope + view.subject: view.spent for view in budgets.list(ADMIN)}
    assert len(set(spent.values()) - {0}) == 1
    assert spent["personBob"] == 0


def test_an_operator_sees_the_own_one_and_a_token_only_those_of_its_agents(
    store: Store, budgets: Budgets, ids: tuple[str, str]
) -> None:
    for draft in (DRAFT, BudgetDraft("person", ids[0], "day", 1), BudgetDraft("agent", ids[1], "day", 1)):
        budgets.create(ADMIN, draft)
    budgets.create(ADMIN, BudgetDraft("person", Rows(store).person("Bob"), "day", 1))
    ada = Person(ids[0], "Ada", "operator")
    few = frozenset({ids[1]})
    assert [view.subject for view in budgets.list(ada)] == ["Ada"]
    assert budgets.list(replace(ada, token_id="t", agents=few)) == []
    assert [view.scope for view in budgets.list(replace(FINANCE, token_id="t", agents=few))] == ["agent"]
    assert len(budgets.list(FINANCE)) == 4
    for act in (
        lambda: budgets.create(ada, DRAFT),
        lambda: budgets.change(ada, "x", 1, blocks=True),
        lambda: budgets.end(ada, "x"),
    ):
        with pytest.raises(NotAllowed, match="change budgets"):
            act()


@pytest.mark.parametrize(
    "changes",
    [
        {"limit": 0},
        {"limit": -1},
        {"limit": LARGEST + 1},
        {"scope": "everybody"},
        {"period": "year"},
        {"subject_id": "somebody"},
        {"scope": "person"},
        {"scope": "person", "subject_id": "nobody"},
        {"scope": "agent", "subject_id": "\0"},
    ],
)
def test_what_cannot_be_a_budget_is_refused(store: Store, budgets: Budgets, changes: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        budgets.create(ADMIN, replace(DRAFT, **changes))
    assert budgets.list(ADMIN) == []


def test_there_is_one_for_the_same_and_as_long(store: Store, budgets: Budgets) -> None:
    budgets.create(ADMIN, DRAFT)
    with pytest.raises(InputError, match="already"):
        budgets.create(ADMIN, replace(DRAFT, limit=5))
    budgets.create(ADMIN, replace(DRAFT, period="day"))
