"""The routes behind the real server, on a port of its own, within this process."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import cast

import pytest
import uvicorn
from starlette.middleware.gzip import GZipMiddleware

from core.api.app import api
from core.exports.exports import Exports
from core.store.database import Store
from core.wiring import Services
from tests.core.analytics.conftest import Books, books_in
from tests.core.exports.ledgers import KEY


@pytest.fixture
def books(store: Store) -> Books:
    return books_in(store)


@pytest.fixture
def exports(store: Store) -> Exports:
    return Exports(store, KEY)


@pytest.fixture
def port(exports: Exports) -> Iterator[int]:
    """With the compression that Streamlit puts before every route, and sockets that hold little."""
    app = GZipMiddleware(api(lambda: cast("Services", SimpleNamespace(exports=exports))))
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
    config = uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=5)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])))
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()
