"""A long conversation on a slow machine whose connection breaks off, now earlier and now later in what is drawn."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import httpx2
from playwright.sync_api import Browser, Page, expect

from tests.browser.chatting import messages
from tests.cuts import Line, line_to

TURNS = 200
DRAWN = 40
"""Of its messages."""
SLOWER = 6
"""How many times slower than this machine's the browser's processor is made."""
PATIENCE_SECONDS = 150


def converse(url: str) -> str:
    """Asked by a program, which is the quickest; returns the conversation."""
    with httpx2.Client(base_url=f"{url}/api", timeout=60) as client:
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


@dataclass(frozen=True, slots=True)
class Round:
    """``share`` of the page had come when its connection broke; after ``seconds`` it was whole again.

    ``broke_off`` tells whether Streamlit's page took itself away meanwhile.
    """

    share: float
    seconds: float
    broke_off: bool


def cut_rounds(browser: Browser, url: str, place: str, number: int) -> Iterator[Round]:
    """Raises AssertionError when a page is never whole again."""
    with line_to(url) as (address, line):
        context = browser.new_context(base_url=address, viewport={"width": 1280, "height": 900})
        page = context.new_page()
        page.set_default_timeout(PATIENCE_SECONDS * 1000)
        page.goto(f"/?conversation={place}")
        _is_whole(page)
        whole, broken = line.carried, list[str]()
        page.on("pageerror", lambda error: broken.append(str(error)))
        page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        for each in range(number):
            share = each / max(1, number - 1)
            broken.clear()
            seconds = _cut_once(page, line, place, int(whole * share) if share < 1 else None)
            yield Round(share, seconds, bool(broken))
        context.close()


def _cut_once(page: Page, line: Line, place: str, after: int | None) -> float:
    if after is not None:
        line.cut_after(after)
    page.goto(f"/?conversation={place}")
    if after is None:
        messages(page).first.wait_for()
        line.cut()
    begun = time.monotonic()
    page.wait_for_timeout(200)
    _is_whole(page)
    return time.monotonic() - begun


def _is_whole(page: Page) -> None:
    expect(messages(page)).to_have_count(DRAWN, timeout=PATIENCE_SECONDS * 1000)
    expect(page.get_by_test_id("stChatInputTextArea")).to_be_enabled(timeout=PATIENCE_SECONDS * 1000)
