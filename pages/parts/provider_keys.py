"""Provider keys as cards: entered once, never shown again, tested, removed."""

import streamlit as st

from core.access.credentials import CredentialView
from core.access.roles import Permission, allow
from core.chat.provider_keys import Answering
from core.wiring import Services
from pages.parts.asking import asks
from pages.parts.markdown import as_text
from pages.parts.problems import attempt
from pages.parts.times import moment

_PAID: dict[Answering, str] = {
    "own": "Your messages are answered with your own key.",
    "organisation": "Your messages are answered with the organisation's key.",
    "environment": "Your messages are answered with the key of this installation (ANTHROPIC_API_KEY).",
    "simulated": "Your messages are answered by the simulated provider.",
    "nobody": "There is no key to answer your messages with.",
}
_ABOUT_ENTERING = (
    "It begins with sk-ant-. Before it is kept, encrypted, the provider is asked whether it is good, which costs "
    "nothing. Nobody sees it again."
)


def draw_own_key(services: Services) -> None:
    """Raises NotAllowed."""
    st.header("Your Anthropic API key", anchor=False)
    st.caption(f"{_PAID[services.keys.answering(services.me)]} A key of your own comes before all others.")
    _draw(services, organisation=False)


def draw_organisation_key(services: Services) -> None:
    """Raises NotAllowed."""
    allow(services.me, Permission.KEYS)
    st.header("The organisation's Anthropic API key", anchor=False)
    st.caption("For everybody who has no key of their own; it comes before ANTHROPIC_API_KEY.")
    _draw(services, organisation=True)


def _draw(services: Services, *, organisation: bool) -> None:
    kept = next((each for each in services.keys.list(services.me) if (each.owner_id is None) == organisation), None)
    if kept is None:
        _draw_form(services, organisation)
        return
    with st.container(border=True):
        _draw_kept(services, kept)
        with st.container(horizontal=True):
            st.button(
                "Test again",
                key=f"{_prefix(organisation)}-test",
                icon=":material/network_check:",
                on_click=lambda: attempt(lambda: services.keys.test(services.me, organisation=organisation)),
            )
            if st.button("Remove", key=f"{_prefix(organisation)}-remove", icon=":material/delete:"):
                (_remove_for_all if organisation else _remove_own)(services)
    with st.expander("Replace it"):
        _draw_form(services, organisation, replaces=True)


def _draw_kept(services: Services, kept: CredentialView) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"`…{as_text(kept.last_four)}`", width="content")
        _draw_badge(kept)
    who = "you" if kept.created_by == services.me.id else as_text(kept.creator) or "somebody who has left"
    tested = f" · tested {moment(kept.tested_at)}" if kept.tested_at else ""
    st.caption(f"Entered {moment(kept.created_at)} by {who}{tested}")
    if kept.test_error:
        st.warning(as_text(kept.test_error), icon=":material/warning:")


def _draw_badge(kept: CredentialView) -> None:
    if kept.tested_at is None:
        st.badge("Not tested", color="gray", icon=":material/help:")
    elif kept.test_error is None:
        st.badge("Works", color="green", icon=":material/check_circle:")
    else:
        st.badge("Test failed", color="orange", icon=":material/warning:")


def _draw_form(services: Services, organisation: bool, *, replaces: bool = False) -> None:
    field = f"{_prefix(organisation)}-secret"

    def keep() -> None:
        """What was typed is forgotten, whatever becomes of it."""
        secret, st.session_state[field] = st.session_state[field], ""
        attempt(lambda: services.keys.set(services.me, secret, organisation=organisation))

    with st.form(f"{_prefix(organisation)}-form", border=not replaces):
        st.text_input(
            "Anthropic API key",
            key=field,
            type="password",
            autocomplete="new-password",
            placeholder="sk-ant-…",
            max_chars=500,
            help=_ABOUT_ENTERING,
        )
        st.form_submit_button("Save the new key" if replaces else "Save key", on_click=keep)


@st.dialog("Remove this key?")
@asks(Permission.CHAT)
def _remove_own(services: Services) -> None:
    _remove(services, organisation=False)


@st.dialog("Remove this key?")
@asks(Permission.KEYS)
def _remove_for_all(services: Services) -> None:
    _remove(services, organisation=True)


def _remove(services: Services, *, organisation: bool) -> None:
    st.markdown(
        "People without a key of their own are then answered with `ANTHROPIC_API_KEY`, if it is set."
        if organisation
        else "Your messages are then answered with the organisation's key, if there is one."
    )
    with st.container(horizontal=True):
        if st.button("Remove", key="remove-key-now", type="primary"):
            attempt(lambda: services.keys.remove(services.me, organisation=organisation))
            st.rerun()
        if st.button("Keep", key="remove-key-not"):
            st.rerun()


def _prefix(organisation: bool) -> str:
    return "organisation-key" if organisation else "own-key"
