"""A small site on this machine, and a reach that leads to it under names of our choosing."""

import gzip
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from typing import Any

from core.agent.tools.fetch_url import fetch_url
from core.agent.tools.pinned import Reach
from core.agent.tools.tool import ToolOutcome
from tests.core.agent.tools.asking import run

HERE = "127.0.0.1"


@dataclass
class Site:
    """``pages`` maps a path to status, headers and body; ``seen`` is what was asked for, ``read`` what was all read."""

    port: int
    pages: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    seen: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    read: list[str] = field(default_factory=list)

    def page(self, path: str, body: bytes, kind: str = "text/plain", status: int = 200, **headers: str) -> str:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.pages[path] = (status, {"content-type": kind, **named}, body)
        return self.at("site.test", path)

    def redirect(self, path: str, to: str, body: bytes = b"") -> str:
        return self.page(path, body, status=302, location=to)

    def at(self, host: str, path: str = "/") -> str:
        return f"http://{host}:{self.port}{path}"


@contextmanager
def open_site(address: str = HERE, port: int = 0, tls: ssl.SSLContext | None = None) -> Iterator[Site]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.seen.append((self.path, dict(self.headers)))
            status, headers, body = site.pages.get(self.path, (404, {}, b""))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
            site.read.append(self.path)

        def log_message(self, *_: Any) -> None:
            """Quietly."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """A reader that hangs up early is no news here."""

    server = Server((address, port), Answer)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    site = Site(server.server_port)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Names:
    """Addresses by name, one list for each time it is asked for, the last one for ever; ``asked`` counts."""

    known: dict[str, list[list[str]]]
    asked: list[str] = field(default_factory=list)

    async def resolve(self, host: str, _port: int) -> Sequence[str]:
        self.asked.append(host)
        answers = self.known.get(host, [[]])
        return answers.pop(0) if len(answers) > 1 else answers[0]


def reach(names: Names | None = None, *addresses: str, **more: Any) -> Reach:
    """Only these addresses of this machine may be reached, at any port."""
    allowed = {ip_address(address) for address in addresses or (HERE,)}
    names = names or Names({"site.test": [[HERE]]})
    return Reach(allowed=lambda each: each in allowed, ports=range(1, 65_536), resolve=names.resolve, **more)


def fetch(url: str, within: Reach | None = None, **more: Any) -> ToolOutcome:
    return run(fetch_url(within or reach()), {"url": url, **more})


def zipped(size: int) -> bytes:
    """So many zeros in very few bytes."""
    return gzip.compress(bytes(size))
