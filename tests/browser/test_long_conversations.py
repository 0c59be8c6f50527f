"""A conversation of 400 messages on a slow machine: drawn in part, followed elsewhere, and never a white page."""

import re
from collections.abc import Callable, Iterator

import httpx2
import pytest
from playwright.sync_api import Browser, Page, WebSocketRoute, expect

from tests.browser.chatting import button, messages, say
from tests.served import Served

TURNS = 200
ROUNDS = 3
SLOWER = 6
"""How many times slower than this machine's the browser's processor is made."""


@pytest.fixture(scope="module")
def conversation(server: Served) -> str:
    """Asked by a program, which is the quickest."""
    with httpx2.Client(base_url=f"{server.url}/api", timeout=60) as client:
        agent = client.get("/agents").json()["data"][0]["id"]
        sent = {"agentId": agent, "message": "[[say: The first answer.]] Begin"}
        place = str(_ask(client, sent)["conversationId"])
        for number in range(1, TURNS):
            text = f"[[say: Answer {number} of **many**, with `code` and a list:\n\n- one\n- two]] Question {number}"
            _ask(client, {**sent, "message": text, "conversationId": place})
    return place


def _ask(client: httpx2.Client, sent: dict[str, str]) -> dict[str, object]:
    reply = client.post("/command-center/message", json=sent, headers={"Accept": "application/json"})
    reply.raise_for_status()
    answer: dict[str, object] = reply.json()
    return answer.get("data", answer)  # type: ignore[return-value]


@pytest.fixture
def slow_page(chromium: Browser, server: Served) -> Iterator[Page]:
    """On a slow machine; its console may say what a page says that has lost its connection."""
    context = chromium.new_context(base_url=server.url, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    slow_down(page, SLOWER)
    yield page
    context.close()


def cut_connections(page: Page) -> Callable[[], None]:
    """Return what cuts the page's connection to the server, as a network or an overloaded browser does."""
    routes: list[WebSocketRoute] = []

    def follow(route: WebSocketRoute) -> None:
        route.connect_to_server()
        routes.append(route)

    page.route_web_socket(re.compile("_stcore/stream"), follow)
    return lambda: routes.pop().close(code=1012)


def slow_down(page: Page, rate: int) -> None:
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": rate})


def test_e7_the_page_holds_what_its_newest_turns_need(page: Page, conversation: str) -> None:
    page.goto(f"/?conversation={conversation}")
    expect(messages(page)).to_have_count(40)
    elements = page.evaluate("document.querySelectorAll('*').length")
    assert elements < 8_000, f"{elements} elements"
    expect(button(page, "Show 20 of 180 earlier messages")).to_be_visible()


def test_e7_a_dropped_connection_on_a_slow_machine_never_ends_in_a_white_page(
    slow_page: Page, conversation: str
) -> None:
    drop = cut_connections(slow_page)
    for _ in range(ROUNDS):
        slow_page.goto(f"/?conversation={conversation}")
        messages(slow_page).first.wait_for()
        drop()
        slow_page.wait_for_timeout(200)
        expect(messages(slow_page)).to_have_count(40)
        expect(slow_page.get_by_test_id("stChatInputTextArea")).to_be_enabled()


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
