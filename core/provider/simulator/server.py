"""The simulator on a TCP port, for faults on real sockets."""

import asyncio
import socket
import struct
from http import HTTPStatus
from types import TracebackType
from typing import Self, cast

import httptools

from core.logs import log_failure
from core.provider.simulator.wire import Answers, WireRequest, WireResponse, paced

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class SimulatorServer:
    """An async context manager; port 0 takes a free one.

    ``url`` is for ANTHROPIC_BASE_URL; ``open_streams`` is how many answers are being sent now.
    """

    def __init__(self, answers: Answers, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.answers = answers
        self.open_streams = 0
        self.connections: set[_Connection] = set()
        self._address = (host, port)
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        assert self._server is not None
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"http://{host}:{port}"

    async def serve_forever(self) -> None:
        assert self._server is not None
        await self._server.serve_forever()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.get_running_loop().create_server(lambda: _Connection(self), *self._address)
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for connection in list(self.connections):
            connection.reset()
        await self._server.wait_closed()
        # One more turn of the loop, in which the connections learn that they are closed.
        await asyncio.sleep(0)


class _Connection(asyncio.Protocol):
    """One client: requests parsed one after another, answers carried out as planned."""

    def __init__(self, server: SimulatorServer) -> None:
        self._server = server
        self._parser = httptools.HttpRequestParser(self)
        self._writable = asyncio.Event()
        self._writable.set()
        self._answering: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport
        self._path, self._headers, self._body = b"", dict[str, str](), bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._server.connections.add(self)

    def connection_lost(self, _exc: Exception | None) -> None:
        self._server.connections.discard(self)
        if self._answering is not None:
            self._answering.cancel()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.reset()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def on_message_begin(self) -> None:
        self._path, self._headers, self._body = b"", {}, bytearray()

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        path = httptools.parse_url(self._path).path.decode()
        method = self._parser.get_method().decode()
        request = WireRequest(method, path, self._headers, bytes(self._body))
        planned = self._server.answers.answer(request)
        self._answering = asyncio.get_running_loop().create_task(self._answer(planned))
        self._answering.add_done_callback(log_failure)

    async def _answer(self, planned: WireResponse) -> None:
        self._server.open_streams += 1
        try:
            if planned.status is not None:
                await self._send(planned.status, planned)
            await self._end(planned)
        finally:
            self._server.open_streams -= 1

    async def _send(self, status: int, planned: WireResponse) -> None:
        lines = [f"HTTP/1.1 {status} {_phrase(status)}", "transfer-encoding: chunked"]
        lines += [f"{name}: {value}" for name, value in planned.headers.items()]
        self._transport.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
        async for data in paced(planned.chunks):
            await self._writable.wait()
            self._transport.write(b"%x\r\n%b\r\n" % (len(data), data))

    async def _end(self, planned: WireResponse) -> None:
        if planned.end == "hang":
            await asyncio.Event().wait()
        if planned.end == "cut" or planned.status is None:
            self.reset()
        else:
            self._transport.write(b"0\r\n\r\n")

    def reset(self) -> None:
        """Hang up with a TCP reset, which throws away what was not sent yet."""
        raw = self._transport.get_extra_info("socket")
        if raw is not None and not self._transport.is_closing():
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._transport.abort()


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Overloaded"
