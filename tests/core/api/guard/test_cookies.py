"""Cookies go over HTTPS alone where people open it with HTTPS, whoever set them."""

import asyncio
from typing import Any

from core.api.guard.cookies import SecureCookies
from core.api.guard.guard import guard
from core.settings import Settings
from tests.core.api.guard.rooms import Rooms, no_sessions

SET = [
    (b"content-type", b"text/html"),
    (b"Set-Cookie", b"_streamlit_user=a.b; Path=/; HttpOnly; SameSite=lax"),
    (b"set-cookie", b"ours=1; secure; Path=/"),
    (b"set-cookie", b"insecure=secure"),
]


def test_every_cookie_is_marked_once_and_nothing_else_is_changed() -> None:
    sent: list[Any] = []

    async def answer(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": SET})
        await send({"type": "http.response.body", "body": b"set-cookie: x"})

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(SecureCookies(answer)({"type": "http"}, None, send))  # type: ignore[arg-type]
    start, body = sent
    assert start["headers"] == [
        SET[0],
        (SET[1][0], SET[1][1] + b"; Secure"),
        SET[2],
        (SET[3][0], SET[3][1] + b"; Secure"),
    ]
    assert body == {"type": "http.response.body", "body": b"set-cookie: x"}


def test_only_where_people_open_it_with_https() -> None:
    for url, marked in (("https://command.example.org", 1), ("http://command.example.org", 0), ("", 0)):
        layers = [layer.cls for layer in guard(Settings(_env_file=None, public_url=url), [], Rooms(), no_sessions)]
        assert layers.count(SecureCookies) == marked  # type: ignore[arg-type]
