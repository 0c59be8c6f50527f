"""The form with e-mail and password, and the way out."""

from contextlib import suppress
from datetime import timedelta
from typing import Final

from starlette.responses import RedirectResponse, Response

from core.access.sessions import Session, SignedIn
from core.api.cookies import SESSION_COOKIE
from core.api.sign_in.asked import Asked
from core.api.sign_in.card import EMAIL, PASSWORD, Card, Form, show, show_error
from core.clock import now
from core.errors import NotSignedIn, TooManyRequests
from core.place import COMMAND
from core.settings import Settings

SIGN_IN: Final = "/sign-in"
SIGN_OUT: Final = "/sign-out"

_NOT_SET_UP = Card(
    "Nobody has set this up yet",
    "Open the address that the server printed on its console when it started. You become the first admin there.",
    note=f"Is it lost, or older than a day? The command {COMMAND} access link prints another.",
    link=(SIGN_IN, "Look again"),
)
_NO_ACCOUNT = "No account, or a forgotten password? An admin can send you a link."


def sign_in_page(asked: Asked) -> Response:
    if session_of(asked) is not None:
        return _go(asked.next)
    return show(_card(asked))


def sign_in(asked: Asked) -> Response:
    email = asked.field("email")
    try:
        signed_in = asked.services.access.sign_in.sign_in(email, asked.field("password"), asked.visit)
    except (NotSignedIn, TooManyRequests) as error:
        return show_error(_card(asked), error, {"email": email})
    return welcome(asked, signed_in)


def welcome(asked: Asked, signed_in: SignedIn) -> Response:
    """Lead on to where they wanted to go; who was signed in with this browser before is so no more."""
    asked.services.access.sessions.sign_out(asked.visit.cookie)
    response = _go(asked.next)
    left: timedelta = signed_in.session.expires_at - now()
    _set_cookie(response, asked.services.settings, signed_in.cookie, int(left.total_seconds()))
    return response


def sign_out_page(asked: Asked) -> Response:
    session = session_of(asked)
    if session is None:
        return _go(SIGN_IN)
    lead = f"You are signed in as {session.person.name}. Answers that are being written go on without you for a while."
    return show(Card("Sign out?", lead, Form(SIGN_OUT, "Sign out"), link=("/", "Stay signed in")))


def sign_out(asked: Asked) -> Response:
    asked.services.access.sessions.sign_out(asked.visit.cookie)
    response = _go(SIGN_IN)
    _set_cookie(response, asked.services.settings, "", 0)
    return response


def session_of(asked: Asked) -> Session | None:
    with suppress(NotSignedIn):
        return asked.services.access.sessions.check(asked.visit.cookie)
    return None


def _card(asked: Asked) -> Card:
    if not asked.services.access.people.is_set_up():
        return _NOT_SET_UP
    form = Form(SIGN_IN, "Sign in", (EMAIL, PASSWORD), {"next": asked.next})
    return Card("Sign in", form=form, note=_NO_ACCOUNT)


def _go(address: str) -> Response:
    return RedirectResponse(address, 303, {"Cache-Control": "no-store"})


def _set_cookie(response: Response, chosen: Settings, value: str, seconds: int) -> None:
    response.set_cookie(
        SESSION_COOKIE,
        value,
        max_age=seconds,
        path="/",
        secure=chosen.public_url.startswith("https://"),
        httponly=True,
        samesite="strict",
    )
