"""Costs in a browser: a click filters, an address can be shared, and whoever opens it first finds the way about."""

import csv
import hashlib
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from core.analytics.filters import TraceFilter
from core.analytics.traces import Traces
from core.events import CostBasis
from core.money import NANOS_PER_USD, exact_usd, show_usd
from core.store.database import Store, open_store
from core.store.tables import LedgerLine
from tests.browser.chatting import by_sidebar
from tests.browser.test_layout import assert_fits
from tests.browser.test_traces import tick_first_row
from tests.core.analytics.rollups.histories import MODELS, History
from tests.core.books.in_store import rows
from tests.core.rows import ADMIN
from tests.served import Served, served_at_once


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """With nothing but the history in its books."""
    with served_at_once(tmp_path_factory.mktemp("costs") / "data") as server:
        yield server


@pytest.fixture(scope="module")
def history(server: Served) -> Iterator[History]:
    """Turns of three days, written beside the running server."""
    store: Store = open_store(f"sqlite:///{server.data_dir / 'app.db'}")
    history = History(store)
    noon = datetime.now(UTC).replace(hour=12)
    for kind in range(8):
        history.turn(noon - timedelta(days=1 + kind % 3, minutes=kind), kind)
    yield history
    store.close()


def calls(page: Page) -> Locator:
    return page.get_by_test_id("stMetric").filter(has_text="Calls").get_by_test_id("stMetricValue")


@pytest.mark.usefixtures("history")
def test_whoever_opens_costs_first_filters_by_a_click_and_shares_it(new_page: Callable[..., Page]) -> None:
    page = new_page("costs", viewport={"width": 1440, "height": 1600})
    expect(calls(page)).to_have_text("10")
    for name in ("Chat", "Agents", "Costs", "Traces"):
        expect(page.get_by_role("link", name=name, exact=True)).to_be_visible()
    bars = page.locator("path[aria-roledescription='bar']")
    bars.first.click(force=True)
    page.wait_for_url(re.compile(rf"\?model={MODELS[0]}$"))
    expect(calls(page)).to_have_text("5")
    other = new_page(page.url.removeprefix(f"http://{urlsplit(page.url).netloc}/"))
    expect(calls(other)).to_have_text("5")
    by_sidebar(page, "Traces")
    page.wait_for_url(re.compile(rf"/traces\?model={MODELS[0]}$"))
    by_sidebar(page, "Costs")
    page.wait_for_url(re.compile(rf"/costs\?model={MODELS[0]}$"))
    expect(calls(page)).to_have_text("5")
    page.get_by_role("button", name="Reset").click()
    expect(calls(page)).to_have_text("10")


def test_from_a_bar_to_the_ledger_lines_of_a_call_and_to_a_file_of_all(
    new_page: Callable[..., Page], history: History, tmp_path: Path
) -> None:
    page = new_page("costs", viewport={"width": 1440, "height": 1600})
    page.locator("path[aria-roledescription='bar']").first.click(force=True)
    page.wait_for_url(re.compile(r"\?model="))
    by_sidebar(page, "Traces")
    expect(page.get_by_text("1–5 · 5 model calls of the chosen model")).to_be_visible()
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Ledger lines").click()
    billed = [line for line in rows(history.store, LedgerLine) if line["model"] == MODELS[0]]
    whole = exact_usd(sum(line["amount_nanos"] or 0 for line in billed))
    expect(page.get_by_text(f"Sum: ${whole}")).to_be_visible()
    download.value.save_as(tmp_path / "ledger.csv")
    with (tmp_path / "ledger.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file, strict=True))
    assert sum(Decimal(line["amount_usd"]) for line in lines) == Decimal(whole)
    expect(page.get_by_text(hashlib.sha256((tmp_path / "ledger.csv").read_bytes()).hexdigest())).to_be_visible()
    page.keyboard.press("Escape")
    first = Traces(history.store).page(ADMIN, TraceFilter(models=(MODELS[0],)))[0]
    tick_first_row(page)
    page.wait_for_url(re.compile(f"trace={first.id}"))
    of_first = [line for line in billed if line["task_trace_id"] == first.id]
    assert [line["trace_id"] for line in lines].count(first.id) == len(of_first) > 0
    expect(page.get_by_text(re.compile(r"Request: \d sessions? ="))).to_be_visible()


@pytest.mark.usefixtures("history")
def test_costs_fits_a_phone(new_page: Callable[..., Page]) -> None:
    page = new_page("costs", viewport={"width": 390, "height": 844}, color_scheme="dark")
    expect(page.get_by_text("Hours of the week")).to_be_visible()
    expect(page.get_by_test_id("stVegaLiteChart").last).to_be_visible()
    assert_fits(page)


@pytest.mark.parametrize(("address", "bases"), [("traces?basis=computed", ("computed",)), ("traces", ())])
def test_e1_a_copied_amount_has_all_nine_decimals(
    new_page: Callable[..., Page], history: History, server: Served, address: str, bases: tuple[CostBasis, ...]
) -> None:
    """Of a number Streamlit copies what it is, of a text, such as those beside an unknown one, what is shown."""
    page = new_page(address, viewport={"width": 1440, "height": 1000})
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=server.url)
    table = page.get_by_test_id("stDataFrame").first
    expect(table.locator("canvas").first).to_be_visible()
    totals = [each.total for each in Traces(history.store).page(ADMIN, TraceFilter(bases=bases))]
    assert bases or None in totals
    place, total = next((n, each) for n, each in enumerate(totals) if each and shown(each) != each)
    table.click(position={"x": 100, "y": 52 + 35 * place})
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Control+c")
    assert Decimal(page.evaluate("navigator.clipboard.readText()")) * NANOS_PER_USD == total


def shown(nanos: int) -> Decimal:
    return Decimal(show_usd(nanos).replace("$", "")) * NANOS_PER_USD
