"""The way to an identity provider: a page of our own, because one of the pages' sockets is much for a stranger."""

from collections.abc import Callable
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response

from core.api.sign_in.asked import Asked
from core.api.sign_in.card import Card, show
from core.api.sign_in.signing import SIGN_IN

_LEAD = "People sign in here with their organisation's account."


def at_provider(asked: Asked, *, way: Callable[[], str]) -> Response:
    """A click leads there by a way that is made then, because it is good for seconds only.

    No form does: browsers would not let one lead to another site, as its page's policy has it.
    """
    if asked.field("go"):
        return RedirectResponse(way(), 303, {"Cache-Control": "no-store"})
    return show(Card("Sign in", _LEAD, link=(f"{SIGN_IN}?{urlencode({'go': '1', 'next': asked.next})}", "Sign in")))
