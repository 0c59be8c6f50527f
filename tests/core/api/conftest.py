"""The routes behind the real server, on a port of its own, within this process."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx2
import pytest
import uvicorn
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp

from core.api.app import api
from core.exports.exports import Exports
from core.settings import Settings
from core.store.database import Store
from core.wiring import Services, open_services
from tests.core.analytics.conftest import Books, books_in
from tests.core.api.doors import Doors, Open, open_doors
from tests.core.api.programs import Program
from tests.core.exports.ledgers import exports_on


@pytest.fixture
def books(store: Store) -> Books:
    return books_in(store)


@pytest.fixture
def exports(store: Store) -> Exports:
    return exports_on(store)


@contextmanager
def serving(app: ASGIApp) -> Iterator[int]:
    """The port of a server whose sockets hold little."""
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
def port(exports: Exports) -> Iterator[int]:
    """With the compression that Streamlit puts before every route."""
    with serving(GZipMiddleware(api(lambda: cast("Services", SimpleNamespace(exports=exports))))) as number:
        yield number


@pytest.fixture
def make_program(sqlite_store: Store, tmp_path: Path) -> Iterator[Callable[..., Program]]:
    """A program and the product it talks to, served within this process; settings are arguments."""
    with ExitStack() as stack:

        def make(**changes: Any) -> Program:
            chosen = {"data_dir": tmp_path, "database_url": sqlite_store.url, "simulator_pace": 0, "drain_seconds": 0}
            services = open_services(Settings(_env_file=None, **{**chosen, **changes}))
            stack.callback(services.close)
            port = stack.enter_context(serving(api(lambda: services)))
            http = stack.enter_context(httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=20))
            return Program(services, http, services.agents.list(services.me)[0].id, stack)

        yield make


@pytest.fixture
def program(make_program: Callable[..., Program]) -> Program:
    return make_program()


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
