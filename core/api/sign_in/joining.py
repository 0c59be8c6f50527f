"""What one-time links open: joining, choosing another password, setting up the first admin."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from starlette.responses import Response

from core.access.identity import checked_email, checked_name
from core.access.links import PATH, LinkKind, Opened
from core.access.passwords import SHORTEST, refuse_weak
from core.access.sessions import SignedIn
from core.api.sign_in.asked import Asked
from core.api.sign_in.card import EMAIL, PASSWORD, Card, Field, Form, Typed, show, show_error
from core.api.sign_in.signing import welcome
from core.errors import InputError, TooManyRequests

_HINT = f"At least {SHORTEST} characters. A few words in a row are a good one."
_NAME = Field("name", "Your name", "text", "name")
_NEW = Field("password", "New password", "password", "new-password", _HINT, least=SHORTEST)
_AGAIN = replace(PASSWORD, name="again", label="The same again", autocomplete="new-password")
_WORDS: dict[LinkKind, tuple[str, str, str]] = {
    "invite": ("Welcome, {name}", "Choose a password. With it you sign in from now on.", "Join"),
    "reset": ("Choose a new password", "It holds at once. Other browsers are signed out, API tokens revoked.", "Save"),
    "setup": ("Set up Command Center", "You become its first admin, and can invite others then.", "Begin"),
}


def join_page(asked: Asked) -> Response:
    """Looking does not use the link up."""
    opened = asked.services.access.sign_in.open_link(asked.field("link"))
    return show(_card(asked, opened), Typed({"email": opened.email}))


def join(asked: Asked) -> Response:
    """Raises NotAllowed if the link is no good any more."""
    opened = asked.services.access.sign_in.open_link(asked.field("link"))
    typed = {"name": asked.field("name"), "email": asked.field("email") if opened.kind == "setup" else opened.email}
    errors = _errors(asked, opened, typed)
    if errors:
        return show(_card(asked, opened), Typed(typed, errors), status=400)
    try:
        return welcome(asked, _enter(asked, opened, typed))
    except (InputError, TooManyRequests) as error:
        return show_error(_card(asked, opened), error, typed)


def _enter(asked: Asked, opened: Opened, typed: dict[str, str]) -> SignedIn:
    link, password = asked.field("link"), asked.field("password")
    doors = asked.services.access.sign_in
    if opened.kind == "setup":
        return doors.set_up(link, typed["email"], typed["name"], password, asked.visit)
    return doors.accept(link, password, asked.visit)


def _errors(asked: Asked, opened: Opened, typed: dict[str, str]) -> dict[str, str]:
    """Say what is wrong with which field."""
    password = asked.field("password")
    checks: dict[str, Callable[[], Any]] = {"password": lambda: refuse_weak(password, typed["email"].strip().lower())}
    if opened.kind == "setup":
        checks |= {"name": lambda: checked_name(typed["name"]), "email": lambda: checked_email(typed["email"])}
    errors = {name: said for name, check in checks.items() if (said := _said(check))}
    if password != asked.field("again"):
        errors.setdefault("again", "This is not the same as above.")
    return errors


def _said(check: Callable[[], object]) -> str | None:
    try:
        check()
    except InputError as error:
        return error.for_user
    return None


def _card(asked: Asked, opened: Opened) -> Card:
    title, lead, button = _WORDS[opened.kind]
    who = (_NAME, EMAIL) if opened.kind == "setup" else (replace(EMAIL, readonly=True),)
    form = Form(PATH, button, (*who, _NEW, _AGAIN), {"link": asked.field("link")})
    return Card(title.format(name=opened.name), lead, form)
