"""The routes behind the real server, on a port of its own, within this process."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import uvicorn
from starlette.middleware.gzip import GZipMiddleware

from core.api.app import api
from core.exports.exports import Exports
from core.store.database import Store
from core.wiring import Services
from tests.core.analytics.conftest import Books, books_in
from tests.core.api.doors import Doors, Open, open_doors
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


@pytest.fixture
def doors(store: Store, tmp_path: Path) -> Iterator[Doors]:
    """Where people sign in, over each kind of database."""
    doors = open_doors(store, tmp_path, auth="accounts")
    yield doors
    doors.close()


@pytest.fixture
def open_api(sqlite_store: Store, tmp_path: Path) -> Iterator[Open]:
    """For what one kind of database is enough for."""
    opened: list[Doors] = []

    def open_(**changes: Any) -> Doors:
        opened.append(open_doors(sqlite_store, tmp_path, **changes))
        return opened[-1]

    yield open_
    for each in opened:
        each.close()


@pytest.fixture
def accounts(open_api: Open) -> Doors:
    """Where people sign in, over one kind of database."""
    return open_api(auth="accounts")
