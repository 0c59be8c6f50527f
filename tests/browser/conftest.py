"""A Chromium, and the served app with its books open beside it: one for all modules that want none of their own."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from core.access.local import local_person
from core.access.roles import Person
from core.analytics.traces import Traces
from core.conversations.conversations import Conversations
from core.conversations.transcript import MessageView
from core.store.database import open_store
from tests.chromium import launch
from tests.served import Served, served_at_once

expect.set_options(timeout=40_000)
_PATIENCE_SECONDS = 400


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole flows on a busy machine take longer than one test elsewhere may."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(_PATIENCE_SECONDS))


@dataclass(frozen=True)
class Books:
    """What core says, read beside the running app."""

    traces: Traces
    conversations: Conversations
    by: Person

    def answer(self, conversation_id: str) -> MessageView:
        return self.conversations.transcript(self.by, conversation_id)[-1]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Gone before the next module's tests: while Playwright runs, its thread can begin no other event loop."""
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Answers without pauses where no directive asks for some; one failed attempt ends a turn."""
    data = tmp_path_factory.mktemp("browser") / "data"
    with served_at_once(data, SIMULATOR_PACE="0", ATTEMPTS="1") as server:
        yield server


@pytest.fixture(scope="module")
def books(server: Served) -> Iterator[Books]:
    store = open_store(f"sqlite:///{server.data_dir / 'app.db'}")
    yield Books(Traces(store), Conversations(store), local_person(store))
    store.close()


def is_our_error(message: ConsoleMessage) -> bool:
    """Opened at a page's own address, Streamlit first looks for its server below that address."""
    probe = re.search(r"/[a-z]+/_stcore/(health|host-config)$", message.location["url"])
    return message.type == "error" and not probe


@pytest.fixture
def new_page(chromium: Browser, server: Served) -> Iterator[Callable[..., Page]]:
    """Opens the app in a browser of its own; in the end no page may have had an error on its console."""
    errors: list[str] = []
    contexts = []

    def make(path: str = "", **options: Any) -> Page:
        contexts.append(chromium.new_context(base_url=server.url, **options))
        contexts[-1].set_default_timeout(60_000)
        page = contexts[-1].new_page()
        page.on("console", lambda message: errors.append(message.text) if is_our_error(message) else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"/{path}")
        return page

    yield make
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture
def page(new_page: Callable[..., Page]) -> Page:
    return new_page(viewport={"width": 1440, "height": 900})
