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


def browser(services: Services) -> Session:
    """The sign-in of this browser. Raises NotSignedIn."""
    return services.access.sessions.check(st.context.cookies.get(SESSION_COOKIE, ""))


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
    services.access.sessions.sign_out(st.context.cookies.get(SESSION_COOKIE, ""))


def _who(services: Services) -> Person:
    return browser(services).person
