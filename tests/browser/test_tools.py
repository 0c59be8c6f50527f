"""Tools in a browser: a server is registered, its tool allowed to a new agent, and its rows are the answer."""

from playwright.sync_api import Page, expect

from tests.browser.chatting import await_end, button, say


def test_an_agent_answers_from_the_rows_of_a_server_registered_for_it(page: Page) -> None:
    register(page)
    create_agent(page)
    page.get_by_role("link", name="Chat").click()
    page.get_by_role("combobox", name="Agent").click()
    page.get_by_role("option", name="Personnel").click()
    expect(page.get_by_role("heading", name="Personnel")).to_be_visible()
    say(page, "give me list of employees with 5-10% increment")
    answer = await_end(page)
    expect(answer.get_by_text("found 60", exact=False).or_(answer.get_by_role("table"))).to_be_visible()


def register(page: Page) -> None:
    page.get_by_role("link", name="Tools").click()
    button(page, "Register a server").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox", name="Name", exact=True).fill("Staff records")
    dialog.get_by_role("textbox", name="Command").fill("python")
    dialog.get_by_role("textbox", name="Arguments").fill("-m core.demo.people_server")
    dialog.get_by_role("button", name="Register", exact=True).click()
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("heading", name="Staff records")).to_be_visible()
    expect(page.get_by_text("Connected")).to_be_visible()
    page.get_by_text("get_employees", exact=True).click()
    expect(page.get_by_text("Agents know it as Staff_records__get_employees.")).to_be_visible()


def create_agent(page: Page) -> None:
    page.get_by_role("link", name="Agents").click()
    button(page, "New agent").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox", name="Name", exact=True).fill("Personnel")
    dialog.get_by_role("tab", name="What it may use").click()
    dialog.get_by_role("combobox", name="Tools").click()
    page.get_by_role("option", name="get_employees · Staff records").click()
    dialog.get_by_role("button", name="Create agent").click()
    expect(dialog).to_be_hidden()
    expect(page.get_by_text("get_employees · Staff records")).to_be_visible()
