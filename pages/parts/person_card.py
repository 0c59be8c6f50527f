"""One person, for who manages people: role, links, goodbye, sessions and tokens."""

from functools import partial

import streamlit as st

from core.access.links import Link
from core.access.people import PersonView
from core.access.roles import ROLES
from core.wiring import Services
from pages.parts.confirm import confirm
from pages.parts.invitation import ABOUT_ROLES, show_link
from pages.parts.markdown import as_text
from pages.parts.problems import told
from pages.parts.session_list import draw_sessions
from pages.parts.times import moment
from pages.parts.token_list import draw_tokens

BADGES = {
    "active": "",
    "invited": ":orange-badge[Invited]",
    "deactivated": ":gray-badge[Deactivated]",
    "local": "",
}


def draw_person(services: Services, person: PersonView) -> None:
    st.header(f"{as_text(person.name)} {BADGES[person.state]}", anchor=False)
    st.text(person.email)
    joined = f"Joined {moment(person.joined_at)} · " if person.joined_at else ""
    st.caption(f"{joined}{last_seen(person)}")
    _draw_role(services, person)
    _draw_steps(services, person)
    st.subheader("Signed in", anchor=False)
    draw_sessions(services, person.id)
    st.subheader("API tokens", anchor=False)
    draw_tokens(services, person.id, {each.id: each.name for each in services.agents.list(services.me)})


def last_seen(person: PersonView) -> str:
    if person.state == "invited":
        return "Has not joined yet"
    return f"Last seen {moment(person.last_seen_at)}" if person.last_seen_at else "Never seen yet"


def _draw_role(services: Services, person: PersonView) -> None:
    with st.container(border=True):
        key, now = f"role-{person.id}-{person.role}", ROLES.index(person.role)
        role = st.radio("Role", ROLES, now, captions=[*ABOUT_ROLES.values()], key=key)
        words = f"{as_text(person.name)} becomes {role}, from their next action on."
        if role != person.role:
            change = partial(_set_role, services, person.id, role)
            confirm("Change role", words, f"Make {role}", change, key="set-role", icon=":material/badge:")


def _draw_steps(services: Services, person: PersonView) -> None:
    slot = st.container()
    with st.container(horizontal=True):
        if person.state == "deactivated":
            back = partial(_reactivate, services, person.id)
            words = f"{as_text(person.name)} can sign in again, as before. Tokens stay revoked."
            confirm("Reactivate", words, "Let back in", back, key="reactivate", icon=":material/person_add:")
            return
        label = "New invitation" if person.state == "invited" else "New password"
        if services.settings.auth == "accounts" and st.button(
            label, icon=":material/link:", help="Makes a link to hand over; earlier links stop working"
        ):
            with slot, told():
                show_link(services, _link(services, person), person.name)
        words = (
            f"{as_text(person.name)} is signed out everywhere at once, and API tokens are revoked for good. "
            "Conversations and costs stay."
        )
        gone = partial(_deactivate, services, person.id)
        confirm("Deactivate", words, "Deactivate", gone, key="deactivate", icon=":material/person_off:")


def _link(services: Services, person: PersonView) -> Link:
    people = services.access.people
    if person.state == "invited":
        return people.invite(services.me, person.email, person.name, person.role)
    return people.reset(services.me, person.id)


def _set_role(services: Services, person_id: str, role: str) -> None:
    services.access.people.set_role(services.me, person_id, role)


def _deactivate(services: Services, person_id: str) -> None:
    services.access.people.deactivate(services.me, person_id)


def _reactivate(services: Services, person_id: str) -> None:
    services.access.people.reactivate(services.me, person_id)
