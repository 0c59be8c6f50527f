"""Whatever the provider does, no key, token, cookie or password is told: not in the log, the books, or an answer."""

import asyncio
import io
import logging
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from starlette.applications import Starlette

from core.access.tokens import TokenDraft
from core.access.visit import Visit
from core.api.app import api_routes
from core.clock import now
from core.errors import StoreError
from core.logs import set_up_logging
from core.provider.simulator.directives import HTTP_FAULTS, WIRE_FAULTS
from core.provider.simulator.scripted import Script, failed, streamed
from core.provider.simulator.wire import Chunk, WireResponse
from core.store.database import Store, open_store
from core.wiring import Services
from tests.core.chat.conftest import events_of
from tests.core.chat.keyring import Keyring, keyring
from tests.served import free_port

PROMPT = "canary-of-the-prompt"
FROM_ENVIRONMENT = "sk-ant-api03-canary-of-the-environment"
# Some gateways give keys of another shape.
IN_DATABASE = "canary-in-the-database-0123456789"
KEYS = (FROM_ENVIRONMENT, IN_DATABASE)
PASSWORD = "canary-of-the-database"

FAULTS = [*HTTP_FAULTS, *WIRE_FAULTS, *(f"{kind} after 2" for kind in ("server_error", "cut", "eof", "garbled"))]


def repeating(key: str) -> Script:
    """A provider that says the key it was sent, in every way it can fail."""
    page = WireResponse(502, {"content-type": "text/html"}, [Chunk(f"<h1>{key}</h1>".encode())])
    broken = streamed([f"event: message_start\ndata: {{{key}\n\n".encode()])
    event = f'event: error\ndata: {{"type":"error","error":{{"type":"api_error","message":"{key}"}}}}\n\n'
    errors = [failed(status, "api_error", f"Bearer {key} and {key}") for status in (400, 401, 403, 429, 500)]
    return Script(*errors, page, broken, streamed([event.encode()]))


@pytest.fixture(params=["debug", "info"])
def log(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    set_up_logging(request.param, [FROM_ENVIRONMENT], stream)
    yield stream
    root.handlers[:] = before
    root.setLevel(level)


@pytest.fixture
def ring(store: Store, tmp_path: Path) -> Iterator[Keyring]:
    ring = keyring(store, tmp_path, anthropic_api_key=FROM_ENVIRONMENT, read_seconds=0.05)
    yield ring
    ring.services.close()


def _dump(store: Store) -> str:
    if store.dialect == "sqlite":
        with sqlite3.connect(store.url.removeprefix("sqlite:///")) as raw:
            return "\n".join(raw.iterdump())
    with store.read() as connection:
        tables = text("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        names = connection.execute(tables).scalars().all()
        return "\n".join(str(connection.execute(text(f'SELECT * FROM "{name}"')).all()) for name in names)


def test_t9_no_fault_of_the_provider_tells_a_key_or_what_was_said(
    log: io.StringIO, ring: Keyring, store: Store
) -> None:
    told = ""
    for key in KEYS:
        if key == IN_DATABASE:
            ring.services.keys.set(ring.me, key, organisation=True)
        for fault in FAULTS:
            told += str(events_of(ring.say(f"{PROMPT} [[fault: {fault}]] [[say: one two three four]]")))
        ring.wire.instead = repeating(key)
        for _ in range(8):
            told += str(events_of(ring.say(PROMPT)))
        ring.wire.instead = None
    logging.getLogger("careless").warning("called with %s", KEYS)
    written, books = log.getvalue(), _dump(store)
    assert "careless" in written
    assert PROMPT in books
    assert set(KEYS) <= set(ring.wire.keys)
    assert [key for key in KEYS if key in written or key in told or key in books] == []
    if logging.getLogger().level >= logging.INFO:
        assert PROMPT not in written


@pytest.mark.each_database
def test_t9_no_token_or_cookie_is_told_by_the_api(log: io.StringIO, ring: Keyring) -> None:
    access, me = ring.services.access, ring.me
    token = access.tokens.create(me, TokenDraft("script", "admin", now() + timedelta(days=1))).secret
    link = access.people.set_up_link()
    assert link is not None
    cookie = access.sign_in.set_up(
        link.secret, "ada@example.org", "Ada", "four quiet grey herons", Visit("127.0.0.1")
    ).cookie
    secrets = (token, cookie, token[:-1] + "x")
    answers = [_get(ring.services, "/api/agents", secret, cookie) for secret in secrets]
    assert [status for status, _ in answers] == [200, 200, 401]
    told = log.getvalue() + str(answers)
    assert [secret for secret in secrets if secret in told or secret[4:24] in told] == []


def _get(services: Services, path: str, bearer: str, cookie: str) -> tuple[int, str]:
    """Status, headers and body of the API's answer, without a server."""
    headers = [(b"host", b"localhost"), (b"authorization", f"Bearer {bearer}".encode())]
    headers.append((b"cookie", f"session={cookie}".encode()))
    scope: dict[str, Any] = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET"}
    scope |= {"scheme": "http", "path": path, "raw_path": path.encode(), "query_string": b"", "headers": headers}
    scope |= {"client": ("127.0.0.1", 1), "server": ("localhost", 80), "root_path": ""}
    sent: list[Any] = []

    async def call() -> None:
        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await Starlette(routes=api_routes(lambda: services))(scope, receive, send)

    asyncio.run(call())
    return sent[0]["status"], str(sent)


def test_t9_no_password_of_the_database_is_told(log: io.StringIO) -> None:
    url = f"postgresql+psycopg://app:{PASSWORD}@127.0.0.1:{free_port()}/books"
    with pytest.raises(StoreError) as failure:
        open_store(url)
    logging.getLogger("careless").error("tried %s", url, exc_info=failure.value)
    assert "careless" in log.getvalue()
    assert PASSWORD not in f"{failure.value} {log.getvalue()}"
