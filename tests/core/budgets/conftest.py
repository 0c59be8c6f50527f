"""Somebody who owns turns, an agent, and the day on which they happen."""

from collections.abc import Iterator

import pytest
import time_machine

from tests.core.books.conftest import ids
from tests.core.books.histories import AT

__all__ = ["ids"]


@pytest.fixture(autouse=True)
def that_afternoon() -> Iterator[None]:
    with time_machine.travel(AT, tick=False):
        yield
