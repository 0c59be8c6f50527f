"""Who calls, and the running parts: what every endpoint begins with."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, TypeAlias

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer
from fastapi.security.http import HTTPAuthorizationCredentials

from core.access.roles import Person
from core.errors import NotSignedIn
from core.wiring import Services

_HOW = "Send the header Authorization: Bearer TOKEN, with an API token or what /api/auth/login gave you."


def running(request: Request) -> Services:
    services: Services = request.app.state.services()
    return services


Running: TypeAlias = Annotated[Services, Depends(running)]


_bearer = HTTPBearer(
    scheme_name="bearer",
    description="An API token, or the access token of `POST /api/auth/login`.",
    auto_error=False,
)
_Documented: TypeAlias = Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]


def caller(request: Request, services: Running, _: _Documented) -> Person:
    """By the Bearer token alone, never by a cookie; without sign-in, whoever calls without one is the local person.

    Raises NotSignedIn.
    """
    header = request.headers.get("authorization", "")
    if not header and services.settings.auth == "none":
        return services.me
    return services.access.bearer(bearer_secret(header))


def bearer_secret(header: str) -> str:
    """Of an Authorization header. Raises NotSignedIn."""
    scheme, _, secret = header.partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        raise NotSignedIn(_HOW)
    return secret.strip()


Caller: TypeAlias = Annotated[Person, Depends(caller)]


def checking(request: Request, services: Running, documented: _Documented) -> Callable[[], Person]:
    """For answers that take long: who calls may be somebody else, or nobody, by now."""
    return partial(caller, request, services, documented)


Checking: TypeAlias = Annotated[Callable[[], Person], Depends(checking)]
