"""Account: one's own name, password and provider key, where one is signed in, and the tokens of one's programs."""

from collections.abc import Mapping

import streamlit as st

from core.access.passwords import LONGEST, SHORTEST
from core.access.people import PersonView
from core.access.sessions import Session
from core.wiring import Services
from pages.parts.confirm import confirm
from pages.parts.frame import page
from pages.parts.problems import attempt, told
from pages.parts.provider_keys import draw_own_key
from pages.parts.reader import browser
from pages.parts.session_list import draw_sessions, end_others
from pages.parts.token_form import new_token
from pages.parts.token_list import draw_tokens

_TOKENS = (
    "Programs sign in with a token, in your name and with at most your role. "
    "[The page of the API]({}/api/docs) says what they can do."
)
_REVOKE = "Somebody who knew the old password may have made a token. Your own programs need new ones then."


def draw_me(services: Services, me: PersonView) -> None:
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            name = st.text_input("Name", me.name, max_chars=80, key="own-name", autocomplete="name")
            st.button(
                "Save",
                key="save-name",
                disabled=name == me.name,
                on_click=lambda: attempt(lambda: services.access.people.rename(services.me, name)),
            )
        st.text(f"{me.email} · {me.role}")


def draw_password(services: Services, session: Session) -> None:
    st.header("Password", anchor=False)
    with st.form("password", clear_on_submit=True):
        st.caption("When you change it, every other browser is signed out.")
        old = st.text_input("Current password", type="password", autocomplete="current-password", max_chars=LONGEST)
        new = st.text_input(
            "New password",
            type="password",
            autocomplete="new-password",
            max_chars=LONGEST,
            help=f"At least {SHORTEST} characters. A few words in a row are a good one.",
        )
        again = st.text_input("The same again", type="password", autocomplete="new-password", max_chars=LONGEST)
        revoke = st.checkbox("Revoke all my API tokens, too", key="revoke-tokens", help=_REVOKE)
        if not st.form_submit_button("Change password", icon=":material/password:"):
            return
    if new != again:
        st.error("The two new passwords differ. Nothing was changed.", icon=":material/error:")
        return
    with told():
        revoked = services.access.sign_in.change_password(session, old, new, revoke=revoke)
        tokens = f"API tokens revoked: {revoked}." if revoke else "Your API tokens still work."
        said = f"Your password is changed. Every other browser is signed out. {tokens}"
        st.success(said, icon=":material/check_circle:")


def draw_own_sessions(services: Services, session: Session) -> None:
    st.space("xsmall")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.header("Signed in", anchor=False, width="stretch")
        if len(services.access.sessions.list(services.me)) > 1:
            confirm(
                "Sign out everywhere else",
                "Every browser but this one has to sign in again.",
                "Sign out the others",
                lambda: end_others(services, session.id),
                key="end-others",
                icon=":material/logout:",
            )
    draw_sessions(services, session.person.id, session.id)


def draw_own_tokens(services: Services, agents: Mapping[str, str]) -> None:
    st.space("xsmall")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.header("API tokens", anchor=False, width="stretch")
        if st.button("New token", icon=":material/add:", key="new-token"):
            new_token(services, agents)
    st.markdown(_TOKENS.format(services.settings.sub_path))
    draw_tokens(services, services.me.id, agents)


def main() -> None:
    with page("Account") as services:
        if services.settings.auth != "none":
            draw_me(services, services.access.people.own(services.me))
            draw_own_sessions(services, browser(services))
        if services.settings.auth == "accounts":
            draw_password(services, browser(services))
        draw_own_tokens(services, {agent.id: agent.name for agent in services.agents.list(services.me)})
        draw_own_key(services)


main()
