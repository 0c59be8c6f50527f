"""Who reads the pages: the person the browser's cookie belongs to, by the database, each time it matters."""

from dataclasses import replace
from functools import partial

import streamlit as st

from core.access.roles import Person
from core.access.sessions import Session
from core.api.cookies import SESSION_COOKIE
from core.errors import AppError, NotAllowed, NotSignedIn
from core.wiring import Services, services
from pages.parts.oidc import leave_provider, oidc_cookie, oidc_session

_WHOSE = "whose-pages"


def for_reader(running: Services) -> Services:
    """Return the services with ``me`` being the reader; without sign-in they are as they were."""
    return running if running.settings.auth == "none" else replace(running, who=partial(_who, running))


def for_later(running: Services) -> Services:
    """Return the same outside a script, where nothing of the browser is known: by the cookie it has now."""
    if running.settings.auth == "none":
        return running
    secret = _cookie(running)
    return replace(running, who=lambda: running.access.sessions.check(secret).person)


def browser(running: Services) -> Session:
    """Return the sign-in of this browser. Raises NotSignedIn; NotAllowed for who signed in but does not belong here."""
    if running.settings.auth == "oidc":
        return oidc_session(running)
    return running.access.sessions.check(_cookie(running))


def reader(running: Services) -> Person | None:
    """Return who reads, None if that has to be found out first; what the pages remember of others is forgotten."""
    try:
        person = for_reader(running).me
    except (NotSignedIn, NotAllowed):
        return None
    if st.session_state.get(_WHOSE, person.id) != person.id:
        st.session_state.clear()
    st.session_state[_WHOSE] = person.id
    return person


def is_inside() -> bool:
    """Return whether somebody reads; also where something is wrong that each page says by itself."""
    try:
        return reader(services()) is not None
    except AppError:
        return True


def sign_out(running: Services) -> None:
    """Raises NotSignedIn, StoreError."""
    running.access.sessions.sign_out(_cookie(running))
    if running.settings.auth == "oidc":
        leave_provider()


def _cookie(running: Services) -> str:
    """Raises NotSignedIn."""
    if running.settings.auth == "oidc":
        return oidc_cookie(running)
    return st.context.cookies.get(SESSION_COOKIE, "")


def _who(running: Services) -> Person:
    return browser(running).person
