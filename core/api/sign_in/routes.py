"""Signing in, joining with a link, signing out. Passwords block, so that everything here runs in worker threads."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeAlias
from urllib.parse import urlencode

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from core.access.links import PATH as JOIN
from core.api.sign_in.asked import Asked, read_form, refuse_foreign, visit_of
from core.api.sign_in.card import Card, show, show_error
from core.api.sign_in.joining import join, join_page
from core.api.sign_in.signing import SIGN_IN, SIGN_OUT, sign_in, sign_in_page, sign_out, sign_out_page
from core.api.sub_path import origin_of
from core.errors import AppError
from core.wiring import Services

# Those who wait for a password to be checked must not take the threads that everything else runs on.
_AT_ONCE = 8
_METHODS = ("GET", "POST")

Answer: TypeAlias = Callable[[Asked], Response]


def sign_in_routes(
    services: Callable[[], Services], way_to_provider: Callable[[], str] = lambda: "/auth/login"
) -> list[Route]:
    """Both are asked at each request."""
    limiter = CapacityLimiter(_AT_ONCE)
    provider = partial(at_provider, way=way_to_provider)
    pages: dict[str, tuple[Answer, Answer]] = {
        SIGN_IN: (sign_in_page, sign_in),
        JOIN: (join_page, join),
        SIGN_OUT: (sign_out_page, sign_out),
    }
    return [
        Route(
            path,
            _answering(services, limiter, _by_way_in(page, provider), _by_way_in(form, provider)),
            methods=["GET", "POST"],
        )
        for path, (page, form) in pages.items()
    ]


def _answering(
    services: Callable[[], Services], limiter: CapacityLimiter, page: Answer, form: Answer
) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            running = await to_thread.run_sync(services, limiter=limiter)
            sent = request.method == "POST"
            if sent:
                refuse_foreign(request, origin_of(running.settings.public_url))
            fields = await read_form(request) if sent else dict(request.query_params)
            asked = Asked(running, visit_of(request), fields)
            return await to_thread.run_sync(partial(form if sent else page, asked), limiter=limiter)
        except AppError as error:
            return show_error(Card("That did not work", link=(SIGN_IN, "Go to sign-in")), error)

    return answer


def _by_way_in(with_password: Answer, provider: Answer) -> Answer:
    def answer(asked: Asked) -> Response:
        match asked.services.settings.auth:
            case "accounts":
                return with_password(asked)
            case "oidc":
                return provider(asked)
            case "none":
                return show(Card("No sign-in is needed", "This installation serves one person.", link=("/", "Open it")))

    return answer


_LEAD = "People sign in here with their organisation's account."


def at_provider(asked: Asked, *, way: Callable[[], str]) -> Response:
    """Lead to the provider, by a way that is made at the click, because it is good for seconds only.

    No form does: browsers would not let one lead to another site, as its page's policy has it.
    """
    if asked.field("go"):
        return RedirectResponse(way(), 303, {"Cache-Control": "no-store"})
    return show(Card("Sign in", _LEAD, link=(f"{SIGN_IN}?{urlencode({'go': '1', 'next': asked.next})}", "Sign in")))
