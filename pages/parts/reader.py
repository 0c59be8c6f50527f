"""Who reads the pages: whoever the browser's cookie belongs to, by the database, each time it matters."""

from dataclasses import replace
from functools import partial

import streamlit as st

from core.access.roles import Person
from core.access.sessions import Session
from core.api.cookies import SESSION_COOKIE
from core.errors import NotAllowed, NotSignedIn
from core.wiring import Services
from pages.parts.oidc import leave_oidc, oidc_session

_WHOSE = "whose-pages"


def for_reader(services: Services) -> Services:
    """The services with ``me`` being whoever reads; without sign-in they are as they were."""
    return services if services.settings.auth == "none" else replace(services, who=partial(_who, services))


def browser(services: Services) -> Session:
    """The sign-in of this browser. Raises NotSignedIn; NotAllowed for who signed in but does not belong here."""
    if services.settings.auth == "oidc":
        return oidc_session(services)
    return services.access.sessions.check(st.context.cookies.get(SESSION_COOKIE, ""))


def reader(services: Services) -> Person | None:
    """Who reads, None if that has to be found out first; what the pages remember of another person is forgotten."""
    try:
        person = for_reader(services).me
    except (NotSignedIn, NotAllowed):
        return None
    if st.session_state.get(_WHOSE, person.id) != person.id:
        st.session_state.clear()
    st.session_state[_WHOSE] = person.id
    return person


def sign_out(services: Services) -> None:
    """Raises StoreError."""
    if services.settings.auth == "oidc":
        leave_oidc(services)
        return
    services.access.sessions.sign_out(st.context.cookies.get(SESSION_COOKIE, ""))


def _who(services: Services) -> Person:
    return browser(services).person
