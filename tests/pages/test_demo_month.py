"""An empty installation offers a demo month, says so while it shows one, and loses it at one click."""

import pytest

from core.clock import now
from core.demo import script
from core.demo.month import DemoMonth
from tests.core.books.histories import BOOK
from tests.core.demo.looks import BERLIN, Crash, CrashingStore
from tests.pages.screen import ask, has_button, new_agent, open_app, press, services, visit, words

LOAD, REMOVE, FINISH = "Load a demo month", "Remove it", "Finish loading"


@pytest.fixture(autouse=True)
def _short_month(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "DAYS_BEFORE", 3)


@pytest.mark.parametrize("page", ["costs", "traces"])
def test_it_is_loaded_labelled_and_removed_at_one_click_each(page: str) -> None:
    app = open_app(page)
    assert has_button(app, LOAD)
    assert not has_button(app, REMOVE)
    app = press(app, LOAD)
    assert "This installation shows a **demo month**" in words(app)
    assert not has_button(app, LOAD)
    assert services().traces.count(services().me) > 20
    app = press(app, REMOVE)
    assert services().traces.count(services().me) == 0
    assert has_button(app, LOAD)
    assert not has_button(app, REMOVE)


def test_where_something_was_asked_nothing_is_offered() -> None:
    app = ask(open_app(), "How much?")
    for page in ("costs", "traces"):
        app = visit(app, page)
        assert not has_button(app, LOAD)
        assert not has_button(app, REMOVE)


@pytest.mark.parametrize(("button", "phase"), [(FINISH, "loaded"), (REMOVE, None)])
def test_what_broke_off_is_finished_or_removed(button: str, phase: str | None) -> None:
    app = open_app()
    crashing = DemoMonth(CrashingStore(services().store, at=3), BOOK, BERLIN)
    with pytest.raises(Crash):
        crashing.load(services().me, now().date())
    app = visit(app, "costs")
    assert "is being loaded" in words(app)
    app = press(app, button)
    assert services().demo.phase(services().me) == phase
    assert not has_button(app, FINISH)


def test_what_stands_in_its_way_is_told() -> None:
    app = open_app()
    new_agent("Demo · Analyst")
    app = press(visit(app, "costs"), LOAD)
    assert "There is an agent named “Demo · Analyst” already" in words(app)
    assert has_button(app, LOAD)
