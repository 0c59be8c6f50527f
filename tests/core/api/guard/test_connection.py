"""Connections that take too long are cut, whatever others do meanwhile; on sockets, behind the real server."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from statistics import median

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from core.api.guard.connection import HEAD_BYTES, HEAD_SECONDS, UNREAD_SECONDS, Connection

_PATIENCE = 0.5
_MANY = 100
_ASK = b"GET /%s HTTP/1.1\r\nHost: localhost\r\n\r\n"


class _Hasty(Connection):
    head_seconds = unread_seconds = _PATIENCE


class _App:
    """Says ok; below /stream it never stops talking, below /slow it takes longer than anybody may take to ask."""

    def __init__(self) -> None:
        self.streams = self.begun = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        if scope["path"] == "/slow":
            await asyncio.sleep(1.3 * _PATIENCE)
        if scope["path"] == "/stream":
            await self._talk(receive, send)
        await send({"type": "http.response.body", "body": b"ok"})

    async def _talk(self, receive: Receive, send: Send) -> None:
        self.streams += 1
        self.begun += 1
        gone = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        while not gone.done() or gone.result()["type"] != "http.disconnect":
            await send({"type": "http.response.body", "body": b"x" * 100_000, "more_body": True})
            gone = asyncio.ensure_future(receive()) if gone.done() else gone
            await asyncio.sleep(0)
        self.streams -= 1


@pytest.fixture(scope="module")
def app() -> _App:
    return _App()


@pytest.fixture(scope="module")
def port(app: _App) -> Iterator[int]:
    listening = socket.create_server(("127.0.0.1", 0), backlog=2 * _MANY)
    config = uvicorn.Config(app, http=_Hasty, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield listening.getsockname()[1]
    server.should_exit = True
    thread.join()


def _connected(port: int, said: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=20)
    connection.sendall(said)
    return connection


def _said_until_cut(connection: socket.socket) -> bytes:
    said = b""
    try:
        while piece := connection.recv(65_536):
            said += piece
    except ConnectionError:
        pass
    return said


def test_the_limits_are_short_enough() -> None:
    assert HEAD_SECONDS <= 30
    assert UNREAD_SECONDS <= 30


def test_t18_half_a_request_is_cut_while_others_are_served(port: int) -> None:
    halves = [_connected(port, _ASK[: 1 + 35 * number // _MANY]) for number in range(_MANY)]
    halves += [_connected(port, b"")]
    took = []
    for _ in range(50):
        began = time.monotonic()
        with _connected(port, _ASK % b"") as connection:
            assert connection.recv(100).startswith(b"HTTP/1.1 200")
        took.append(time.monotonic() - began)
    assert median(took) < 0.2
    for half in halves:
        with half:
            assert _said_until_cut(half) == b""


def _send_on(connection: socket.socket, piece: bytes, times: int, pause: float = 0) -> None:
    for _ in range(times):
        connection.sendall(piece)
        time.sleep(pause)


def test_t18_a_head_that_trickles_is_cut(port: int) -> None:
    with _connected(port, _ASK % b"" + b"GET / HTTP/1.1\r\n") as connection, pytest.raises(ConnectionError):
        _send_on(connection, b"x: y\r\n", times=500, pause=0.02)


def test_t17_a_head_without_end_is_cut(port: int) -> None:
    with _connected(port, b"GET / HTTP/1.1\r\nx: ") as connection, pytest.raises(ConnectionError):
        _send_on(connection, b"x" * 1_000, times=100 * HEAD_BYTES // 1_000)


def test_t18_an_answer_that_nobody_reads_is_cut(port: int, app: _App) -> None:
    connections = [_connected(port, _ASK % b"stream") for _ in range(20)]
    deadline = time.monotonic() + 10
    while (app.begun < len(connections) or app.streams) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert (app.begun, app.streams) == (len(connections), 0)
    for connection in connections:
        connection.close()


def test_a_slow_answer_and_the_next_request_on_its_connection_are_not_cut(port: int) -> None:
    with _connected(port, _ASK % b"slow" + _ASK % b"slow") as connection:
        said = b""
        while said.count(b"0\r\n\r\n") < 2:
            said += connection.recv(1_000)
        time.sleep(0.6 * _PATIENCE)
        connection.sendall(_ASK % b"")
        assert connection.recv(1_000).startswith(b"HTTP/1.1 200")
