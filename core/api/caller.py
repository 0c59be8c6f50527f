"""Who calls, and the running parts: what every endpoint begins with."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, TypeAlias

from fastapi import Depends, Request

from core.access.roles import Person
from core.errors import NotSignedIn
from core.wiring import Services

_HOW = "Send the header Authorization: Bearer TOKEN, with an API token or what /api/auth/login gave you."


def running(request: Request) -> Services:
    services: Services = request.app.state.services()
    return services


Running: TypeAlias = Annotated[Services, Depends(running)]


def caller(request: Request, services: Running) -> Person:
    """By the Bearer token alone, never by a cookie; without sign-in, whoever calls without one is the local person.

    Raises NotSignedIn.
    """
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if not scheme and services.settings.auth == "none":
        return services.me
    if scheme.lower() != "bearer" or not secret:
        raise NotSignedIn(_HOW)
    return services.access.bearer(secret.strip())


Caller: TypeAlias = Annotated[Person, Depends(caller)]


def checking(request: Request, services: Running) -> Callable[[], Person]:
    """For answers that take long: who calls may be somebody else, or nobody, by now."""
    return partial(caller, request, services)


Checking: TypeAlias = Annotated[Callable[[], Person], Depends(checking)]
