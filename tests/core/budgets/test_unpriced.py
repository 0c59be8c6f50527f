"""Replies without a known price count at the most they could cost, until they have one."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import Connection

from core.books.closing import close
from core.books.repricing import reprice
from core.books.values import TraceEnd
from core.books.writes import checkpoint
from core.budgets.budgets import Budgets
from core.budgets.coverage import SCOPES
from core.chat.new_turn import NewTurn
from core.errors import BudgetSpent
from core.store.database import Store
from core.usage import Usage
from tests.core.books.histories import AT, MODEL, a_call, a_finish, a_point, a_reply, an_end
from tests.core.books.in_store import completed, finished, opened, recovered
from tests.core.budgets.test_holding import KNOWING_ALL, UTC_ZONE, a_budget, assert_true_to_the_ledger
from tests.core.rows import ADMIN


def unpriced(opening: NewTurn) -> TraceEnd:
    """An end whose reply has no known price."""
    reply = a_reply("Much.", {"input_tokens": 10, "output_tokens": 5}, model="claude-nobody-9")
    return a_finish(opening, an_end(a_call(opening, reply=reply), "completed"), "completed", reply)


def test_a1_a_reply_without_a_price_counts_at_what_it_held_until_it_has_one(store: Store, ids: tuple[str, str]) -> None:
    for scope in SCOPES:
        a_budget(store, ids, scope, limit=2_500)
    finished(store, unpriced(opened(store, ids)))
    finished(store, unpriced(opened(store, ids)))
    for view in Budgets(store, UTC_ZONE).list(ADMIN):
        assert (view.spent, view.reserved, view.held_as_spent, view.left) == (0, 0, 2_000, 500)
        assert view.unpriced > 0
    with pytest.raises(BudgetSpent):
        opened(store, ids)
    done = reprice(store, KNOWING_ALL)
    assert (done.calls, done.total, done.left) == (2, 2 * (10 * 4_000 + 5 * 20_000), 0)
    assert_true_to_the_ledger(store)
    for view in Budgets(store, UTC_ZONE).list(ADMIN):
        assert (view.spent, view.held_as_spent, view.unpriced) == (done.total, 0, 0)
    assert reprice(store, KNOWING_ALL).calls == 0


@pytest.mark.parametrize("guess_has_price", [True, False])
def test_a1_a_late_true_end_without_a_price_counts_at_what_it_held(
    store: Store, ids: tuple[str, str], guess_has_price: bool
) -> None:
    a_budget(store, ids)
    lost = opened(store, ids, model=MODEL if guess_has_price else "claude-nobody-9")
    point = a_point(lost, Usage(input=40), {"input_tokens": 40})
    store.write(lambda connection: checkpoint(connection, [point])).result()
    recovered(store)
    [guessed] = Budgets(store, UTC_ZONE).list(ADMIN)
    assert (guessed.held_as_spent, bool(guessed.spent)) == ((0, True) if guess_has_price else (1_000, False))
    finished(store, unpriced(lost))
    [true] = Budgets(store, UTC_ZONE).list(ADMIN)
    assert (true.spent, true.held_as_spent) == (0, 1_000)
    assert_true_to_the_ledger(store)
    reprice(store, KNOWING_ALL)
    finished(store, completed(lost))
    assert_true_to_the_ledger(store)


def test_a1_what_has_no_price_counts_in_the_period_it_began_in(store: Store, ids: tuple[str, str]) -> None:
    a_budget(store, ids, period="day")
    finished(store, unpriced(opened(store, ids)))
    over_midnight = opened(store, ids)
    with time_machine.travel(AT + timedelta(days=1), tick=False):
        finished(store, completed(opened(store, ids, at=AT + timedelta(days=1))))
        finished(store, unpriced(over_midnight))
        assert_true_to_the_ledger(store)
        [view] = Budgets(store, UTC_ZONE).list(ADMIN)
        assert view.held_as_spent == 0
        finished(store, unpriced(opened(store, ids, at=AT + timedelta(days=1))))
        [view] = Budgets(store, UTC_ZONE).list(ADMIN)
        assert view.held_as_spent == 1_000
        reprice(store, KNOWING_ALL)
        assert_true_to_the_ledger(store)


def test_a1_a_budget_that_is_made_or_blocks_later_counts_what_had_no_price_before(
    store: Store, ids: tuple[str, str]
) -> None:
    finished(store, unpriced(opened(store, ids)))
    a_budget(store, ids, blocks=False, limit=1_500)
    finished(store, unpriced(opened(store, ids)))
    [view] = Budgets(store, UTC_ZONE).list(ADMIN)
    assert (view.held_as_spent, view.left) == (2_000, 0)
    Budgets(store, UTC_ZONE).change(ADMIN, view.id, 2_999, blocks=True)
    with pytest.raises(BudgetSpent):
        opened(store, ids)


def test_a1_an_end_and_a_repricing_at_once_count_each_reply_once(store: Store, ids: tuple[str, str]) -> None:
    a_budget(store, ids, limit=10**12)
    lost = opened(store, ids, model="claude-nobody-9")
    point = a_point(lost, Usage(input=40), {"input_tokens": 40})
    store.write(lambda connection: checkpoint(connection, [point])).result()
    recovered(store)
    writing, go_on = threading.Event(), threading.Event()

    def slowly(connection: Connection) -> None:
        close(connection, [completed(lost)])
        writing.set()
        assert go_on.wait(10)

    with ThreadPoolExecutor(1) as pool:
        end = store.write(slowly)
        assert writing.wait(10)
        second = pool.submit(reprice, store, KNOWING_ALL)
        go_on.set()
        end.result()
        assert second.result().calls == 0
    assert_true_to_the_ledger(store)
    [view] = Budgets(store, UTC_ZONE).list(ADMIN)
    assert (view.spent, view.held_as_spent, view.unpriced) == (5_000_000, 0, 0)


def test_e4_a_typical_reserve_holds_less_and_says_by_how_much_it_may_be_passed(
    store: Store, ids: tuple[str, str]
) -> None:
    a_budget(store, ids, reserve="typical", limit=1_000)
    first, second = opened(store, ids), opened(store, ids)
    [view] = Budgets(store, UTC_ZONE).list(ADMIN)
    assert (view.reserved, view.left, view.overrun, view.reserve) == (1_000, 0, 1_000, "typical")
    with pytest.raises(BudgetSpent):
        opened(store, ids)
    finished(store, unpriced(first))
    finished(store, completed(second))
    [view] = Budgets(store, UTC_ZONE).list(ADMIN)
    assert (view.reserved, view.held_as_spent, view.overrun) == (0, 1_000, 0)
    assert_true_to_the_ledger(store)
