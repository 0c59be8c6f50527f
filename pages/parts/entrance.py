"""The way in and out: what is drawn for whoever has to sign in, and who is signed in."""

from urllib.parse import urlencode

import streamlit as st
from streamlit.navigation.page import StreamlitPage
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core.api.sign_in.signing import SIGN_IN
from core.errors import AppError
from core.settings import settings
from core.wiring import services
from pages.parts.markdown import as_text
from pages.parts.oidc import draw_oidc_way_in
from pages.parts.problems import UNSENT, attempt
from pages.parts.reader import for_reader, reader, sign_out


def is_inside() -> bool:
    """Whether pages may be drawn; also where something is wrong that each page says by itself."""
    try:
        return reader(services()) is not None
    except AppError:
        return True


def draw_way_in(wanted: StreamlitPage) -> None:
    """In place of everything else; from signing in people come back to the page they wanted."""
    with st.container(horizontal_alignment="center"), st.container(border=True, width=420, gap="small"):
        st.header("Sign in to go on", anchor=False)
        if settings().auth == "oidc":
            draw_oidc_way_in(services())
        else:
            st.markdown("You are not signed in, or not any more.")
            address = f"{SIGN_IN}?{urlencode({'next': _address(wanted)})}"
            st.button("Sign in", type="primary", icon=":material/login:", on_click=go_to, args=(address,))
        _draw_unsent()


def _draw_unsent() -> None:
    """Signing in begins the pages anew, so that this is the last place where it can be had."""
    texts = [text for _, text, _ in st.session_state.get(UNSENT, {}) if text]
    if texts:
        st.warning("This was not sent. Copy what you want to keep.", icon=":material/undo:")
    for text in texts:
        st.code(text, language=None, wrap_lines=True)


def draw_reader() -> None:
    """Who is signed in, and the way out; nothing without sign-in."""
    try:
        running = for_reader(services())
        if running.settings.auth == "none":
            return
        me = running.me
    except AppError:
        return  # the page says it
    with st.sidebar, st.popover(as_text(me.name), icon=":material/account_circle:", width="stretch", type="tertiary"):
        st.caption(f"Signed in as {me.role}")
        st.page_link("pages/account.py", label="Account", icon=":material/manage_accounts:")
        st.button("Sign out", icon=":material/logout:", type="tertiary", on_click=_leave)


def go_to(address: str) -> None:
    """Leave the pages for another address of this server in the same tab, for which links have no way."""
    message, context = ForwardMsg(), get_script_run_ctx()
    message.auth_redirect.url = address
    if context is not None:
        context.enqueue(message)


def _leave() -> None:
    attempt(lambda: sign_out(services()))
    if settings().auth != "oidc":
        go_to(SIGN_IN)


def _address(wanted: StreamlitPage) -> str:
    asked = [(name, value) for name in st.query_params for value in st.query_params.get_all(name)]
    return f"/{wanted.url_path}" + (f"?{urlencode(asked)}" if asked else "")
