"""What a person does on the chat page and sees there."""

import time
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Locator, Page, expect
from playwright.sync_api import TimeoutError as TooLate

_GROWN = """than => {
    const messages = document.querySelectorAll('[data-testid="stChatMessage"]');
    const last = messages[messages.length - 1];
    const stop = [...document.querySelectorAll('button')].some(button => button.innerText.includes('Stop'));
    return stop && last && last.querySelector('[data-testid="stMarkdown"]') && last.innerText.length > than;
}"""


def say(page: Page, text: str) -> None:
    box = page.get_by_test_id("stChatInputTextArea")
    box.fill(text)
    box.press("Enter")


def by_sidebar(page: Page, name: str) -> None:
    """By the sidebar. Streamlit forgets a click that meets the last run of the page itself: a person clicks again."""
    link = page.get_by_test_id("stSidebarNav").get_by_role("link", name=name)
    link.click()
    try:
        expect(page).to_have_title(name, timeout=20_000)
    except AssertionError:
        link.click()
        expect(page).to_have_title(name)


def messages(page: Page) -> Locator:
    return page.get_by_test_id("stChatMessage")


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name)


def await_answer(page: Page, number: int = 2) -> Locator:
    """The last of so many messages, once an answer has begun in it."""
    expect(messages(page)).to_have_count(number)
    expect(button(page, "Stop")).to_be_visible()
    return messages(page).last


def await_growth(page: Page, times: int = 3) -> None:
    """See the answer grow so many times while it may still be stopped."""
    for _ in range(times):
        length = len(messages(page).last.inner_text())
        page.wait_for_function(_GROWN, arg=length, timeout=20_000)


def await_end(page: Page) -> Locator:
    """The answer when it is finished."""
    expect(button(page, "Stop")).to_be_hidden()
    expect(button(page, "Retry")).to_have_count(1)
    return messages(page).last


def plain(text: str) -> str:
    """To compare words, however they are laid out."""
    return " ".join(text.split())


def conversation_of(page: Page) -> str:
    page.wait_for_url("**conversation=*")
    return parse_qs(urlsplit(page.url).query)["conversation"][0]


def until(holds: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"it did not come about within {seconds} s"
        time.sleep(0.02)


def choose_agent(page: Page, name: str) -> None:
    """From the list, which closes where the page is drawn for the last time meanwhile: a person opens it again."""
    box, wanted = page.get_by_role("combobox", name="Agent"), page.get_by_role("option", name=name)
    box.click()
    try:
        wanted.click(timeout=20_000)
    except TooLate:
        box.click()
        wanted.click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()


def tool_lines(page: Page) -> Locator:
    """Of the last message."""
    return messages(page).last.get_by_test_id("stExpander")


def go_to(page: Page, link: Locator, heading: str) -> None:
    """By a link, as a person does: Streamlit forgets a click that meets the page's own last run, so once more then."""
    wanted = page.get_by_role("heading", name=heading)
    link.click()
    with suppress(TooLate):
        wanted.wait_for(timeout=10_000)
    if not wanted.is_visible():
        link.click()
    expect(wanted).to_be_visible()
