"""Tools at work before one's eyes: a real MCP server, consent across a reload, an agent that asks another."""

import re

from playwright.sync_api import Page, expect

from tests.browser.chatting import await_end, button, choose_agent, go_to, plain, say, tool_lines


def test_employees_are_looked_up_before_one_s_eyes(page: Page) -> None:
    choose_agent(page, "People")
    say(page, "give me list of employees with 5-10% increment [[rate: 40]]")
    line = tool_lines(page)
    expect(line).to_contain_text("get_employees · people")
    expect(line).to_contain_text(re.compile(r"people · [\d.]+ m?s"))
    answer = await_end(page)
    expect(answer).to_contain_text("found 14")
    assert answer.locator("table tr").count() == 15
    before = plain(answer.inner_text())
    line.locator("summary").click()
    expect(line.get_by_test_id("stCode").first).to_contain_text('"min_increment_percent": 5.0')
    expect(line.get_by_test_id("stCode").last).to_contain_text("14 employees")
    page.reload()
    assert plain(await_end(page).inner_text()) == before


def test_a_call_waits_for_consent_across_a_reload_and_in_every_tab(page: Page) -> None:
    choose_agent(page, "Front Desk")
    say(page, "Read http://127.0.0.1:9/ and say what it is about.")
    expect(button(page, "Approve")).to_be_visible()
    page.reload()
    expect(tool_lines(page)).to_contain_text("waits for approval")
    other = page.context.new_page()
    other.goto(page.url)
    button(other, "Approve").click()
    expect(button(page, "Approve")).to_be_hidden()
    line = await_end(page).get_by_test_id("stExpander")
    expect(line).to_contain_text("fetch_url · failed after")
    line.locator("summary").click()
    expect(line).to_contain_text("Approved by Local admin.")
    page.get_by_role("button", name="Retry").click()
    page.get_by_placeholder("Reason").fill("Not that one.")
    button(page, "Deny").click()
    expect(await_end(page)).to_contain_text("not allowed — Denied by Local admin: Not that one.")


def test_an_agent_that_is_asked_works_in_its_own_block(page: Page) -> None:
    choose_agent(page, "Front Desk")
    slowly = r"\u005b\u005brate: 40\u005d\u005d"
    say(page, f'[[call: ask_People {{"task": "employees with 5-10% increment {slowly}"}}]] Go')
    block = tool_lines(page).filter(has_text="People is working")
    expect(block.get_by_text("get_employees", exact=True)).to_be_visible()
    expect(tool_lines(page).first.get_by_test_id("stExpanderIconSpinner")).to_be_visible()
    expect(block.get_by_test_id("stExpanderIconSpinner").first).to_be_visible()
    answer = await_end(page)
    [line] = answer.get_by_test_id("stExpander").all()
    line.locator("summary").click()
    go_to(page, line.get_by_text("What People did, and what it cost"), "Trace")
