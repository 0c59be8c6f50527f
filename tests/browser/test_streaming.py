"""Answers in a browser while they are written: they grow, can be stopped, and are found again from anywhere."""

import re

from playwright.sync_api import Page, expect

from core.money import exact_usd
from tests.browser.chatting import (
    await_answer,
    await_end,
    await_growth,
    button,
    by_sidebar,
    conversation_of,
    messages,
    plain,
    say,
    until,
)
from tests.browser.conftest import Books

STOPPED = re.compile("Stopped")
SLOW = "[[plain]] [[tokens: 400]] [[rate: 60]] [[first: 0.2]]"
ENDLESS = SLOW.replace("400", "2000")


def test_tokens_arrive_one_after_the_other(page: Page, books: Books) -> None:
    say(page, SLOW)
    answer = await_answer(page)
    await_growth(page, times=6)
    expect(answer.get_by_text("so far (estimate)")).to_be_visible()
    await_end(page)
    truth = books.answer(conversation_of(page))
    assert plain(truth.text) in plain(answer.inner_text())
    answer.get_by_role("button", name="Figures").click()
    assert truth.status == "complete"
    assert truth.turn is not None
    assert truth.turn.total is not None
    expect(page.get_by_text(f"${exact_usd(truth.turn.total)}")).to_be_visible()


def test_stop_keeps_what_arrived_and_what_it_cost(page: Page, books: Books) -> None:
    say(page, ENDLESS)
    await_answer(page)
    await_growth(page)
    button(page, "Stop").click()
    answer = await_end(page)
    expect(answer.get_by_text(STOPPED)).to_be_visible()
    truth = books.answer(conversation_of(page))
    assert len(truth.text) > 0
    assert truth.text in books.answer(conversation_of(page)).text
    assert plain(truth.text) in plain(answer.inner_text())
    [row] = [row for row in books.traces.page(books.by) if row.conversation_id == conversation_of(page)]
    assert (row.status, row.basis) == ("stopped", "estimated")
    assert row.total is not None
    assert 0 < row.usage.output < 2000
    by_sidebar(page, "Traces")
    cells = page.get_by_test_id("stDataFrame").locator("canvas td")
    expect(cells.filter(has_text=exact_usd(row.total).rstrip("0")).first).to_be_attached()
    expect(cells.filter(has_text="stopped").first).to_be_attached()


def test_a_reload_finds_the_answer_again(page: Page, books: Books) -> None:
    before = books.traces.count(books.by)
    say(page, ENDLESS)
    await_answer(page)
    await_growth(page)
    page.reload()
    await_answer(page)
    await_growth(page)
    button(page, "Stop").click()
    answer = await_end(page)
    assert plain(books.answer(conversation_of(page)).text) in plain(answer.inner_text())
    expect(messages(page)).to_have_count(2)
    assert books.traces.count(books.by) == before + 1


def test_a_visit_to_another_page_loses_nothing(page: Page, books: Books) -> None:
    before = books.traces.count(books.by)
    say(page, ENDLESS)
    await_answer(page)
    await_growth(page)
    by_sidebar(page, "Agents")
    expect(page.get_by_role("heading", name="Agents")).to_be_visible()
    expect(button(page, "Stop")).to_be_hidden()
    by_sidebar(page, "Chat")
    await_answer(page)
    await_growth(page)
    button(page, "Stop").click()
    answer = await_end(page)
    assert plain(books.answer(conversation_of(page)).text) in plain(answer.inner_text())
    assert books.traces.count(books.by) == before + 1


def test_a_second_tab_follows_the_same_answer_and_stops_it_for_both(page: Page, books: Books) -> None:
    before = books.traces.count(books.by)
    say(page, ENDLESS)
    await_answer(page)
    tab = page.context.new_page()
    tab.goto(f"/?conversation={conversation_of(page)}")
    await_answer(tab)
    await_growth(tab)
    await_growth(page)
    button(tab, "Stop").click()
    answers = [await_end(each) for each in (page, tab)]
    until(lambda: books.traces.page(books.by)[0].status == "stopped")
    truth = plain(books.answer(conversation_of(page)).text)
    for answer in answers:
        expect(answer.get_by_text(STOPPED)).to_be_visible()
        assert truth in plain(answer.inner_text())
    assert books.traces.count(books.by) == before + 1


def test_a_message_to_a_busy_conversation_is_kept_and_not_sent(page: Page, books: Books) -> None:
    say(page, ENDLESS)
    await_answer(page)
    await_growth(page)
    before = books.traces.count(books.by)
    say(page, "[[say: The second one.]] And then?")
    expect(page.get_by_text("so your message was not sent")).to_be_visible()
    await_growth(page)
    button(page, "Stop").click()
    await_end(page)
    assert books.traces.count(books.by) == before
    button(page, "Send again").click()
    expect(messages(page)).to_have_count(4)
    expect(messages(page).last.get_by_text("The second one.", exact=True)).to_be_visible()
    expect(page.get_by_text("so your message was not sent")).to_be_hidden()
