"""Who calls, and the running parts: what every endpoint begins with."""

from collections.abc import Callable, Collection
from functools import partial
from typing import Annotated, TypeAlias
from urllib.parse import urlsplit

from fastapi import Depends, Request, Security
from fastapi.concurrency import run_in_threadpool
from fastapi.security import HTTPBearer
from fastapi.security.http import HTTPAuthorizationCredentials

from core.access.roles import Person
from core.access.secret_tokens import is_secret
from core.api.cookies import SESSION_COOKIE
from core.errors import NotAllowed, NotSignedIn
from core.wiring import Services

_HOW = "Send the header Authorization: Bearer TOKEN, with an API token or what /api/auth/login gave you."


# What waits for nothing is a coroutine here: FastAPI would have a thread do anything else.
async def running(request: Request) -> Services:
    services: Services = request.app.state.services()
    return services


Running: TypeAlias = Annotated[Services, Depends(running)]


_bearer = HTTPBearer(
    scheme_name="bearer",
    description="An API token, or the access token of `POST /api/auth/login`.",
    auto_error=False,
)
_Documented: TypeAlias = Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]


def caller(request: Request, services: Services) -> Person:
    """Know the caller by the Bearer token alone, never by a cookie; without sign-in and token it is the local person.

    Raises NotSignedIn.
    """
    return _local(request, services) or services.access.bearer(bearer_secret(_shown(request)))


async def _calling(request: Request, services: Running, _: _Documented) -> Person:
    local = _local(request, services)
    return await run_in_threadpool(caller, request, services) if local is None else local


def _shown(request: Request) -> str:
    return request.headers.get("authorization", "")


def _local(request: Request, services: Services) -> Person | None:
    is_local = services.settings.auth == "none" and _none_of_ours(_shown(request))
    return services.me if is_local else None


def _none_of_ours(header: str) -> bool:
    """No token, or what scripts send where they were given none; one of ours that has ended does not become more."""
    scheme, _, secret = header.partition(" ")
    return not header or (scheme.lower() == "bearer" and not is_secret(secret.strip()))


def browser(request: Request, services: Running, _: _Documented) -> Person:
    """Know the reader of a page, which can set no header, by the session's cookie or, without sign-in, as local.

    Raises NotSignedIn, NotAllowed.
    """
    if request.headers.get("authorization"):
        return caller(request, services)
    if not _is_from_our_page(request, services.settings.origins):
        raise NotAllowed("Only pages of Command Center itself may ask in this way. Send a POST with a token.")
    if services.settings.auth == "none":
        return services.me
    return services.access.sessions.check(request.cookies.get(SESSION_COOKIE, "")).person


def _is_from_our_page(request: Request, allowed: Collection[str]) -> bool:
    """Judge by what browsers say of it, where they do; a program that says nothing has no cookie of anybody's."""
    headers, host = request.headers, request.headers.get("host", "")
    site, origin, page = (headers.get(name) for name in ("sec-fetch-site", "origin", "referer"))
    if "text/html" in headers.get("accept", ""):
        return False  # somebody follows a link, or opens an address
    if origin in allowed:
        return SESSION_COOKIE not in request.cookies
    if site is not None:
        return site == "same-origin"
    said = [each for each in (origin, page) if each]
    return all(urlsplit(each).netloc == host for each in said) and bool(said or SESSION_COOKIE not in request.cookies)


def bearer_secret(header: str) -> str:
    """Return the secret of an Authorization header. Raises NotSignedIn."""
    scheme, _, secret = header.partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        raise NotSignedIn(_HOW)
    return secret.strip()


Caller: TypeAlias = Annotated[Person, Depends(_calling)]


async def checking(request: Request, services: Running) -> Callable[[], Person]:
    """Return what finds the caller again during answers that take long: it may be somebody else, or nobody, by now."""
    return partial(caller, request, services)


Browser: TypeAlias = Annotated[Person, Depends(browser)]


async def checking_browser(request: Request, services: Running, documented: _Documented) -> Callable[[], Person]:
    return partial(browser, request, services, documented)


CheckingBrowser: TypeAlias = Annotated[Callable[[], Person], Depends(checking_browser)]
Checking: TypeAlias = Annotated[Callable[[], Person], Depends(checking)]
