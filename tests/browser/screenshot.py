"""Makes the README's picture: starts the app on data of its own, has one conversation and takes the photograph."""

import tempfile
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from tests.chromium import launch
from tests.house_rules import PROJECT
from tests.served import served

PICTURE = PROJECT / "data" / "screenshot.png"
_QUESTION = "What is prompt caching?"


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        served(Path(folder) / "data", SIMULATOR_PACE="0.1") as server,
        sync_playwright() as playwright,
    ):
        browser = launch(playwright)
        page = browser.new_page(viewport={"width": 1280, "height": 1040}, device_scale_factor=1.25)
        page.goto(server.url)
        converse(page)
        page.screenshot(path=PICTURE)
        browser.close()


def converse(page: Page) -> None:
    """Ask, and wait until the answer is whole."""
    box = page.get_by_test_id("stChatInputTextArea")
    box.fill(_QUESTION)
    box.press("Enter")
    expect(page.get_by_role("button", name="Stop")).to_be_visible(timeout=20_000)
    expect(page.get_by_role("button", name="Stop")).to_be_hidden(timeout=60_000)
    page.wait_for_timeout(1000)


if __name__ == "__main__":
    main()
