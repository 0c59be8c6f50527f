"""From a message to its trace in a browser: found by its words, opened by its row, shared by its address."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from core.money import exact_usd
from core.store.database import open_store
from tests.browser.chatting import await_end, by_sidebar, conversation_of, say
from tests.browser.conftest import Books
from tests.core.acts import Acts, an_errand
from tests.core.rows import Rows
from tests.served import Served

NASTY = "![x](https://example.org/leak) <b>bold</b> $x^2$ :smile: [a](https://example.org)"
_TICK, _FIRST_ROW = 18, 52


def tick_first_row(page: Page) -> None:
    """The table is one canvas: only places on it can be clicked."""
    table = page.get_by_test_id("stDataFrame").first
    expect(table).to_be_visible()
    table.click(position={"x": _TICK, "y": _FIRST_ROW})


def test_a_trace_is_found_opened_shared_and_left(page: Page, books: Books) -> None:
    say(page, f"Zebra 4711 {NASTY}\nA second line")
    await_end(page)
    conversation = conversation_of(page)
    row = next(row for row in books.traces.page(books.by) if row.conversation_id == conversation)
    by_sidebar(page, "Traces")
    search = page.get_by_placeholder("Words or an id")
    search.fill("zebra 47")
    search.press("Enter")
    expect(page.get_by_text("1–1, newest first")).to_be_visible()
    tick_first_row(page)
    page.wait_for_url(re.compile(rf"/traces\?q=zebra\+47&trace={row.id}$"))
    for _ in range(2):
        expect(page.get_by_text(f"“Zebra 4711 {NASTY}”")).to_be_visible()
        expect(page.get_by_text(f"Request: 1 session = ${exact_usd(row.total or 0)}")).to_be_visible()
        expect(page.get_by_test_id("stVegaLiteChart").locator("canvas, svg").first).to_be_visible()
        expect(page.get_by_text("A second line")).to_be_hidden()
        page.reload()
    page.get_by_role("button", name="All traces").click()
    page.wait_for_url(re.compile(r"/traces\?q=zebra\+47$"))
    expect(page.get_by_text("1–1, newest first")).to_be_visible()


def test_a_trace_leads_back_to_its_conversation(page: Page, books: Books) -> None:
    say(page, "[[say: Here we are.]] Where?")
    await_end(page)
    conversation = conversation_of(page)
    row = next(row for row in books.traces.page(books.by) if row.conversation_id == conversation)
    page.goto(f"/traces?trace={row.id}")
    page.get_by_role("link", name="Open the conversation").click()
    page.wait_for_url(re.compile(rf"/\?conversation={conversation}$"))
    expect(page.get_by_text("Here we are.", exact=True)).to_be_visible()


def test_tools_and_another_agent_are_seen_at_any_width_and_their_texts_stay_text(
    new_page: Callable[..., Page], server: Served, books: Books
) -> None:
    store = open_store(f"sqlite:///{server.data_dir / 'app.db'}")
    rows = Rows(store)
    master, *others = (rows.agent(books.by.id, name) for name in ("Lead", "Researcher", "Archivist"))
    acts = Acts(store, books.by.id, master, rows.conversation(books.by.id, master))
    errand = an_errand(acts, *others, output="<img src=x onerror=alert(1)> ![x](https://example.org/leak)")
    store.close()
    for width, scheme in ((1400, "light"), (400, "dark")):
        page = new_page(f"traces?trace={errand.trace}", viewport={"width": width, "height": 900}, color_scheme=scheme)
        chart = page.get_by_test_id("stVegaLiteChart")
        expect(chart.locator("canvas, svg").first).to_be_visible()
        box, room = chart.bounding_box(), page.get_by_test_id("stMainBlockContainer").bounding_box()
        assert box is not None
        assert room is not None
        assert box["x"] + box["width"] <= room["x"] + room["width"]
        assert 500 < box["height"] < 900
        expect(page.get_by_text("Request: 3 sessions = $0.000012342")).to_be_visible()
    page.get_by_text("calculator: input and output").click()
    expect(page.get_by_text("<img src=x onerror=alert(1)> ![x](https://example.org/leak)")).to_be_visible()
    expect(page.get_by_text('"expression": "6*7"')).to_be_visible()
