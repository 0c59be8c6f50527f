"""Twenty broken connections on a slow machine: how long until the page is whole again, and whether it always is."""

import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.cutting import converse, cut_rounds
from tests.chromium import launch
from tests.served import served

ROUNDS = 20


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = launch(playwright)
        with served(Path(folder) / "data", SIMULATOR_PACE="0", ATTEMPTS="1") as server:
            place = converse(server.url)
            print("\n## Broken connections\n\n| cut after | whole again, s | broke off |\n|---|---:|---|")
            for each in cut_rounds(browser, server.url, place, ROUNDS):
                broke = "yes" if each.broke_off else ""
                print(f"| {each.share:.0%} of the page | {each.seconds:.1f} | {broke} |", flush=True)
        browser.close()


if __name__ == "__main__":
    main()
