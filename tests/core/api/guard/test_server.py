"""The whole server as it is launched, and what strangers may try on it."""

import json
import re
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from starlette.routing import Route
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from core.api.app import api, api_routes
from core.api.guard.connection import HEAD_BYTES
from core.api.guard.headers import HEADERS
from core.api.sign_in.card import HEADERS as FORM_HEADERS
from core.wiring import Services
from tests.core.api.guard.test_addresses import HOSTILE_PATHS
from tests.served import Served, served

_PUBLIC = "https://command.example.org"
_LOOKED_UP = "asked the internet who we are"
_TRAPPED = (
    "import streamlit.net_util as net, sys\n"
    f"net._make_blocking_http_get = lambda url, **_: print({_LOOKED_UP!r}, url, file=sys.stderr, flush=True)\n"
    "from core.launch import main\n"
    "main()"
)
_MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """It tells in its log if it should ever look up what an origin is."""
    data = tmp_path_factory.mktemp("guarded") / "data"
    with served(data, (sys.executable, "-c", _TRAPPED), SIMULATOR_PACE="0", PUBLIC_URL=_PUBLIC) as server:
        yield server


def _address(server: Served) -> tuple[str, int]:
    return "127.0.0.1", urlsplit(server.url).port or 0


@dataclass(frozen=True)
class _Answer:
    """Status 0 and nothing else: the connection ended without one."""

    status: int
    headers: dict[str, str]
    text: bytes


def _read(connection: socket.socket) -> _Answer:
    said = b""
    try:
        while piece := connection.recv(65_536):
            said += piece
    except ConnectionError:
        pass
    head, _, text = said.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return _Answer(int(first.split()[1]) if first else 0, headers, text)


def _answer(server: Served, path: str, method: str = "GET", **headers: str) -> _Answer:
    """The path goes out as it is."""
    sent = {"Host": "localhost", "Connection": "close"} | headers
    lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    with socket.create_connection(_address(server), timeout=20) as connection:
        connection.sendall(f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode())
        return _read(connection)


def _ours() -> Iterator[tuple[str, str]]:
    app = api(_no_services)
    for path, ways in app.openapi()["paths"].items():
        yield from ((method.upper(), path) for method in ways)
    for route in (*app.routes, *api_routes(_no_services)):
        if isinstance(route, Route):
            yield from ((method, route.path) for method in route.methods or {"GET"})


def _no_services() -> Services:
    raise AssertionError("nothing is asked for here")


def _addresses() -> list[tuple[str, str]]:
    """Method and path of everything of ours, and one of each kind of Streamlit's."""
    pages = ("/", "/chat", "/traces", "/nowhere", "/_stcore/health", "/_stcore/host-config", "/favicon.png")
    files = ("/static/js/none.js", "/media/none.png", "/component/none/x", "/_stcore/agent/mcp", "/_stcore/metrics")
    rest = {("GET", path) for path in (*pages, *files, "/api/nowhere")} | {("PUT", "/_stcore/upload_file/a/b")}
    return sorted(rest | {(method, re.sub(r"{.*?}", "x", path)) for method, path in _ours()})


_FORMS = ("/sign-in", "/join", "/sign-out")
_FORMS_POLICY = {"content-security-policy": FORM_HEADERS["Content-Security-Policy"]}


def test_t23_forms_may_load_nothing_but_their_own_style() -> None:
    policy = _FORMS_POLICY["content-security-policy"].split("; ")
    assert {"default-src 'none'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"} <= set(policy)


def test_t23_every_address_answers_with_every_header(server: Served) -> None:
    addresses = _addresses()
    page = _answer(server, "/").text.decode()
    addresses += [("GET", path) for path in re.findall(r'"\.(/static/js/index[^"]+)"', page)]
    assert len(addresses) > 20
    for method, path in addresses:
        answer = _answer(server, path, method)
        wanted = HEADERS | (_FORMS_POLICY if path in _FORMS else {})
        assert answer.headers.items() >= wanted.items(), (method, path)
        assert answer.status < 500, (method, path)


def test_t13_no_path_leads_to_a_file(server: Served) -> None:
    known = Path("/etc/passwd").read_bytes()[:20]
    places = sorted({path.rsplit("/", 1)[0] for _, path in _addresses()})
    assert "/media" in places
    for place in places:
        for hostile in HOSTILE_PATHS:
            sent = f"{place}/{hostile}".replace("\0", "%00").replace("\r\n", "%0d%0a").replace("\x7f", "%7f")
            answer = _answer(server, sent)
            assert answer.status in (400, 404), sent
            assert known not in answer.text, sent
            assert "a=b" not in answer.headers.get("set-cookie", ""), sent


def test_t19_strangers_are_refused_without_asking_the_internet_who_we_are(server: Served) -> None:
    port = urlsplit(server.url).port
    for host in ("evil.example", f"evil.example:{port}"):
        assert _status_of_handshake(server, Host=host, Origin=f"http://{host}") == 400
    for origin in ("http://evil.example", "http://localhost:3000", "null", "http://192.0.2.1"):
        assert _status_of_handshake(server, Origin=origin) == 403
        assert _answer(server, "/api/agents", "POST", Origin=origin).status == 403
    ours: list[dict[str, str]] = [
        {"Origin": f"http://127.0.0.1:{port}"},
        {"Origin": _PUBLIC, "Host": urlsplit(_PUBLIC).netloc},
        {"Origin": _PUBLIC},
        {},
    ]
    for headers in ours:
        assert _status_of_handshake(server, **headers) == 101, headers
    assert _LOOKED_UP not in server.log.read_text()


def _status_of_handshake(server: Served, **headers: str) -> int:
    asked = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "x" * 22 + "==",
        "Host": f"127.0.0.1:{urlsplit(server.url).port}",
        **headers,
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in asked.items())
    with socket.create_connection(_address(server), timeout=20) as connection:
        connection.sendall(f"GET /_stcore/stream HTTP/1.1\r\n{head}\r\n".encode())
        return int(connection.recv(4_096).split()[1])


def _sent(server: Served, head: str, piece: bytes, times: int = 1) -> tuple[int, int]:
    """Status of the answer, 0 where the connection ended without one, and how many bytes of the body went out."""
    sent = 0
    with socket.create_connection(_address(server), timeout=20) as connection:
        connection.sendall(f"POST /api/agents HTTP/1.1\r\nHost: localhost\r\n{head}\r\n\r\n".encode())
        try:
            for _ in range(times):
                connection.sendall(piece)
                sent += len(piece)
        except ConnectionError:
            pass
        return _read(connection).status, sent


def test_t17_large_deep_and_packed_bodies_cost_next_to_nothing(server: Served) -> None:
    process = psutil.Process(server.process.pid)
    piece = b"x" * _MEGABYTE
    before = process.memory_info().rss
    for head, sent in (
        ("Content-Length: 300000000", piece),
        ("Transfer-Encoding: chunked", b"f4240\r\n%s\r\n" % piece),
    ):
        status, taken = _sent(server, head, sent, 300)
        assert status in (413, 0)
        assert taken < 50 * _MEGABYTE
    assert _sent(server, "Content-Length: 1000000", b"[" * _MEGABYTE)[0] == 400
    assert _sent(server, "Content-Length: 100\r\nContent-Encoding: gzip", b"x" * 100)[0] == 415
    assert process.memory_info().rss - before < 50 * _MEGABYTE


def test_t18_the_launched_server_serves_by_connections_that_cut(server: Served) -> None:
    with socket.create_connection(_address(server)) as connection, pytest.raises(ConnectionError):
        _send_headers_without_end(connection)


def _send_headers_without_end(connection: socket.socket) -> None:
    connection.sendall(b"GET / HTTP/1.1\r\n")
    for _ in range(100):
        connection.sendall(b"x: %s\r\n" % (b"y" * (HEAD_BYTES // 10)))
        time.sleep(0.01)


@contextmanager
def _session(server: Served) -> Iterator[ClientConnection]:
    """A browser's session, seen to begin."""
    address, origin = f"ws{server.url.removeprefix('http')}/_stcore/stream", Origin(server.url)
    with connect(address, origin=origin, subprotocols=[Subprotocol("streamlit")], max_size=None) as session:
        session.send(_message(rerun_script={}))
        _until(session, "new_session")
        yield session


def _message(**what: Any) -> bytes:
    written: bytes = BackMsg(**what).SerializeToString()
    return written


def _until(session: ClientConnection, kind: str) -> ForwardMsg:
    """The next message of that kind."""
    while True:
        said = session.recv(timeout=20)
        assert isinstance(said, bytes)
        message: ForwardMsg = ForwardMsg.FromString(said)
        if message.WhichOneof("type") == kind:
            return message


# Whoever still sends when the connection is closed may see it break before the code arrives.
_NO_MESSAGES: list[tuple[str | bytes, set[int | None]]] = [
    (b"\xff" * 50, {1002}),
    ("text", {None}),
    (b"x" * 3 * _MEGABYTE, {1009, None}),
    (b"x" * 27 * _MEGABYTE, {1009, None}),
]


def test_t20_what_is_no_message_ends_its_own_session_and_no_other(server: Served) -> None:
    with _session(server) as other:
        for sent, codes in _NO_MESSAGES:
            with _session(server) as session, pytest.raises(ConnectionClosed) as closed:
                _send_and_read(session, sent)
            assert (closed.value.rcvd and closed.value.rcvd.code) in codes
        other.send(_message(rerun_script={}))
        assert _until(other, "new_session")


def _send_and_read(session: ClientConnection, sent: str | bytes) -> None:
    session.send(sent)
    while True:
        session.recv(timeout=20)


def test_t20_orders_of_strangers_lose_nothing_of_ours(server: Served) -> None:
    agents = _answer(server, "/api/agents").text
    with _session(server) as session:
        for _ in range(1_000):
            session.send(_message(clear_cache=True))
        session.send(_message(rerun_script={}))
        own = _until(session, "new_session").new_session.initialize.session_id
        install = {"request_id": "1", "session_id": own, "install_skills": {}}
        session.send(_message(backend_operation_request=install))
        refused = _until(session, "backend_operation_response").backend_operation_response
    assert refused.error_reason == "refused:headless"
    assert json.loads(agents)["data"]
    assert _answer(server, "/api/agents").text == agents
    assert server.log.read_text().count('"event": "ready"') == 1


def test_t20_the_pages_cannot_be_driven_by_programs(server: Served) -> None:
    for method, path in (("GET", "interact"), ("POST", "interact"), ("POST", "mcp"), ("GET", "openapi.json")):
        assert _answer(server, f"/_stcore/agent/{path}", method).status == 404, path
