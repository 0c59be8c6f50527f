"""A line between browser and server that can be cut: each WebSocket after so many bytes, or all of them at once."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Line:
    """Passes everything on; ``carried`` is how many bytes the newest WebSocket has brought to the browser."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._ends: set[asyncio.StreamWriter] = set()
        self._sockets: set[asyncio.StreamWriter] = set()
        self._after: int | None = None
        self._ready, self._over = threading.Event(), asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.port = self.carried = 0

    def cut_after(self, many: int) -> None:
        """Let the next WebSocket break off when it has brought so many bytes; later ones hold."""
        self._after = many

    def cut(self) -> None:
        """All that are open."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._cut, self._sockets)

    def _cut(self, ends: set[asyncio.StreamWriter]) -> None:
        while ends:
            ends.pop().transport.abort()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """In a thread of its own: Playwright has the caller's."""
        thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        thread.start()
        self._ready.wait()
        try:
            yield
        finally:
            assert self._loop is not None
            self._loop.call_soon_threadsafe(self._over.set)
            thread.join()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._over.wait()
        server.close()
        self._cut(self._ends)
        await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}), return_exceptions=True)

    async def _connect(self, asks: asyncio.StreamReader, browser: asyncio.StreamWriter) -> None:
        self._ends.add(browser)
        with suppress(OSError):
            first = await asks.read(65_536)
            answers, server = await asyncio.open_connection("127.0.0.1", self._target)
            self._ends.add(server)
            server.write(first)
            is_socket = b"/_stcore/stream" in first.split(b"\r\n", 1)[0]
            if is_socket:
                self.carried = 0
                self._sockets |= {browser, server}
            await asyncio.gather(self._pass(asks, server), self._bring(answers, browser, is_socket))
        browser.close()

    async def _pass(self, source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(65_536):
                to.write(data)
        to.close()

    async def _bring(self, source: asyncio.StreamReader, to: asyncio.StreamWriter, is_socket: bool) -> None:
        with suppress(OSError):
            while data := await source.read(65_536):
                rest = None if self._after is None or not is_socket else self._after - self.carried
                to.write(data[:rest])
                self.carried += len(data) if is_socket else 0
                if rest is not None and len(data) >= rest:
                    self._after = None
                    self._cut(self._sockets)
        to.close()


@contextmanager
def line_to(url: str) -> Iterator[tuple[str, Line]]:
    """The address that leads over it, and the line."""
    line = Line(int(url.rpartition(":")[2]))
    with line.listening():
        yield f"http://localhost:{line.port}", line
