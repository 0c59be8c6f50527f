"""Books to make files of."""

import pytest

from core.store.database import Store
from tests.core.analytics.conftest import Books, books_in


@pytest.fixture
def books(store: Store) -> Books:
    return books_in(store)
