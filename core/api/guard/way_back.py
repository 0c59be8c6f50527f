"""From the identity provider back to the page that was wanted."""

from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.api.cookies import WANTED_COOKIE
from core.api.sign_in.asked import local
from core.api.sign_in.signing import SIGN_IN
from core.api.sub_path import inner

LEAVES: Final = "/auth/login"
RETURNS: Final = "/oauth2callback"
_GOOD_FOR_SECONDS = 600
_LARGEST_COOKIE = 3_000


class WayBack:
    """Streamlit leads everybody who returns to the first page; what they wanted a cookie keeps meanwhile."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        change = {LEAVES: _keep, RETURNS: _lead_back}.get(scope["path"]) if scope["type"] == "http" else None

        async def send_changed(message: Message) -> None:
            if change and message["type"] == "http.response.start" and 300 <= message["status"] < 400:
                change(Headers(scope=scope), MutableHeaders(raw=message["headers"]))
            await send(message)

        await self._app(scope, receive, send_changed)


def _keep(asked: Headers, answer: MutableHeaders) -> None:
    """The page that the browser comes from, or that it wanted before it was asked to sign in."""
    page = urlsplit(asked.get("referer", ""))
    path = inner(page.path)
    if page.netloc == asked.get("host") and path is not None:
        asked_for = path + (f"?{page.query}" if page.query else "")
        wanted = local(dict(parse_qsl(page.query)).get("next", "/") if path == SIGN_IN else asked_for)
        value = quote(wanted, safe="/")
        answer.append("set-cookie", _cookie(value, _GOOD_FOR_SECONDS) if len(value) <= _LARGEST_COOKIE else _cookie())


def _lead_back(asked: Headers, answer: MutableHeaders) -> None:
    wanted = cookie_parser(asked.get("cookie", "")).get(WANTED_COOKIE)
    if wanted is not None:
        answer.append("set-cookie", _cookie())
        if answer.get("location") == "/":
            answer["location"] = local(unquote(wanted))


def _cookie(value: str = "", seconds: int = 0) -> str:
    """Lax, because the way back begins on another site."""
    return f"{WANTED_COOKIE}={value}; Max-Age={seconds}; Path={RETURNS}; HttpOnly; SameSite=Lax"
