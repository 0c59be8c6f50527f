"""The way in and out: what is drawn for people who have to sign in, and who is signed in."""

import streamlit as st

from core.access.roles import Person
from core.api.sign_in.signing import SIGN_IN
from core.settings import settings
from core.wiring import Services, services
from pages.parts.leading import go_to, go_to_sign_in
from pages.parts.markdown import as_text
from pages.parts.oidc import draw_oidc_way_in
from pages.parts.problems import attempt
from pages.parts.reader import sign_out
from pages.parts.unsent import UNSENT


def draw_way_in() -> None:
    """Draw the way in, in place of a page; from signing in people come back to it."""
    with st.container(horizontal_alignment="center"), st.container(border=True, width=420, gap="small"):
        st.header("Sign in to go on", anchor=False)
        if settings().auth == "oidc":
            draw_oidc_way_in(services())
        else:
            st.markdown("You are not signed in.")
            st.button("Sign in", type="primary", icon=":material/login:", on_click=go_to_sign_in)
        _draw_unsent()


def _draw_unsent() -> None:
    """Signing in begins the pages again, so that this is the last place where it can be had."""
    texts = [each.text for each in st.session_state.get(UNSENT, {}).values() if each.text]
    if texts:
        st.warning("This was not sent. Copy what you want to keep.", icon=":material/undo:")
    for text in texts:
        st.code(text, language=None, wrap_lines=True)


def draw_reader(services: Services, reader: Person) -> None:
    """Draw who is signed in, and the way out; nothing without sign-in."""
    if services.settings.auth == "none":
        return
    with (
        st.sidebar,
        st.popover(as_text(reader.name), icon=":material/account_circle:", type="tertiary", wrap=False),
    ):
        st.caption(f"Signed in as {reader.role}")
        st.page_link("pages/account.py", label="Account", icon=":material/manage_accounts:")
        st.button("Sign out", icon=":material/logout:", type="tertiary", on_click=_leave, args=(services,))


def _leave(services: Services) -> None:
    attempt(lambda: sign_out(services))
    if services.settings.auth != "oidc":
        go_to(SIGN_IN)
