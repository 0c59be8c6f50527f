"""What budgets count is what the ledger says, and what they hold is what runs: over histories, races and midnights."""

import threading
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from core.books.closing import close
from core.books.repricing import reprice
from core.budgets.bounds import UNKNOWN, Bound
from core.budgets.budgets import BudgetDraft, Budgets
from core.budgets.counting import counted_in
from core.budgets.coverage import SCOPES, Scope
from core.budgets.periods import PERIODS, Period, Window
from core.chat.new_turn import NewTurn, open_turn
from core.errors import BudgetSpent
from core.money import NANOS_PER_USD
from core.store.budgets import Budget, BudgetReservation
from core.store.database import Store, open_store
from core.store.demo import DEMO_SOURCE
from core.store.tables import TraceSpan
from tests.core.books.histories import AT, BOOK, MODEL, a_call, a_finish, an_end, an_opening
from tests.core.books.in_store import completed, finished, opened, recovered, rows
from tests.core.books.test_sums import play, turns
from tests.core.rows import ADMIN, Rows

UTC_ZONE = ZoneInfo("UTC")


def up_to(most: int) -> Bound:
    """What is typical is half of it."""
    return Bound(most, most // 2)


def a_budget(store: Store, ids: tuple[str, str], scope: Scope = "organisation", **changes: Any) -> str:
    subject = {"organisation": None, "person": ids[0], "agent": ids[1]}[scope]
    draft = {"period": "month", "limit": NANOS_PER_USD, **changes}
    return Budgets(store, UTC_ZONE).create(ADMIN, BudgetDraft(scope, subject, **draft))


def assert_true_to_the_ledger(store: Store) -> None:
    held = rows(store, BudgetReservation)
    running = {span["id"] for span in rows(store, TraceSpan) if span["status"] == "running"}
    assert {each["span_id"] for each in held} <= running
    for budget in rows(store, Budget, ended_at=None):
        window = Window(budget["period_start"], budget["period_end"])
        with store.read() as connection:
            counted = counted_in(connection, budget["scope"], budget["subject_id"], window, budget["counts"])
        assert (budget["spent_nanos"], budget["unpriced_lines"], budget["held_nanos"]) == (
            counted.spent,
            counted.unpriced,
            counted.held,
        )
        own = [each["amount_nanos"] for each in held if each["budget_id"] == budget["id"]]
        assert budget["reserved_nanos"] == sum(own)


KNOWING_ALL = replace(BOOK, models={**BOOK.models, "claude-nobody-9": BOOK.models[MODEL]})


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(turns, min_size=1, max_size=4), late=st.integers(0, 4), repriced=st.integers(0, 4))
def test_a1_what_is_counted_is_the_ledger_and_what_has_no_price_whatever_happened(
    store: Store, ids: tuple[str, str], history: list[dict[str, Any]], late: int, repriced: int
) -> None:
    budgets = Budgets(store, UTC_ZONE)
    for earlier in budgets.list(ADMIN):
        budgets.end(ADMIN, earlier.id)
    for place, turn in enumerate(history):
        if place == late:
            for scope, period in zip(SCOPES, PERIODS, strict=True):
                a_budget(store, ids, scope, period=period, limit=10**18, blocks=place % 2 == 0)
        play(store, ids, turn)
        assert_true_to_the_ledger(store)
        if place == repriced:
            reprice(store, KNOWING_ALL)
            assert_true_to_the_ledger(store)
    assert {each.reserved for each in budgets.list(ADMIN)} <= {0}
    reprice(store, KNOWING_ALL)
    assert_true_to_the_ledger(store)
    assert {(each.held_as_spent, each.unpriced) for each in budgets.list(ADMIN)} <= {(0, 0)}


def test_fault_13_of_32_that_race_for_room_for_10_exactly_10_get_it(store: Store, ids: tuple[str, str]) -> None:
    a_budget(store, ids, limit=10 * 1_000)
    a_budget(store, ids, "person", limit=10**18)
    others = [open_store(store.url) for _ in range(2)]
    barrier = threading.Barrier(32)

    def enter(number: int) -> NewTurn | None:
        opening, into = an_opening(*ids, bound=up_to(1_000)), others[number % 2]
        barrier.wait()
        try:
            into.write(lambda connection: open_turn(connection, opening)).result()
        except BudgetSpent:
            return None
        return opening

    try:
        with ThreadPoolExecutor(32) as pool:
            let_in = [each for each in pool.map(enter, range(32)) if each is not None]
    finally:
        for other in others:
            other.close()
    assert len(let_in) == len(rows(store, TraceSpan)) == 10
    assert_true_to_the_ledger(store)
    for opening in let_in:
        finished(store, completed(opening))
    assert_true_to_the_ledger(store)
    assert {each["reserved_nanos"] for each in rows(store, Budget)} == {0}


def test_room_is_what_the_limit_leaves_to_the_nano(store: Store, ids: tuple[str, str]) -> None:
    finished(store, completed(first := opened(store, ids)))
    spent = an_end(a_call(first, reply=None), "completed").cost.total or 0
    a_budget(store, ids)
    (budget,) = rows(store, Budget)
    assert budget["spent_nanos"] > spent
    left = NANOS_PER_USD - budget["spent_nanos"]
    with pytest.raises(BudgetSpent, match="no room"):
        opened(store, ids, bound=up_to(left + 1))
    opened(store, ids, bound=up_to(left))
    with pytest.raises(BudgetSpent):
        opened(store, ids, bound=up_to(1))


def test_without_a_price_nothing_that_blocks_can_be_kept_to(store: Store, ids: tuple[str, str]) -> None:
    a_budget(store, ids, "agent", blocks=False)
    opened(store, ids, bound=UNKNOWN)
    a_budget(store, ids, "person")
    with pytest.raises(BudgetSpent, match="no price is known"):
        opened(store, ids, bound=UNKNOWN)


def test_a_budget_is_for_its_own_and_one_that_warns_holds_nothing(store: Store, ids: tuple[str, str]) -> None:
    a_budget(store, ids, blocks=False, limit=1)
    Budgets(store, UTC_ZONE).create(ADMIN, BudgetDraft("agent", some_agent(store), "month", 1))
    finished(store, completed(opened(store, ids, bound=up_to(10**12))))
    another, everyone = sorted(rows(store, Budget), key=itemgetter("scope"))
    assert (everyone["spent_nanos"] > 1, everyone["reserved_nanos"], another["spent_nanos"]) == (True, 0, 0)
    assert rows(store, BudgetReservation) == []


def some_agent(store: Store) -> str:
    people = Rows(store)
    return people.agent(people.person("Bob"), "Another")


@pytest.mark.parametrize(("period", "days"), [("day", 1), ("week", 3), ("month", 11)])
def test_a_new_period_begins_with_nothing_and_old_turns_count_in_the_old_one(
    store: Store, ids: tuple[str, str], period: Period, days: int
) -> None:
    a_budget(store, ids, period=period)
    finished(store, completed(opened(store, ids, bound=up_to(NANOS_PER_USD // 2))))
    over_midnight = opened(store, ids, bound=up_to(1_000))
    with time_machine.travel(AT + timedelta(days=days), tick=False):
        (view,) = Budgets(store, UTC_ZONE).list(ADMIN)
        assert (view.spent, view.reserved, view.window.start) == (0, 1_000, view.window.start)
        late = opened(store, ids, at=AT + timedelta(days=days), bound=up_to(NANOS_PER_USD - 1_000))
        finished(store, completed(over_midnight))
        assert_true_to_the_ledger(store)
        finished(store, completed(late))
        assert_true_to_the_ledger(store)
        (budget,) = rows(store, Budget)
    assert (budget["spent_nanos"] > 0, budget["reserved_nanos"]) == (True, 0)
    assert budget["period_start"] > AT


def test_the_dead_hold_nothing_once_they_are_taken_over(store: Store, ids: tuple[str, str]) -> None:
    a_budget(store, ids, limit=10_000_000)
    lost = opened(store, ids, bound=up_to(10_000_000))
    with pytest.raises(BudgetSpent):
        opened(store, ids, bound=up_to(1))
    recovered(store)
    (budget,) = rows(store, Budget)
    assert (budget["reserved_nanos"], rows(store, BudgetReservation)) == (0, [])
    finished(store, a_finish(lost, an_end(a_call(lost), "stopped"), "stopped"))
    assert_true_to_the_ledger(store)


def test_the_demo_month_costs_nobody_anything(store: Store, ids: tuple[str, str]) -> None:
    a_budget(store, ids, limit=1)
    finished(store, completed(opened(store, ids, source=DEMO_SOURCE, bound=UNKNOWN)))
    a_budget(store, ids, "person")
    assert {each["spent_nanos"] for each in rows(store, Budget)} == {0}


def test_a_budget_that_is_made_while_an_end_is_written_counts_it_once(store: Store, ids: tuple[str, str]) -> None:
    finished(store, completed(opened(store, ids)))
    writing, go_on = threading.Event(), threading.Event()
    ending = opened(store, ids)

    def slowly(connection: Connection) -> None:
        close(connection, [completed(ending)])
        writing.set()
        assert go_on.wait(10)

    future = store.write(slowly)
    assert writing.wait(10)
    with ThreadPoolExecutor(1) as pool:
        made = pool.submit(a_budget, store, ids)
        assert wait([made], timeout=0.3).done == set()
        go_on.set()
        future.result()
        made.result()
    assert_true_to_the_ledger(store)
    (budget,) = rows(store, Budget)
    assert budget["spent_nanos"] > 0


def test_a_time_before_the_period_does_not_begin_a_new_one(store: Store, ids: tuple[str, str]) -> None:
    a_budget(store, ids)
    early = datetime(2026, 10, 31, 23, tzinfo=UTC)
    finished(store, completed(opened(store, ids, at=early, bound=up_to(1))))
    (budget,) = rows(store, Budget)
    assert (budget["spent_nanos"], budget["period_start"]) == (0, datetime(2026, 11, 1, tzinfo=UTC))
