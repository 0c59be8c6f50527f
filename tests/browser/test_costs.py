"""Costs in a browser: a click filters, an address can be shared, and whoever opens it first finds the way about."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from core.store.database import Store, open_store
from tests.core.analytics.rollups.histories import MODELS, History
from tests.served import Served


@pytest.fixture(scope="module")
def history(server: Served) -> History:
    """Turns of three days, written beside the running server."""
    store: Store = open_store(f"sqlite:///{server.data_dir / 'app.db'}")
    history = History(store)
    for kind in range(8):
        history.turn(datetime.now(UTC) - timedelta(hours=9 * kind, minutes=1), kind)
    store.close()
    return history


def calls(page: Page) -> Locator:
    return page.get_by_test_id("stMetric").filter(has_text="Calls").get_by_test_id("stMetricValue")


@pytest.mark.usefixtures("history")
def test_whoever_opens_costs_first_filters_by_a_click_and_shares_it(new_page: Callable[..., Page]) -> None:
    page = new_page("costs", viewport={"width": 1440, "height": 1600})
    expect(calls(page)).to_have_text("8")
    for name in ("Chat", "Agents", "Costs", "Traces"):
        expect(page.get_by_role("link", name=name, exact=True)).to_be_visible()
    bars = page.locator("path[aria-roledescription='bar']")
    bars.first.click(force=True)
    page.wait_for_url(re.compile(rf"\?model={MODELS[0]}$"))
    expect(calls(page)).to_have_text("4")
    other = new_page(page.url.removeprefix(f"http://{urlsplit(page.url).netloc}/"))
    expect(calls(other)).to_have_text("4")
    page.get_by_role("link", name="Traces").click()
    page.wait_for_url(re.compile(rf"/traces\?model={MODELS[0]}$"))
    page.get_by_role("link", name="Costs").click()
    page.wait_for_url(re.compile(rf"/costs\?model={MODELS[0]}$"))
    expect(calls(page)).to_have_text("4")
    page.get_by_role("button", name="Reset").click()
    expect(calls(page)).to_have_text("8")


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_costs_fits_a_phone(new_page: Callable[..., Page], scheme: str) -> None:
    page = new_page("costs", viewport={"width": 390, "height": 844}, color_scheme=scheme)
    expect(page.get_by_text("Hours of the week")).to_be_visible()
    expect(page.get_by_test_id("stVegaLiteChart").last).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
