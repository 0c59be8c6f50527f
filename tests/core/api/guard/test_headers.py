"""Every answer carries what keeps it what it is."""

import base64
import hashlib
import re
from pathlib import Path

import pytest
import streamlit
from starlette.types import ASGIApp, Receive, Scope, Send

from core.api.guard.guard import guard
from core.api.guard.headers import CONTENT_SECURITY_POLICY, HEADERS, SafeHeaders
from core.settings import Settings
from tests.core.api.guard.asking import Echo, ask
from tests.core.api.guard.rooms import Rooms, no_sessions


def _settings(**chosen: str) -> Settings:
    return Settings(_env_file=None, **chosen)  # type: ignore[arg-type]


def test_t23_an_answer_has_them_all_and_keeps_its_own() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"X-Frame-Options", b"SAMEORIGIN")]})
        await send({"type": "http.response.body"})

    assert ask(SafeHeaders(app)).headers == HEADERS | {"x-frame-options": "SAMEORIGIN"}
    assert ask(SafeHeaders(app), "/api/agents").headers["cache-control"] == "no-store"
    assert ask(SafeHeaders(app, https=True)).headers["strict-transport-security"] == "max-age=31536000"


def test_t23_a_failure_before_the_answer_began_is_answered_and_told_to_the_log() -> None:
    answers = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("secret")

    async def keep(scope: Scope, receive: Receive, send: Send) -> None:
        with pytest.raises(RuntimeError):
            await SafeHeaders(app)(scope, receive, send)
        answers.append(scope)

    answer = ask(keep)
    assert answers
    assert answer.status == 500
    assert answer.headers.items() >= HEADERS.items()
    assert b"secret" not in answer.body


def test_t23_a_refused_handshake_has_them_too() -> None:
    app = _guarded(Echo())
    asked = {"type": "websocket", "extensions": {"websocket.http.response": {}}}
    answer = ask(app, headers={"host": "evil.example"}, **asked)  # type: ignore[arg-type]
    assert answer.status == 400
    assert answer.headers.items() >= HEADERS.items()


def _guarded(app: ASGIApp, **chosen: str) -> ASGIApp:
    for layer in reversed(guard(_settings(**chosen), [], Rooms(), no_sessions)):
        app = layer.cls(app, *layer.args, **layer.kwargs)
    return app


def test_only_a_public_address_with_tls_asks_browsers_to_stay_with_it() -> None:
    for url, said in (("https://c.example", True), ("http://c.example", False), ("", False)):
        assert ("strict-transport-security" in ask(_guarded(Echo(), public_url=url)).headers) is said


def test_strangers_are_led_to_sign_in_only_where_people_sign_in() -> None:
    provider = {"oidc_discovery_url": "https://id.test/about", "oidc_client_id": "us", "oidc_client_secret": "a secret"}
    provider["oidc_admins"] = "root@example.org"
    for auth, status in (("accounts", 303), ("oidc", 303), ("none", 200)):
        assert ask(_guarded(Echo(), auth=auth, **provider), headers={"accept": "text/html"}).status == status


def test_the_inline_scripts_of_the_pages_are_the_ones_that_may_run() -> None:
    """Streamlit's own, and ours, which stands at the end of the page."""
    index = (Path(streamlit.__file__).parent / "static" / "index.html").read_text()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
        await send({"type": "http.response.body", "body": index.encode()})

    page = ask(_guarded(app), headers={"accept": "text/html"}).body.decode()
    hashes = [
        base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        for script in re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    ]
    assert hashes == re.findall(r"'sha256-([^']+)'", CONTENT_SECURITY_POLICY)
    assert len(hashes) == 2
