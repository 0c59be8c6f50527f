"""Budgets and turns: what has no room is not asked, what loses its room ends with what there is, nothing stays held."""

import json
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from core.budgets.budgets import BudgetDraft, Budgets
from core.budgets.views import BudgetView
from core.chat.budget_room import Room, rooms
from core.clock import now
from core.errors import BudgetSpent
from core.money import Nanos, nanos_from_usd
from core.provider.simulator.scripted import failed
from core.store.budgets import BudgetReservation
from core.store.database import Store
from core.store.tables import Conversation, TaskTrace
from tests.core.agent.toolkit import MODEL, asks, says
from tests.core.books.in_store import rows
from tests.core.chat.conftest import ended
from tests.core.chat.test_delegation import ASK, HELPERS_CALL, MASTERS_CALL, helped, with_helper
from tests.core.chat.tooling import Open, assert_adds_up, assert_whole, calls
from tests.core.rows import ADMIN
from tests.house_rules import PROJECT

GOLDEN = PROJECT / "tests" / "golden"
MOST = 4_000 * 20_000
"""What one reply may cost, but for its prompt."""
MUCH = {"input_tokens": 5_000, "output_tokens": 20}
MUCHS_COST = 5_000 * 4_000 + 20 * 20_000
ROOM_FOR_ONE = MOST + MUCHS_COST
"""The second call of a tool's turn has none left, as it would read again what the first one did."""


def limited(store: Store, limit: Nanos) -> Budgets:
    budgets = Budgets(store, ZoneInfo("UTC"))
    budgets.create(ADMIN, BudgetDraft("organisation", None, "month", limit))
    return budgets


def only(budgets: Budgets) -> BudgetView:
    [budget] = budgets.list(ADMIN)
    return budget


@pytest.mark.each_database
def test_t16_what_has_no_room_is_refused_before_the_provider_is_asked_and_leaves_nothing(
    store: Store, work: Open
) -> None:
    shop = work(says("Never."))
    limited(store, MOST)
    with pytest.raises(BudgetSpent, match="ask finance to raise it") as refused:
        shop.send()
    assert refused.value.status == 402
    assert "$" not in refused.value.for_user, "what others spend is not everybody's business"
    assert (shop.script.requests, rows(store, TaskTrace), rows(store, Conversation)) == ([], [], [])


def test_an_answer_that_loses_its_room_ends_with_what_there_is_and_goes_on_when_there_is_more(
    store: Store, work: Open
) -> None:
    shop = work(asks(("a", "echo", {}), text="One.", usage=MUCH, final=MUCH), says("Two."))
    budgets = limited(store, ROOM_FOR_ONE)
    end = ended(turn := shop.send())
    assert (end.status, end.error_type, end.total) == ("stopped", "budget_spent", MUCHS_COST)
    assert "What had arrived is kept" in (end.error_text or "")
    assert (shop.answer(turn).text, len(shop.script.requests)) == ("One.", 1)
    assert [row["status"] for row in calls(store, turn)] == ["success"]
    assert_whole(store, turn)
    assert_adds_up(store, turn)
    assert (only(budgets).spent, only(budgets).reserved, rows(store, BudgetReservation)) == (MUCHS_COST, 0, [])
    budgets.change(ADMIN, only(budgets).id, 2 * ROOM_FOR_ONE, blocks=True)
    assert ended(shop.send("Go on.", turn.conversation_id)).status == "completed"
    assert (only(budgets).spent, only(budgets).reserved) == (MUCHS_COST + MASTERS_CALL, 0)


def test_another_agent_that_there_is_no_room_for_is_not_asked_and_the_model_is_told(store: Store, work: Open) -> None:
    shop = with_helper(work(asks(ASK), says("Alone then.")))
    [helper] = [each for each in shop.services.agents.active() if each.name == "Helper"]
    Budgets(store, ZoneInfo("UTC")).create(ADMIN, BudgetDraft("agent", helper.id, "day", HELPERS_CALL))
    end = ended(turn := shop.send())
    assert (end.status, end.total, len(shop.script.requests)) == ("completed", 2 * MASTERS_CALL, 2)
    [asked] = calls(store, turn)
    assert asked["status"] == "failed"
    assert "Helper was not asked. This agent's budget for this day has no room" in asked["output"]
    assert_adds_up(store, turn)


def test_each_agent_counts_in_its_own_budget_and_both_in_everybodys(store: Store, work: Open) -> None:
    shop = with_helper(work(asks(ASK), helped(), failed(529, "overloaded_error", "Busy."), says("Nine stars.")))
    [helper] = [each for each in shop.services.agents.active() if each.name == "Helper"]
    budgets = limited(store, 10 * MOST)
    for agent in (helper.id, shop.agent_id):
        budgets.create(ADMIN, BudgetDraft("agent", agent, "day", 10 * MOST))
    assert ended(shop.send()).status == "completed"
    found = {each.subject: (each.spent, each.reserved) for each in budgets.list(ADMIN)}
    assert found == {
        "": (2 * MASTERS_CALL + HELPERS_CALL, 0),
        "Helper": (HELPERS_CALL, 0),
        "Worker": (2 * MASTERS_CALL, 0),
    }


CASES = {case["id"]: case for case in json.loads((GOLDEN / "public_cases.json").read_text("utf-8"))}


def test_a1_a_full_budget_serves_nothing_more_while_what_it_spent_is_unknown(store: Store, work: Open) -> None:
    case = CASES["budget-unpriced-model"]["input"]
    known = {"input_tokens": 36_500, "output_tokens": 1}
    unknown = {"input_tokens": 250, "output_tokens": 4_000, "inference_geo": "mars"}
    replies = [says("Well.", usage=unknown, final=unknown) for _ in range(case["replies"])]
    shop = work(says("Well.", usage=known, final={"output_tokens": 0}), *replies)
    budgets = limited(store, nanos_from_usd(Decimal(case["limit"])))
    assert ended(shop.send()).total == 146_000_000
    served, worth = 0, 250 * 4_000 + 4_000 * 20_000
    for _ in range(case["replies"]):
        try:
            assert ended(shop.send()).basis == "unpriced"
        except BudgetSpent:
            break
        served += 1
    view = only(budgets)
    assert (served < case["replies"], len(shop.script.requests)) == (True, served + 1)
    assert view.spent + served * worth <= view.limit, "whatever price becomes known"
    assert view.spent + view.held_as_spent + view.left == view.limit
    assert view.held_as_spent >= served * worth
    assert view.reserved == 0
    assert [(each.agent, each.refused) for each in view.refusals] == [("Worker", 1)]


def test_a1_a_chinese_prompt_is_held_at_what_it_can_cost(store: Store, work: Open) -> None:
    case = CASES["budget-cjk-prompt"]["input"]
    shop = work(says("Never."))
    shop.change(max_output_tokens=16)
    budgets = limited(store, nanos_from_usd(Decimal(case["limit"])))
    with pytest.raises(BudgetSpent):
        shop.send("数" * case["characters"])
    assert (shop.script.requests, only(budgets).spent) == ([], 0)


def test_e4_refusals_are_counted_by_agent_and_day_at_every_door(store: Store, work: Open) -> None:
    shop = with_helper(work(asks(ASK), says("Alone."), asks(("a", "echo", {}), usage=MUCH, final=MUCH)))
    [helper] = [each for each in shop.services.agents.active() if each.name == "Helper"]
    budgets = limited(store, 1)
    for _ in range(2):
        with pytest.raises(BudgetSpent):
            shop.send()
    budgets.change(ADMIN, only(budgets).id, 10**12, blocks=True)
    own = budgets.create(ADMIN, BudgetDraft("agent", helper.id, "day", 1))
    assert ended(shop.send()).status == "completed"
    by_id = {view.id: view for view in budgets.list(ADMIN)}
    assert [(each.agent, each.refused) for each in by_id[own].refusals] == [("Helper", 1)]
    [everybodys] = [view for view in by_id.values() if view.scope == "organisation"]
    budgets.end(ADMIN, own)
    budgets.change(ADMIN, everybodys.id, everybodys.spent + ROOM_FOR_ONE, blocks=True)
    assert ended(shop.send()).error_type == "budget_spent"
    [each] = only(budgets).refusals
    assert (each.agent, each.refused, each.day) == ("Worker", 3, now().date())


def test_e4_a_budget_tells_from_where_on_it_refuses_whom(store: Store, work: Open) -> None:
    shop = work(says("Well."), says("Well."))
    shop.helper("Wordy", model=MODEL, max_output_tokens=32_000)
    budgets = limited(store, 32_000 * 20_000 + MOST)

    def told() -> dict[str, Room]:
        found = rooms(only(budgets), shop.services.agents.active(), shop.services.bounds, shop.services.provider, now())
        return {room.agent: room for room in found if room.agent in ("Wordy", "Worker")}

    before = told()
    assert {name: room.has_room for name, room in before.items()} == {"Wordy": True, "Worker": True}
    careful = before["Wordy"]
    assert careful.until is not None
    budgets.change(ADMIN, only(budgets).id, (careful.holds or 0) + MASTERS_CALL - 1, blocks=True)
    assert ended(shop.send()).status == "completed"
    after = told()
    assert (after["Wordy"].has_room, after["Worker"].has_room) == (False, True)
    with pytest.raises(BudgetSpent):
        shop.send(agent_id=careful.agent_id)
    assert ended(shop.send()).status == "completed"
