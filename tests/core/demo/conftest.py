"""A demo month of one day in many pieces, so that a test can load it many times."""

import pytest

from core.demo import loading, removal, script
from core.demo.month import DemoMonth
from core.store.database import Store
from tests.core.books.histories import BOOK
from tests.core.demo.looks import BERLIN


@pytest.fixture
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "DAYS_BEFORE", 0)
    monkeypatch.setattr(loading, "TALKS_AT_ONCE", 4)
    monkeypatch.setattr(removal, "TRACES_AT_ONCE", 40)


@pytest.fixture
def demo(store: Store, _short: None) -> DemoMonth:
    return DemoMonth(store, BOOK, BERLIN)
