"""A budget is about real money once there is any, as Costs is; what the simulator answered is counted before that."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.budgets.budgets import Budgets
from core.budgets.coverage import SCOPES
from core.budgets.holding import refuse_full
from core.chat.new_turn import NewTurn
from core.errors import BudgetSpent
from core.money import NANOS_PER_USD
from core.store.database import Store
from core.store.demo import DEMO_SOURCE
from core.store.tables import TaskTrace
from tests.core.books.histories import AT
from tests.core.books.in_store import completed, finished, opened, rows
from tests.core.budgets.test_holding import UTC_ZONE, a_budget, assert_true_to_the_ledger, up_to
from tests.core.budgets.test_unpriced import unpriced
from tests.core.rows import ADMIN


def simulated(store: Store, ids: tuple[str, str], most: int = 1_000) -> NewTurn:
    return opened(store, ids, provenance="simulated", bound=up_to(most))


def test_e3_what_nobody_paid_uses_up_no_budget_of_real_money(store: Store, ids: tuple[str, str]) -> None:
    for scope in SCOPES:
        a_budget(store, ids, scope, limit=NANOS_PER_USD)
    finished(store, completed(simulated(store, ids)))
    finished(store, unpriced(simulated(store, ids)))
    running = simulated(store, ids)
    for view in Budgets(store, UTC_ZONE).list(ADMIN):
        assert (view.counts, view.spent > 0, view.held_as_spent, view.reserved) == ("all", True, 1_000, 1_000)
    real = opened(store, ids, bound=up_to(NANOS_PER_USD))
    for view in Budgets(store, UTC_ZONE).list(ADMIN):
        assert (view.counts, view.spent, view.held_as_spent, view.unpriced) == ("real", 0, 0, 0)
        assert (view.reserved, view.left) == (NANOS_PER_USD, 0)
    finished(store, completed(simulated(store, ids, most=NANOS_PER_USD)))
    finished(store, completed(running))
    finished(store, completed(real))
    assert_true_to_the_ledger(store)
    [trace] = rows(store, TaskTrace, provenance="real")
    for view in Budgets(store, UTC_ZONE).list(ADMIN):
        assert (view.spent, view.reserved) == (trace["cost_nanos"], 0)


def test_e3_a_budget_that_nobody_has_used_since_is_told_in_real_money_too(store: Store, ids: tuple[str, str]) -> None:
    finished(store, completed(simulated(store, ids)))
    a_budget(store, ids, limit=1)
    finished(store, completed(opened(store, ids, source=DEMO_SOURCE, provenance="demo")))
    [view] = Budgets(store, UTC_ZONE).list(ADMIN)
    assert (view.counts, view.left) == ("all", 0)
    with store.read() as connection:
        with pytest.raises(BudgetSpent):
            refuse_full(connection, *ids, AT, simulated=True)
        refuse_full(connection, *ids, AT, simulated=False)
    with pytest.raises(BudgetSpent):
        simulated(store, ids, most=1)
    assert rows(store, TaskTrace, provenance="real") == []
    opened(store, ids, bound=up_to(1))
    with store.read() as connection:
        refuse_full(connection, *ids, AT, simulated=True)
        with pytest.raises(BudgetSpent):
            refuse_full(connection, *ids, AT, simulated=False)


def test_e3_a_budget_made_when_there_is_real_money_is_about_it(store: Store, ids: tuple[str, str]) -> None:
    finished(store, completed(simulated(store, ids)))
    finished(store, completed(opened(store, ids)))
    costs = {row["provenance"]: row["cost_nanos"] for row in rows(store, TaskTrace)}
    a_budget(store, ids)
    [view] = Budgets(store, UTC_ZONE).list(ADMIN)
    assert (view.counts, view.spent) == ("real", costs["real"])
    assert costs["simulated"] > 0


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    made=st.integers(0, 5),
    history=st.lists(
        st.tuples(
            st.sampled_from(["real", "simulated", "simulated"]), st.sampled_from([completed, unpriced]), st.booleans()
        ),
        min_size=1,
        max_size=6,
    ),
)
def test_e3_budgets_count_the_ledger_of_their_money_in_whatever_order_it_came(
    store: Store, ids: tuple[str, str], made: int, history: list[tuple[str, object, bool]]
) -> None:
    budgets = Budgets(store, UTC_ZONE)
    for earlier in budgets.list(ADMIN):
        budgets.end(ADMIN, earlier.id)
    late = []
    for place, (provenance, end, at_once) in enumerate(history):
        if place == made:
            for scope in SCOPES:
                a_budget(store, ids, scope, limit=10**18)
        turn = opened(store, ids, provenance=provenance)
        late.append((turn, end))
        if at_once:
            finished(store, late.pop()[1](turn))  # type: ignore[operator]
        assert_true_to_the_ledger(store)
    for turn, end in sorted(late, key=lambda each: each[0].call.id, reverse=True):
        finished(store, end(turn))  # type: ignore[operator]
        assert_true_to_the_ledger(store)
    assert {view.reserved for view in budgets.list(ADMIN)} <= {0}
