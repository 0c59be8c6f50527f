"""Links that are handed over to somebody: shown once, good once."""

import streamlit as st

from core.access.links import Link, address
from core.access.roles import ROLES, Permission
from core.wiring import Services
from pages.parts.asking import asks
from pages.parts.markdown import as_text
from pages.parts.problems import told
from pages.parts.times import moment

ABOUT_ROLES = {
    "operator": "Chats with agents, and sees own conversations and costs.",
    "finance": "Also sees everybody's costs and traces, without their words.",
    "admin": "Also manages agents, people and keys, and may read everything.",
}


@st.dialog("Invite somebody", on_dismiss="rerun")
@asks(Permission.PEOPLE)
def invite(services: Services) -> None:
    slot = st.empty()
    with slot.container():
        name = st.text_input("Name", key="invite-name", max_chars=80)
        email = st.text_input("E-mail address", key="invite-email", max_chars=254)
        role = st.radio("Role", ROLES, captions=[*ABOUT_ROLES.values()], key="invite-role")
        if not st.button("Make the invitation", type="primary", icon=":material/link:"):
            return
    with told():
        link = services.access.people.invite(services.me, email, name, role)
        slot.empty()
        show_link(services, link, name)


def show_link(services: Services, link: Link, name: str) -> None:
    """Show the link to hand over; with an identity provider none is needed: who is invited only signs in."""
    if services.settings.auth == "oidc":
        st.success(
            f"{as_text(name)} can sign in now, at {as_text(services.settings.address)}.", icon=":material/check:"
        )
        return
    words = f"Hand this link to {as_text(name)} yourself. It is shown only now and works once, until"
    st.success(f"{words} {moment(link.expires_at)}.", icon=":material/link:")
    st.code(address(services.settings, link), language=None, wrap_lines=True)
