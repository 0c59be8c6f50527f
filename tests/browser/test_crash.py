"""The server is killed in the middle of an answer and started again: the page finds what was saved."""

import re
import signal
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, expect

from core.access.local import local_person
from core.analytics.traces import Traces
from core.conversations.conversations import Conversations
from core.store.database import open_store
from tests.browser.chatting import await_answer, await_growth, button, conversation_of, messages, plain, say, until
from tests.browser.conftest import Books
from tests.served import served_at_once


def test_after_a_kill_the_answer_so_far_and_its_cost_are_there(chromium: Browser, tmp_path: Path) -> None:
    data = tmp_path / "data"
    context = chromium.new_context()
    page = context.new_page()
    with served_at_once(data, SIMULATOR_PACE="0") as server:
        page.goto(server.url)
        say(page, "[[plain]] [[tokens: 2000]] [[rate: 60]] [[first: 0.1]] Begin")
        await_answer(page)
        await_growth(page)
        store = open_store(f"sqlite:///{data / 'app.db'}")
        books = Books(Traces(store), Conversations(store), local_person(store))
        conversation = conversation_of(page)
        until(lambda: len(books.answer(conversation).text) > 100)
        server.stop(signal.SIGKILL)
    saved = books.answer(conversation).text
    with served_at_once(data, port=urlsplit(server.url).port, SIMULATOR_PACE="0"):
        expect(messages(page).last.get_by_text(re.compile("Interrupted"))).to_be_visible(timeout=60_000)
        expect(button(page, "Stop")).to_be_hidden()
        answer = messages(page).last
        assert plain(saved) in plain(answer.inner_text())
        expect(answer.get_by_text("(estimate)")).to_be_visible()
        expect(messages(page).first).to_contain_text("Begin")
        [row] = books.traces.page(books.by)
        assert (row.status, row.basis) == ("interrupted", "estimated")
        assert row.total is not None
        assert row.total > 0
        expect(button(page, "Retry")).to_be_visible()
    store.close()
    context.close()
