"""Tools in a browser: a server is registered, its tool allowed to a new agent, and its rows are the answer."""

import csv

from playwright.sync_api import Page, expect

from core.demo.people_server import SOURCE
from core.provider.simulator.reports import MOST_ROWS
from tests.browser.chatting import await_end, button, by_sidebar, choose_agent, say


def test_an_agent_answers_from_the_rows_of_a_server_registered_for_it(page: Page) -> None:
    register(page)
    create_agent(page)
    by_sidebar(page, "Chat")
    choose_agent(page, "Personnel")
    expect(page.get_by_role("heading", name="Personnel")).to_be_visible()
    say(page, "give me list of employees with 5-10% increment")
    answer = await_end(page)
    fitting = [row["name"] for row in employees() if 5 <= float(row["increment_percent"]) <= 10]
    expect(answer.get_by_text(f"found {len(fitting)}")).to_be_visible()
    expect(answer.get_by_role("row")).to_have_count(min(len(fitting), MOST_ROWS) + 1)
    expect(answer.get_by_role("cell", name=sorted(fitting)[0])).to_be_visible()


def employees() -> list[dict[str, str]]:
    with SOURCE.open(encoding="utf-8") as source:
        return list(csv.DictReader(source))


def register(page: Page) -> None:
    by_sidebar(page, "Tools")
    button(page, "Register a server").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox", name="Name", exact=True).fill("Staff records")
    dialog.get_by_role("textbox", name="Command").fill("python")
    dialog.get_by_role("textbox", name="Arguments").fill("-m core.demo.people_server")
    dialog.get_by_role("button", name="Register", exact=True).click()
    expect(dialog).to_be_hidden()
    card = page.get_by_test_id("stVerticalBlock").filter(has=page.get_by_role("heading", name="Staff records")).last
    expect(card.get_by_text("Connected")).to_be_visible()
    card.get_by_text("get_employees", exact=True).click()
    expect(card.get_by_text("Agents know it as Staff_records__get_employees.")).to_be_visible()


def create_agent(page: Page) -> None:
    by_sidebar(page, "Agents")
    button(page, "New agent").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox", name="Name", exact=True).fill("Personnel")
    dialog.get_by_role("tab", name="What it may use").click()
    dialog.get_by_role("combobox", name="Tools").click()
    page.get_by_role("option", name="get_employees · Staff records").click()
    page.keyboard.press("Tab")
    dialog.get_by_role("button", name="Create agent").click()
    expect(dialog).to_be_hidden()
    expect(page.get_by_text("get_employees · Staff records")).to_be_visible()
