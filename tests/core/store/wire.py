"""A Unix socket in front of PostgreSQL that can break a connection at a chosen moment."""

import contextlib
import socket
import threading
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import make_url

_SOCKET = ".s.PGSQL.5432"


class Wire:
    """Forwards connections; at the message that holds ``cut_at`` it cuts one off, before or after passing that on."""

    def __init__(self, url: str, folder: Path) -> None:
        address = make_url(url)
        self._server = str(Path(str(address.query["host"])) / _SOCKET)
        self.url = address.set(query={"host": str(folder)}).render_as_string(hide_password=False)
        self.cut_at: bytes | None = None
        self.pass_on = True
        self.on_cut: Callable[[], object] = lambda: None
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / _SOCKET))
        self._listener.listen()
        self._threads: list[threading.Thread] = []
        self._ends: list[socket.socket] = []
        self._start(self._accept)

    def close(self) -> None:
        for end in (self._listener, *self._ends):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _start(self, target: Callable[..., None], *ends: socket.socket) -> None:
        self._ends.extend(ends)
        thread = threading.Thread(target=target, args=ends, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                with contextlib.suppress(OSError):
                    server.connect(self._server)
                self._start(self._serve, client, server)

    def _serve(self, client: socket.socket, server: socket.socket) -> None:
        with client, server:
            answers = threading.Thread(target=_forward, args=(server, client), daemon=True)
            answers.start()
            with contextlib.suppress(OSError):
                self._forward_until_cut(client, server)
            for end in (client, server):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            answers.join()

    def _forward_until_cut(self, client: socket.socket, server: socket.socket) -> None:
        while data := client.recv(65536):
            if self._cuts(data):
                if self.pass_on:
                    client.shutdown(socket.SHUT_WR)
                    server.sendall(data)
                self.on_cut()
                return
            server.sendall(data)

    def _cuts(self, data: bytes) -> bool:
        """Whether this is the message to cut at; it is met once."""
        if self.cut_at is None or self.cut_at not in data:
            return False
        self.cut_at = None
        return True


def _forward(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
