"""Changing one's mind in a browser: editing, retrying, recovering from a provider that fails."""

from playwright.sync_api import Page, expect

from tests.browser.chatting import (
    await_answer,
    await_end,
    await_growth,
    button,
    conversation_of,
    messages,
    plain,
    say,
)
from tests.browser.conftest import Books

SLOW = "[[plain]] [[tokens: 200]] [[rate: 60]] [[first: 0.2]]"
PARAGRAPHS = "[[say: The first answer.\n\nIts middle.\n\n- its list\n\nIts end.]]"


def test_a_changed_message_takes_the_place_of_what_followed(page: Page, books: Books) -> None:
    before = books.traces.count(books.by)
    say(page, PARAGRAPHS)
    await_end(page)
    say(page, "[[say: The second answer.]]")
    expect(messages(page)).to_have_count(4)
    await_end(page)
    messages(page).first.get_by_role("button", name="Edit").click()
    page.get_by_role("textbox", name="Message", exact=True).fill(f"Changed. {SLOW}")
    button(page, "Send changed message").click()
    await_answer(page)
    await_growth(page)
    for gone in ("The first answer.", "Its middle.", "Its end.", "The second answer."):
        expect(page.get_by_text(gone, exact=True)).to_be_hidden()
    expect(button(page, "Edit")).to_be_hidden()
    expect(button(page, "Retry")).to_be_hidden()
    answer = await_end(page)
    assert plain(books.answer(conversation_of(page)).text) in plain(answer.inner_text())
    expect(messages(page)).to_have_count(2)
    assert books.traces.count(books.by) == before + 3


def test_while_a_retry_is_answered_the_old_answer_is_gone(page: Page, books: Books) -> None:
    say(page, SLOW.replace("[[rate: 60]]", "[[rate: 120]]"))
    await_answer(page)
    old = plain(await_end(page).locator("p").nth(1).inner_text())
    button(page, "Retry").click()
    await_answer(page)
    await_growth(page, times=1)
    assert plain(messages(page).last.inner_text()).count(old) <= 1
    expect(button(page, "Retry")).to_be_hidden()
    expect(button(page, "Figures")).to_be_hidden()
    await_end(page)
    assert [row.status for row in books.traces.page(books.by, limit=2)] == ["completed", "completed"]


def test_a_conversation_that_is_opened_while_it_is_answered_shows_nothing_of_another(page: Page) -> None:
    say(page, SLOW.replace("200", "6000"))
    await_answer(page)
    running = page.url
    button(page, "New conversation").click()
    expect(messages(page)).to_have_count(0)
    for number in range(3):
        say(page, f"[[say: Number {number} of the other.]]")
        expect(messages(page)).to_have_count(2 * number + 2)
        await_end(page)
    page.get_by_test_id("stSidebar").get_by_role("button", name="[[plain]]").first.click()
    page.wait_for_url(running)
    await_answer(page)
    await_growth(page)
    expect(messages(page).get_by_text("of the other.")).to_have_count(0)
    button(page, "Stop").click()
    await_end(page)


def test_a_provider_that_fails_is_told_and_retry_recovers(page: Page, books: Books) -> None:
    say(page, "[[fault: overloaded 1 time]] [[say: Back again.]]")
    answer = await_end(page)
    expect(answer.get_by_text("The provider is overloaded at the moment")).to_be_visible()
    button(page, "Retry").click()
    expect(messages(page).last.get_by_text("Back again.", exact=True)).to_be_visible()
    expect(page.get_by_text("The provider is overloaded at the moment")).to_be_hidden()
    expect(messages(page)).to_have_count(2)
    assert [row.status for row in books.traces.page(books.by, limit=2)] == ["completed", "failed"]
