"""Tests of the loop run with two providers: what holds of the one holds whatever wire is spoken."""

from collections.abc import Iterator

import pytest

from tests.core.agent.wires import connecting
from tests.core.provider.other import through_other
from tests.core.provider.wiring import in_process


@pytest.fixture(scope="module", params=[in_process, through_other], ids=["anthropic", "other"])
def each_provider(request: pytest.FixtureRequest) -> Iterator[None]:
    with connecting(request.param):
        yield
