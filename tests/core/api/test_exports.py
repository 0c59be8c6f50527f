"""The files over HTTP, from a real server: whole and checkable, or visibly broken off; and nothing without a link."""

import gzip
import hashlib
import http.client
import json
import socket
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
import time_machine

from core.api import downloads
from core.exports.columns import FileName
from core.exports.exports import AT_ONCE, KEPT, Exports
from core.exports.links import VALID_SECONDS, Order, address
from core.exports.progress import State
from core.exports.reading import ROWS_AT_ONCE
from core.store.database import Store
from tests.core.analytics.conftest import Books
from tests.core.exports.ledgers import an_order, exported

ROWS = 6 * ROWS_AT_ONCE


def get(port: int, path: str, method: str = "GET") -> tuple[http.client.HTTPResponse, bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request(method, path, headers={"Accept-Encoding": "gzip"})
        answer = connection.getresponse()
        body = answer.read()
        return answer, gzip.decompress(body) if answer.headers["content-encoding"] == "gzip" else body


def link(exports: Exports, order: Order, part: Any = "") -> str:
    return address(order.file, exports.links.token(order), part)


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def many(books: Books) -> Books:
    """More than sockets and their buffers hold."""
    books.add_many(ROWS // 100)
    return books


@pytest.mark.parametrize("file", ["traces", "ledger"])
def test_a_file_arrives_whole_with_headers_that_keep_it_what_it_is(
    books: Books, store: Store, exports: Exports, port: int, file: FileName
) -> None:
    books.add()
    answer, body = get(port, link(exports, an_order(file)))
    assert (answer.status, body) == (200, exported(store, file))
    headers = {name.lower(): value for name, value in answer.getheaders()}
    assert headers["content-disposition"].startswith(f'attachment; filename="{file}_until_')
    assert (
        headers.items()
        >= {
            "content-type": "text/csv; charset=utf-8",
            "content-encoding": "identity",
            "cache-control": "no-store",
            "transfer-encoding": "chunked",
        }.items()
    )
    assert "content-length" not in headers


def test_progress_and_manifest_stand_beside_the_file(books: Books, exports: Exports, port: int) -> None:
    books.add(cost_nanos=7)
    order = an_order("traces", rows=1)
    for part in ("/progress", "/manifest"):
        answer, body = get(port, link(exports, order, part))
        assert (answer.status, json.loads(body)["code"]) == (404, "not_found")
    _, file = get(port, link(exports, order))
    _, progress = get(port, link(exports, order, "/progress"))
    assert json.loads(progress) == {
        "state": "finished",
        "rows": 1,
        "rows_expected": 1,
        "bytes": len(file),
        "problem": None,
    }
    answer, manifest = get(port, link(exports, order, "/manifest"))
    assert json.loads(manifest).items() >= {"sha256": hashlib.sha256(file).hexdigest(), "cost_nanos": "7"}.items()
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("part", ["", "/progress", "/manifest"])
@pytest.mark.parametrize("token", ["", "a.b.c", "%00", "%E2%98%83", "'; DROP TABLE users; --".replace(" ", "+")])
def test_without_a_link_there_is_a_problem_and_nothing_else(port: int, part: str, token: str) -> None:
    answer, body = get(port, f"/api/exports/traces.csv{part}?token={token}")
    assert (answer.status, answer.headers["content-type"]) == (403, "application/problem+json")
    assert json.loads(body) == {
        "type": "about:blank",
        "status": 403,
        "code": "not_allowed",
        "detail": "This link is not valid. Go back to the page and use the one there.",
    }


def test_a_link_of_one_file_does_not_open_another(books: Books, exports: Exports, port: int) -> None:
    token = exports.links.token(an_order("traces"))
    for file in ("ledger", "users", "..%2Ftraces", "traces.csv"):
        answer, _ = get(port, f"/api/exports/{file}.csv?token={token}")
        assert answer.status in (403, 404)


def test_an_expired_link_says_so_but_still_finds_the_manifest(books: Books, exports: Exports, port: int) -> None:
    order = an_order("traces")
    token = exports.links.token(order)
    get(port, address("traces", token))
    with time_machine.travel(time.time() + VALID_SECONDS + 2):
        answer, body = get(port, address("traces", token))
        assert (answer.status, "has expired" in json.loads(body)["detail"]) == (403, True)
        assert get(port, address("traces", token, "/manifest"))[0].status == 200
    with time_machine.travel(time.time() + VALID_SECONDS + KEPT.total_seconds() + 2):
        assert get(port, address("traces", token, "/manifest"))[0].status == 403


def test_asking_for_the_head_begins_nothing(books: Books, exports: Exports, port: int) -> None:
    order = an_order("traces")
    answer, body = get(port, link(exports, order), "HEAD")
    assert (answer.status, body) == (200, b"")
    assert get(port, link(exports, order, "/progress"))[0].status == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_only_reading_is_possible(exports: Exports, port: int, method: str) -> None:
    assert get(port, link(exports, an_order("traces")), method)[0].status == 405


def opened(port: int, path: str) -> tuple[socket.socket, bytes]:
    """A reader that takes what comes first, in tiny sips, and then nothing."""
    reader = socket.create_connection(("127.0.0.1", port), timeout=20)
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    reader.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    seen = b""
    while b"trace_id," not in seen:
        came = reader.recv(1_000)
        assert came, seen
        seen += came
    return reader, seen


def state(exports: Exports, order: Order) -> State:
    return exports.known(order).state


def test_the_header_is_there_while_the_rows_are_still_read(many: Books, exports: Exports, port: int) -> None:
    order = an_order("traces")
    reader, seen = opened(port, link(exports, order))
    assert b"200 OK" in seen
    assert exports.known(order).rows < ROWS
    reader.close()
    eventually(lambda: state(exports, order) == "left")


@pytest.mark.each_database
def test_readers_that_leave_give_the_database_back(many: Books, store: Store, exports: Exports, port: int) -> None:
    for _ in range(AT_ONCE + 2):
        order = an_order("traces")
        reader, _ = opened(port, link(exports, order))
        reader.close()
        eventually(lambda: state(exports, order) == "left")  # noqa: B023
    eventually(lambda: store.engine.pool.checkedout() == 0)  # type: ignore[attr-defined]


def test_a_reader_that_stops_taking_is_cut_off(
    many: Books, store: Store, exports: Exports, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "PATIENCE_SECONDS", 0.3)
    order = an_order("traces")
    reader, seen = opened(port, link(exports, order))
    eventually(lambda: state(exports, order) == "left")
    assert store.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    assert not (seen + _rest(reader)).endswith(b"0\r\n\r\n")


def _rest(reader: socket.socket) -> bytes:
    with reader:
        return b"".join(iter(lambda: reader.recv(65_536), b""))


@pytest.mark.each_database
def test_a_download_that_breaks_off_never_looks_complete(many: Books, exports: Exports, port: int) -> None:
    order = an_order("traces")
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request("GET", link(exports, order))
        answer = connection.getresponse()
        assert (answer.status, answer.read(100)[:9]) == (200, b"trace_id,")
        exports.close()
        with pytest.raises(http.client.IncompleteRead):
            answer.read()
    assert state(exports, order) == "failed"
    refused, body = get(port, link(exports, order))
    assert (refused.status, json.loads(body)["code"]) == (503, "shutting_down")


def test_too_many_at_once_are_told_to_wait(many: Books, exports: Exports, port: int) -> None:
    readers = [opened(port, link(exports, an_order("traces")))[0] for _ in range(AT_ONCE)]
    answer, body = get(port, link(exports, an_order("traces")))
    assert (answer.status, json.loads(body)["code"]) == (503, "too_many_exports")
    for reader in readers:
        reader.close()
