"""Every scenario of the wire runs inside the process and over real sockets."""

import pytest

from tests.core.provider.wiring import Connect, in_process, over_tcp


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=[in_process, over_tcp], ids=["in_process", "over_tcp"])
def connect(request: pytest.FixtureRequest) -> Connect:
    connect: Connect = request.param
    return connect
