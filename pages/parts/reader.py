"""Who reads the pages: whoever the browser's cookie belongs to, by the database, each time it matters."""

from dataclasses import replace
from functools import partial

import streamlit as st

from core.access.roles import Person
from core.access.sessions import Session
from core.api.cookies import SESSION_COOKIE
from core.errors import NotSignedIn
from core.wiring import Services

_WHOSE = "whose-pages"


def for_reader(services: Services) -> Services:
    """The services with ``me`` being whoever reads; without sign-in they are as they were."""
    return replace(services, who=partial(_who, services)) if services.settings.auth == "accounts" else services


def for_later(services: Services) -> Services:
    """The same for what is asked outside a script, where nothing of the browser is known: by the cookie it has now."""
    if services.settings.auth == "none":
        return services
    secret = _cookie()
    return replace(services, who=lambda: services.access.sessions.check(secret).person)


def browser(services: Services) -> Session:
    """The sign-in of this browser. Raises NotSignedIn."""
    return services.access.sessions.check(_cookie())


def reader(services: Services) -> Person | None:
    """Who reads, None if that has to be found out first; what the pages remember of another person is forgotten."""
    try:
        person = for_reader(services).me
    except NotSignedIn:
        return None
    if st.session_state.get(_WHOSE, person.id) != person.id:
        st.session_state.clear()
    st.session_state[_WHOSE] = person.id
    return person


def sign_out(services: Services) -> None:
    services.access.sessions.sign_out(_cookie())


def _cookie() -> str:
    return st.context.cookies.get(SESSION_COOKIE, "")


def _who(services: Services) -> Person:
    return browser(services).person
