"""Only what was sent can cost: every fault of the way to the provider, over real sockets, as the books tell it."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from core.books.settling import ANSWERED_FOR, NO_ANSWER, NO_REPLY, NOT_BILLED, NOT_SENT
from core.chat.turn import Turn
from core.provider.anthropic.client import open_provider
from core.provider.simulator.scripted import failed, streamed
from core.provider.simulator.transport import WireTransport
from core.provider.simulator.wire import WireResponse
from core.settings import Settings
from core.store.database import Store
from core.store.tables import LedgerLine, TraceSpan
from core.wiring import open_services
from tests.core.agent.toolkit import says
from tests.core.books.in_store import rows
from tests.core.chat.conftest import ended, events_of
from tests.core.chat.tooling import Open

Behaviour: TypeAlias = Callable[[socket.socket], None]

HEADERS = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nrequest-id: req_9\r\ncontent-length: 99\r\n\r\n"
BUSY = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'


@contextmanager
def listening(behave: Behaviour) -> Iterator[int]:
    """A port of this machine, each of whose connections is treated so."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        done = threading.Event()

        def serve() -> None:
            while not done.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                with connection:
                    connection.settimeout(5)
                    behave(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            done.set()
            thread.join()


def _request(connection: socket.socket) -> None:
    """Read one to its end."""
    head, _, body = _until(connection, b"\r\n\r\n").partition(b"\r\n\r\n")
    wanted = next((line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b":0")
    missing = int(wanted.split(b":")[1]) - len(body)
    while missing > 0:
        missing -= len(connection.recv(65_536))


def _until(connection: socket.socket, mark: bytes) -> bytes:
    data = b""
    while mark not in data:
        data += connection.recv(65_536)
    return data


def _answering(answer: bytes, *, silent: bool = False) -> Behaviour:
    def behave(connection: socket.socket) -> None:
        _request(connection)
        connection.sendall(answer)
        if silent:
            connection.settimeout(5)
            connection.recv(1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    return behave


def _status(line: bytes, kind: bytes, body: bytes, *more: bytes) -> bytes:
    lines = [b"HTTP/1.1 " + line, b"content-type: " + kind, b"content-length: %d" % len(body), *more]
    return b"\r\n".join([*lines, b"", body])


def _at_once(connection: socket.socket) -> None:
    connection.recv(1)
    connection.sendall(b"no TLS here")


JSON, HTML, ID = b"application/json", b"text/html", b"request-id: req_9"
FAULTS: dict[str, tuple[Behaviour | None, str, str | None]] = {
    "refused": (None, NOT_SENT, None),
    "reset before headers": (_answering(b""), NO_ANSWER, None),
    "no headers in time": (_answering(b"", silent=True), NO_ANSWER, None),
    "half the headers": (_answering(HEADERS[:40]), NO_ANSWER, None),
    "reset after headers": (_answering(HEADERS), NO_REPLY, "req_9"),
    "silent after headers": (_answering(HEADERS, silent=True), NO_REPLY, "req_9"),
    "a page in its place": (_answering(_status(b"200 OK", HTML, b"<p>Log in</p>")), ANSWERED_FOR, None),
    "a gateway's 502": (_answering(_status(b"502 Bad Gateway", HTML, b"<p>Bad</p>")), ANSWERED_FOR, None),
    "429": (_answering(_status(b"429 Slow", JSON, b"{}", ID)), NOT_BILLED, "req_9"),
    "529": (_answering(_status(b"529 Overloaded", JSON, BUSY, ID)), NOT_BILLED, "req_9"),
    "the provider's 500": (_answering(_status(b"500 Oops", JSON, b"{}", ID)), NOT_BILLED, "req_9"),
    "413": (_answering(_status(b"413 Large", JSON, b"{}", ID)), NOT_BILLED, "req_9"),
}


def asked(store: Store, folder: Path, address: str) -> list[Any]:
    """The spans of one message's two tries."""
    chosen = Settings(
        _env_file=None,
        data_dir=folder,
        database_url=store.url,
        anthropic_api_key="key",
        anthropic_base_url=address,
        attempts=2,
        read_seconds=0.3,
        connect_seconds=2,
        drain_seconds=0,
    )
    services = open_services(chosen, open_provider(chosen))
    try:
        agent = services.agents.list(services.me)[0]
        turn = services.turns.send(owner=services.me, agent_id=agent.id, text="How much is it?")
        assert ended(turn).status == "failed"
        return sorted(rows(store, TraceSpan, task_trace_id=turn.id), key=lambda row: row["attempt"])
    finally:
        services.close()


def assert_booked(store: Store, spans: list[Any], reason: str, request_id: str | None) -> None:
    assert {(span["cost_reason"], span["request_id"]) for span in spans} == {(reason, request_id)}
    certain = reason in (NOT_SENT, NOT_BILLED)
    assert {span["cost_basis"] for span in spans} == {"computed" if certain else "estimated"}
    assert {bool(span["cost_nanos"]) for span in spans} == {reason == NO_REPLY}
    assert {span["sent_at"] is None for span in spans} == {reason == NOT_SENT}
    answered = reason in (NO_REPLY, ANSWERED_FOR, NOT_BILLED)
    assert {span["answered_at"] is not None for span in spans} == {answered}
    assert all(span["started_at"] <= (span["sent_at"] or span["ended_at"]) <= span["ended_at"] for span in spans)
    assert bool(rows(store, LedgerLine)) == (reason == NO_REPLY)


@pytest.mark.parametrize("fault", FAULTS)
def test_b2_every_fault_is_booked_by_how_far_the_request_came(store: Store, tmp_path: Path, fault: str) -> None:
    behave, reason, request_id = FAULTS[fault]
    with listening(behave or _at_once) as port:
        if behave is not None:
            spans = asked(store, tmp_path, f"http://127.0.0.1:{port}")
    if behave is None:
        spans = asked(store, tmp_path, f"http://127.0.0.1:{port}")
    assert len(spans) == (1 if fault == "413" else 2)
    assert_booked(store, spans, reason, request_id)


@pytest.mark.parametrize("address", ["https://127.0.0.1:{port}", "http://nobody.invalid:{port}"])
def test_b1_what_was_never_connected_costs_nothing_and_says_so(store: Store, tmp_path: Path, address: str) -> None:
    with listening(_at_once) as port:
        spans = asked(store, tmp_path, address.format(port=port))
    assert_booked(store, spans, NOT_SENT, None)


def test_b1_a_tunnel_that_a_proxy_refuses_was_no_request_to_the_provider(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_PROXY", "no_proxy", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    with listening(_answering(_status(b"502 Bad Gateway", HTML, b"Bad"))) as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        spans = asked(store, tmp_path, "https://provider.example")
    assert_booked(store, spans, NOT_SENT, None)


@pytest.mark.parametrize("reason", ["asked", "unwatched", "deactivated", "shutdown"])
def test_b1_whoever_ends_the_wait_between_two_tries_books_nothing_for_the_next(
    store: Store, tmp_path: Path, reason: Any
) -> None:
    chosen = Settings(
        _env_file=None, data_dir=tmp_path, database_url=store.url, anthropic_api_key="key", drain_seconds=0
    )
    waits = failed(429, "rate_limit_error", "slow down", headers={"retry-after": "15"})
    script = Scripted(waits)
    services = open_services(chosen, open_provider(chosen, WireTransport(script)))
    try:
        agent = services.agents.list(services.me)[0]
        turn = services.turns.send(owner=services.me, agent_id=agent.id, text="How much is it?")
        wait_for(turn, "RetryScheduled")
        turn.halt(reason)
        end = ended(turn)
    finally:
        services.close()
    first, second = sorted(rows(store, TraceSpan, task_trace_id=turn.id), key=lambda row: row["attempt"])
    assert (end.total, end.basis, script.asked) == (0, "computed", 1)
    assert (first["cost_reason"], second["cost_reason"]) == (NOT_BILLED, NOT_SENT)
    assert (second["cost_nanos"], second["cost_basis"], second["sent_at"]) == (0, "computed", None)
    assert rows(store, LedgerLine) == []


class Scripted:
    """Gives one answer again and again."""

    def __init__(self, answer: WireResponse) -> None:
        self.asked, self._answer = 0, answer

    def answer(self, _: Any) -> WireResponse:
        self.asked += 1
        return self._answer


def wait_for(turn: Turn, kind: str) -> None:
    seen = 0
    while batch := turn.get(seen, 10):
        seen += len(batch)
        if any(type(logged.event).__name__ == kind for logged in batch):
            return
    raise AssertionError(f"no {kind}")


def test_b2_what_is_stopped_before_its_answer_was_sent_but_costs_nothing_certain(store: Store, work: Open) -> None:
    shop = work(WireResponse(None, end="hang"))
    turn = shop.send()
    while not shop.script.requests:
        turn.get(99, 0.01)
    turn.stop()
    assert (ended(turn).total, ended(turn).basis) == (0, "estimated")
    (span,) = rows(store, TraceSpan, task_trace_id=turn.id)
    assert (span["cost_reason"], span["answered_at"], bool(span["sent_at"])) == (NO_ANSWER, None, True)


def test_b1_a_finished_reply_was_sent_and_answered(store: Store, work: Open) -> None:
    shop = work(says("Well."))
    events_of(turn := shop.send())
    (span,) = rows(store, TraceSpan, task_trace_id=turn.id)
    assert span["started_at"] <= span["sent_at"] <= span["answered_at"] <= span["ended_at"]


def test_b2_the_error_event_of_a_stream_that_did_not_begin_is_a_refusal(store: Store, work: Open) -> None:
    error = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error"}}\n\n'
    shop = work(streamed([error]), says("Well."))
    turn = shop.send()
    assert ended(turn).status == "completed"
    first, _ = sorted(rows(store, TraceSpan, task_trace_id=turn.id), key=lambda row: row["attempt"])
    assert (first["cost_nanos"], first["cost_reason"], first["request_id"]) == (0, NOT_BILLED, "req_scripted")
