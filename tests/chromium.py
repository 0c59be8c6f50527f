"""The Chromium that tests drive: rather the one that never shows a window, which does the same for half the work."""

import shutil

from playwright.sync_api import Browser, Playwright

_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def launch(playwright: Playwright) -> Browser:
    """The system's; Playwright's own where that has none."""
    installed = next(filter(None, map(shutil.which, _NAMES)), None)
    return playwright.chromium.launch(executable_path=installed, args=_QUIET)
