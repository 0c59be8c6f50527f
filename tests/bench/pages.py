"""Costs and Traces in Chromium, from the address to the drawn page and from a click to the next, beside a bare page."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright
from sqlalchemy import make_url

from tests.bench.engine import free_port
from tests.bench.page import FLAGS, chromium, process
from tests.bench.report import Figure, percentile, show
from tests.bench.year import END
from tests.served import served

TIMES = 5
_LAST = (END - timedelta(days=1)).date()
_YEAR, _MONTH = (f"range={_LAST - timedelta(days=days - 1)}..{_LAST}" for days in (365, 30))
ADDRESSES = {
    "Costs, 12 months": f"/costs?{_YEAR}",
    "Costs, 30 days": f"/costs?{_MONTH}",
    "Traces, 12 months": f"/traces?{_YEAR}",
}
_WATCH = """() => {
  const found = selector => [...document.querySelectorAll(selector)].filter(each => each.checkVisibility());
  const bench = window.bench = {start: 0, began: false, shown: null, drawn: null};
  const look = () => {
    const state = document.querySelector('[data-testid="stApp"]')?.dataset.testScriptState;
    bench.began ||= state !== undefined && state !== 'notRunning';
    if (bench.began) {
      const content = found('[data-testid="stMetricValue"], [data-testid="stDataFrame"] canvas');
      const whole = found('[data-testid="stVegaLiteChart"]').every(chart => chart.querySelector('svg, canvas'))
        && found('[data-testid="stDataFrame"]').every(table => table.querySelector('canvas'));
      const now = performance.now() - bench.start;
      if (content.length) bench.shown ??= now;
      if (content.length && whole && state === 'notRunning' && !found('[data-stale="true"]').length)
        bench.drawn ??= now;
    }
    requestAnimationFrame(look);
  };
  document.addEventListener('click', () =>
    Object.assign(bench, {start: performance.now(), began: false, shown: null, drawn: null}), true);
  look();
}"""


@dataclass(frozen=True, slots=True)
class Visit:
    """Milliseconds: to the first figure or table, to the whole page, and from a filter to the whole page again."""

    shown: float
    drawn: float
    rerun: float


def measure(url: str) -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ours = stack.enter_context(served(folder / "data", DATABASE_URL=url, TIME_ZONE="UTC")).url
        bare = stack.enter_context(served_bare())
        browser = stack.enter_context(sync_playwright()).chromium.launch(executable_path=chromium(), args=FLAGS)
        first = visit(browser, ours + ADDRESSES["Costs, 12 months"])
        base = visits(browser, bare)
        figures = [
            figure for name, path in ADDRESSES.items() for figure in compare(name, visits(browser, ours + path), base)
        ]
        opening = Figure("Costs, 12 months, the very first visit: all drawn", "ms", first.drawn, base.drawn)
        show(f"Pages in Chromium, {make_url(url).get_backend_name()}; the baseline is a bare page", [*figures, opening])


def compare(name: str, mine: Visit, base: Visit) -> list[Figure]:
    return [
        Figure(f"{name}: first figures", "ms", mine.shown, base.shown),
        Figure(f"{name}: all drawn", "ms", mine.drawn, base.drawn),
        Figure(f"{name}: another model, all drawn", "ms", mine.rerun, base.rerun),
    ]


def visits(browser: Browser, url: str) -> Visit:
    """The medians of several, each with an empty cache; one goes before that does not count."""
    made = [visit(browser, url) for _ in range(TIMES + 1)][1:]
    return Visit(*(percentile([getattr(each, name) for each in made], 0.5) for name in ("shown", "drawn", "rerun")))


def visit(browser: Browser, url: str) -> Visit:
    page = browser.new_context(viewport={"width": 1440, "height": 2000}).new_page()
    page.add_init_script(f"document.addEventListener('DOMContentLoaded', {_WATCH})")
    page.goto(url)
    opened = drawn(page)
    page.get_by_role("combobox", name="Model").click()
    page.get_by_role("option").nth(1).click()
    again = drawn(page)
    page.context.close()
    return Visit(opened["shown"], opened["drawn"], again["drawn"])


def drawn(page: Page) -> dict[str, Any]:
    page.wait_for_function("window.bench && window.bench.drawn !== null", timeout=120_000)
    found: dict[str, Any] = page.evaluate("window.bench")
    return found


@contextmanager
def served_bare() -> Iterator[str]:
    port, script = free_port(), Path(__file__).with_name("bare_dashboard.py")
    command = ["-m", "streamlit", "run", str(script), f"--server.port={port}", "--server.address=127.0.0.1"]
    with process(command, {}, port):
        yield f"http://localhost:{port}"
