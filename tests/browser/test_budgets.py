"""A budget in a browser: it is set, refuses a message without losing it, and is raised."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chatting import await_end, button, messages, say
from tests.served import Served, served_at_once


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One of its own: what others spent this month counts in a new budget, and it would refuse what others ask."""
    with served_at_once(tmp_path_factory.mktemp("budgets") / "data", SIMULATOR_PACE="0", ATTEMPTS="1") as server:
        yield server


def test_a_message_a_budget_has_no_room_for_is_kept_and_answered_once_it_has(new_page: Callable[..., Page]) -> None:
    finance, asker = new_page("budgets"), new_page()
    expect(finance.get_by_text("A budget is a limit on what")).to_be_visible()
    button(finance, "New budget").click()
    limit = finance.get_by_label("Limit in US dollars")
    limit.fill("0,01")
    button(finance, "Set the budget").click()
    expect(finance.get_by_text("The limit is “0,01”.")).to_be_visible()
    expect(limit).to_have_value("0,01")
    limit.fill("0.000001")
    button(finance, "Set the budget").click()
    expect(finance.get_by_test_id("stDialog")).to_be_hidden()
    expect(finance.get_by_text("0 % used")).to_be_visible()

    say(asker, "[[say: Affordable.]]")
    expect(asker.get_by_text("The organisation's budget for this month has no room")).to_be_visible()
    expect(asker.get_by_text("[[say: Affordable.]]")).to_be_visible()
    expect(messages(asker)).to_have_count(0)

    button(finance, "Change").click()
    limit.fill("10")
    button(finance, "Save").click()
    expect(finance.get_by_test_id("stDialog")).to_be_hidden()
    button(asker, "Send again").click()
    expect(await_end(asker).get_by_text("Affordable.", exact=True)).to_be_visible()
    finance.reload()
    expect(finance.get_by_text("left of $10.00")).to_be_visible()
    expect(finance.get_by_text("$0.00 spent")).to_be_hidden()
    expect(finance.locator("path[aria-roledescription='bar']").first).to_be_visible()
