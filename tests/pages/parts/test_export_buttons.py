"""The files of what is chosen: links that open just these, and what became of each download."""

from datetime import timedelta

import pytest
import time_machine
from streamlit.testing.v1 import AppTest

from core.analytics.filters import TraceFilter
from core.clock import now
from core.exports.columns import FileName
from core.exports.exports import Download
from core.money import exact_usd
from pages.parts.export_buttons import SIGNED_FOR, Offer
from pages.parts.figures import byte_size
from tests.pages.screen import ask, healthy, open_app, services, words


def script(agents: tuple[str, ...] = ()) -> None:
    from core.analytics.filters import TraceFilter
    from core.wiring import services
    from pages.parts.export_buttons import draw_files

    draw_files(services(), TraceFilter(agents=agents), "Europe/Berlin")


@pytest.fixture
def app() -> AppTest:
    ask(open_app(), "[[say: Yes.]]")
    return healthy(AppTest.from_function(script, default_timeout=30).run())


def offer(app: AppTest) -> Offer:
    found: Offer = app.session_state["exports-offer"]
    return found


def captions(app: AppTest) -> str:
    return "\n".join(caption.value for caption in app.caption)


def begin(app: AppTest, file: FileName = "traces") -> Download:
    """As the browser does when the link is clicked."""
    token = offer(app).tokens[file]
    return services().exports.begin(services().exports.links.read(token, file))


def test_the_links_open_what_is_chosen(app: AppTest) -> None:
    assert "CSV of the 1 trace chosen" in captions(app)
    order = begin(app, "ledger").progress.order
    assert (order.file, order.chosen, order.zone) == ("ledger", TraceFilter(), "Europe/Berlin")
    other = AppTest.from_function(script, kwargs={"agents": ("nobody",)}).run()
    assert "CSV of the 0 traces chosen" in captions(other)
    assert begin(other).progress.order.chosen == TraceFilter(agents=("nobody",))


def test_a_download_is_followed_to_its_sum(app: AppTest) -> None:
    download = begin(app)
    next(download.pieces)
    assert app.run().get("progress")[0].proto.text == f"0 rows ({byte_size(download.progress.size)}) of 1"
    for _ in download.pieces:
        pass
    healthy(app.run())
    total = services().traces.page(services().me)[0].total or 0
    assert f"1 row ({byte_size(download.progress.size)}). Sum: **\\${exact_usd(total)}**. SHA-256:" in captions(app)
    assert download.progress.sha256 in words(app)


def test_one_that_the_reader_broke_off_is_called_incomplete(app: AppTest) -> None:
    download = begin(app)
    next(download.pieces)
    download.close()
    assert "that file is not complete" in app.run().warning[0].value


def test_one_that_failed_says_why(app: AppTest) -> None:
    download = begin(app)
    next(download.pieces)
    download.progress.end("failed", "The disk is *full*.")
    assert app.run().error[0].value.endswith(r"The disk is \*full\*\.")


def test_links_are_the_same_while_they_are_valid_and_new_ones_in_time(app: AppTest) -> None:
    before = dict(offer(app).tokens)
    assert offer(app.run()).tokens == before
    later = now() + SIGNED_FOR + timedelta(seconds=1)
    with time_machine.travel(later):
        renewed = offer(app.run())
        assert all(renewed.tokens[file] != before[file] for file in before)
        assert begin(app).progress.order == renewed.orders["traces"]
