"""Agents in a browser: their dialogs."""

from playwright.sync_api import Page, expect

from tests.browser.chatting import await_end, button, by_sidebar, choose_agent, say


def test_an_agent_is_created_after_a_bad_draft_and_asked(page: Page) -> None:
    by_sidebar(page, "Agents")
    button(page, "New agent").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("System prompt").fill("You are a clerk.")
    dialog.get_by_role("button", name="Create agent").click()
    expect(dialog.get_by_text("The name is empty")).to_be_visible()
    expect(dialog.get_by_label("System prompt")).to_have_value("You are a clerk.")
    dialog.get_by_label("Name").fill("Clerk")
    dialog.get_by_role("button", name="Create agent").click()
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("heading", name="Clerk")).to_be_visible()
    by_sidebar(page, "Chat")
    choose_agent(page, "Clerk")
    expect(page.get_by_role("heading", name="Clerk")).to_be_visible()
    say(page, "[[say: Filed.]]")
    expect((await_end(page)).get_by_text("Filed.", exact=True)).to_be_visible()
    expect(page.get_by_role("combobox", name="Agent")).to_have_value("Clerk · claude-sonnet-5-5")
