"""A conversation of 400 messages on a slow machine: drawn in part, followed elsewhere, and never a white page."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, WebSocketRoute, expect
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from tests.browser.chatting import button, messages, say
from tests.browser.cutting import converse, cut_rounds
from tests.served import Served

ROUNDS = 5
"""``python -m tests.bench cuts`` takes twenty."""


@pytest.fixture(scope="module")
def conversation(server: Served) -> str:
    return converse(server.url)


def test_e7_the_page_holds_what_its_newest_turns_need(page: Page, conversation: str) -> None:
    page.goto(f"/?conversation={conversation}")
    expect(messages(page)).to_have_count(40)
    elements = page.evaluate("document.querySelectorAll('*').length")
    assert elements < 8_000, f"{elements} elements"
    expect(button(page, "Show 20 of 180 earlier messages")).to_be_visible()


def test_e7_a_dropped_connection_on_a_slow_machine_never_ends_in_a_white_page(
    chromium: Browser, server: Served, conversation: str
) -> None:
    assert len(list(cut_rounds(chromium, server.url, conversation, ROUNDS))) == ROUNDS


@pytest.mark.parametrize("last", ["new_session", "navigation", "delta"])
def test_e7_a_page_that_breaks_off_in_the_browser_opens_again(chromium: Browser, server: Served, last: str) -> None:
    """With the navigation come and not drawn yet, Streamlit's own page takes itself away when the connection ends."""
    page = chromium.new_page(base_url=server.url)
    cut_after(page, last)
    page.goto("/")
    expect(page.get_by_test_id("stChatInputTextArea")).to_be_enabled()
    page.close()


def test_e7_a_page_that_took_itself_away_says_so_and_opens_again(chromium: Browser, server: Served) -> None:
    page = chromium.new_page(base_url=server.url)
    page.goto("/")
    expect(page.get_by_test_id("stChatInputTextArea")).to_be_enabled()
    said = "new Promise(done => setTimeout(() => done(document.getElementById('root').innerText)))"
    assert page.evaluate(f"document.getElementById('root').replaceChildren(), {said}").startswith("The page broke off.")
    expect(page.get_by_test_id("stChatInputTextArea")).to_be_enabled()
    page.close()


def cut_after(page: Page, kind: str) -> None:
    """Let the page's first connection end with the first message of this kind."""
    done: list[str] = []

    def follow(route: WebSocketRoute) -> None:
        server = route.connect_to_server()

        def bring(data: str | bytes) -> None:
            route.send(data)
            if not done and isinstance(data, bytes) and ForwardMsg.FromString(data).WhichOneof("type") == kind:
                done.append(kind)
                route.close(code=1012)

        server.on_message(bring)

    page.route_web_socket(re.compile("_stcore/stream"), follow)


def test_l3_an_open_page_shows_what_is_said_in_another_tab(new_page: Callable[..., Page]) -> None:
    first = new_page()
    say(first, "[[say: Here.]] Begin")
    expect(messages(first)).to_have_count(2)
    first.wait_for_url("**conversation=*")
    second = new_page(first.url.partition("/?")[2].join(("?", "")))
    expect(messages(second)).to_have_count(2)
    say(second, "[[say: There.]] Go on")
    expect(messages(second)).to_have_count(4)
    expect(messages(first)).to_have_count(4, timeout=6_000)
    expect(messages(first).last).to_contain_text("There.")


def test_l3_an_open_page_follows_an_answer_that_was_begun_in_another_tab(new_page: Callable[..., Page]) -> None:
    first = new_page()
    say(first, "[[say: Here.]] Begin")
    expect(messages(first)).to_have_count(2)
    first.wait_for_url("**conversation=*")
    second = new_page(first.url.partition("/?")[2].join(("?", "")))
    say(second, "[[tokens: 100000]] [[rate: 20]] [[first: 0]]")
    expect(button(first, "Stop")).to_be_visible(timeout=20_000)
    button(second, "Stop").click()
    expect(button(first, "Retry")).to_have_count(1)
