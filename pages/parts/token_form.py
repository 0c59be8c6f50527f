"""A new API token: what it may do, and then the token itself, this once."""

from collections.abc import Mapping
from datetime import timedelta

import streamlit as st

from core.access.roles import ROLES, Permission, Person
from core.access.tokens import NewToken, TokenDraft
from core.clock import now
from core.wiring import Services
from pages.parts.asking import asks
from pages.parts.invitation import ABOUT_ROLES
from pages.parts.markdown import as_text
from pages.parts.problems import told
from pages.parts.times import moment

_CONSENT = "Also to those that wait in your own chats. Without it only you decide, in the browser."
_DAYS = {7: "7 days", 30: "30 days", 90: "90 days", 366: "A year"}
_ALL, _SOME = "All, also later ones", "Only some"


@st.dialog("New API token", on_dismiss="rerun")
@asks(Permission.OWN_ACCESS)
def new_token(services: Services, agents: Mapping[str, str]) -> None:
    """``agents`` are names by id."""
    slot = st.empty()
    with slot.container():
        draft = _form(services.me, agents)
    if draft is None:
        return
    with told():
        made = services.access.tokens.create(services.me, draft)
        slot.empty()
        _show(services, made)


def _form(me: Person, agents: Mapping[str, str]) -> TokenDraft | None:
    """Return what is filled in, once it is sent."""
    name = st.text_input("Name", key="token-name", max_chars=80, placeholder="What uses it, such as “nightly report”")
    roles = ROLES[: ROLES.index(me.role) + 1]
    role = st.radio("Role", roles, captions=[ABOUT_ROLES[each] for each in roles], key="token-role")
    kind = st.radio("Agents", [_ALL, _SOME], horizontal=True, key="token-agents")
    some = tuple(st.multiselect("Which agents", agents, format_func=agents.__getitem__)) if kind == _SOME else None
    consents = st.checkbox("May consent to tools in your name", key="token-consents", help=_CONSENT)
    days = st.selectbox("Ends after", _DAYS, index=2, format_func=_DAYS.__getitem__, key="token-days")
    if not st.button("Create token", type="primary", icon=":material/key:"):
        return None
    return TokenDraft(name, role, now() + timedelta(days=days), some, consents)


def _show(services: Services, made: NewToken) -> None:
    st.warning("Copy it now: it is never shown again.", icon=":material/visibility_off:")
    st.code(made.secret, language=None, wrap_lines=True)
    st.caption(f"It works until {moment(made.view.expires_at)}. To see whether {as_text(made.view.name)} works:")
    line = f'curl -H "Authorization: Bearer {made.secret}" {services.settings.address}/api/agents'
    st.code(line, language="sh", wrap_lines=True)
