"""Signing in over HTTP: a password for an access token, who one is, and the end of it."""

from datetime import datetime
from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import Field

from core.access.roles import Permission, may
from core.access.visit import Visit
from core.api.caller import Caller, Running, bearer_secret
from core.api.problems import raises
from core.api.wire import Given, Wire
from core.errors import InputError, NotAllowed, NotSignedIn, TooManyRequests

auth = APIRouter(prefix="/api/auth", tags=["signing in"])

_NOT_BY_PASSWORD = {
    "none": "No sign-in is needed here: leave the Authorization header out.",
    "oidc": "People sign in with their organisation's provider in the browser; a program uses an API token.",
}


class Credentials(Wire):
    email: str = Field(max_length=320, examples=["ada@example.org"])
    password: str = Field(max_length=1_000, examples=["four quiet grey herons"])


class AccessToken(Wire):
    access_token: str = Field(description="For the header `Authorization: Bearer …`; it is never shown again.")
    token_type: Literal["Bearer"] = Field("Bearer")
    expires_at: datetime


class NewPassword(Given):
    old: str = Field(max_length=1_000, examples=["four quiet grey herons"])
    new: str = Field(max_length=1_000, examples=["five loud green parrots"])
    revoke_tokens: bool = Field(False, description="Also of every API token of one's own.")


class Changed(Wire):
    tokens_revoked: int


class Me(Wire):
    id: str
    name: str
    role: Literal["operator", "finance", "admin"] = Field(description="Through an API token the lesser of both roles.")
    token_id: str | None = Field(description="Of the API token that is used; null without one.")
    consents: bool = Field(description="Whether it may let tools run that wait for consent.")
    agents: list[str] | None = Field(description="Ids of the agents that the token is for; null means all.")


@auth.post("/login", responses=raises(NotSignedIn, NotAllowed, TooManyRequests))
def log_in(request: Request, services: Running, given: Credentials) -> AccessToken:
    """Exchange e-mail address and password for an access token.

    Whatever is wrong, the answer is the same. Too many attempts have to wait.
    """
    why_not = _NOT_BY_PASSWORD.get(services.settings.auth)
    if why_not is not None:
        raise NotAllowed(why_not)
    visit = Visit(request.client.host if request.client else "", request.headers.get("user-agent", ""))
    signed_in = services.access.sign_in.sign_in(given.email, given.password, visit)
    return AccessToken(access_token=signed_in.cookie, expires_at=signed_in.session.expires_at)


@auth.post("/logout", status_code=204, responses=raises(InputError))
def log_out(request: Request, services: Running, by: Caller) -> Response:
    """End the session of the access token that is used, at once."""
    header = request.headers.get("authorization", "")
    if not header or by.token_id is not None:
        raise InputError("There is no session to end: this is an API token, or none. Tokens are revoked on Account.")
    services.access.sessions.sign_out(bearer_secret(header))
    return Response(status_code=204)


@auth.post("/password", responses=raises(NotAllowed, TooManyRequests))
def change_password(request: Request, services: Running, by: Caller, given: NewPassword) -> Changed:
    """Change one's own, with the access token of signing in: other sessions end and, if wished, API tokens."""
    if services.settings.auth != "accounts" or by.token_id is not None:
        raise NotAllowed("A password is changed with the access token of /api/auth/login, where people have passwords.")
    session = services.access.sessions.check(bearer_secret(request.headers.get("authorization", "")))
    revoked = services.access.sign_in.change_password(session, given.old, given.new, revoke=given.revoke_tokens)
    return Changed(tokens_revoked=revoked)


@auth.get("/me")
def who_am_i(by: Caller) -> Me:
    """Say whom the token makes the caller, and what it may be used for."""
    agents = None if by.agents is None else sorted(by.agents)
    consents = may(by, Permission.CONSENT)
    return Me(id=by.id, name=by.name, role=by.role, token_id=by.token_id, consents=consents, agents=agents)
