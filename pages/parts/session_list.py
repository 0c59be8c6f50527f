"""Where somebody is signed in, and ending that."""

from functools import partial

import streamlit as st

from core.access.sessions import SessionView
from core.wiring import Services
from pages.parts.markdown import as_text
from pages.parts.problems import attempt
from pages.parts.times import moment


def draw_sessions(services: Services, person_id: str, this: str = "") -> None:
    """``this`` is the id of the reader's own, which is left by signing out."""
    sessions = services.access.sessions.list(services.me, person_id)
    for session in sessions:
        _draw(services, session, here=session.id == this)
    if not sessions:
        st.caption("Signed in nowhere.")


def end_others(services: Services, this: str) -> None:
    """End all of the reader's own but for this one."""
    for session in services.access.sessions.list(services.me):
        if session.id != this:
            services.access.sessions.revoke(services.me, session.id)


def _draw(services: Services, session: SessionView, *, here: bool) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        with st.container(gap=None, width="stretch"):
            st.markdown(f"**{as_text(browser_name(session.user_agent))}**{' :green-badge[This browser]' * here}")
            at = f"signed in {moment(session.created_at)} · last seen {moment(session.last_seen_at)}"
            st.caption(f"{as_text(session.address)} · {at}")
        if not here:
            end = partial(_end, services, session.id)
            st.button("Sign out", key=f"end-{session.id}", icon=":material/logout:", on_click=attempt, args=(end,))


def _end(services: Services, session_id: str) -> None:
    services.access.sessions.revoke(services.me, session_id)


_BROWSERS = {
    "Edg": "Edge",
    "OPR/": "Opera",
    "SamsungBrowser": "Samsung Internet",
    "Firefox/": "Firefox",
    "FxiOS": "Firefox",
    "CriOS": "Chrome",
    "Chrome/": "Chrome",
    "Safari/": "Safari",
}
_SYSTEMS = {
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "CrOS": "ChromeOS",
    "Windows": "Windows",
    "Mac OS X": "macOS",
    "Linux": "Linux",
}


def browser_name(user_agent: str) -> str:
    """Name the browser as "Firefox on Linux"; the words themselves where they say neither."""
    browser, system = _first(_BROWSERS, user_agent), _first(_SYSTEMS, user_agent)
    if browser and system:
        return f"{browser} on {system}"
    return browser or system or user_agent or "An unknown browser"


def _first(names: dict[str, str], user_agent: str) -> str:
    return next((name for sign, name in names.items() if sign in user_agent), "")
