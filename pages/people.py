"""People: who belongs here, with which role; inviting, and saying goodbye."""

import streamlit as st

from core.access.people import PersonView
from core.wiring import Services
from pages.parts.frame import page
from pages.parts.invitation import invite
from pages.parts.markdown import as_text
from pages.parts.person_card import BADGES, draw_person, last_seen

_CHOSEN = "person"
_MANY = 8


def main() -> None:
    about = "Who belongs here and with which role. What people did stays in the books when they leave."
    with page("People", about, knows=(_CHOSEN,)) as services:
        people = [each for each in services.access.people.list(services.me) if each.state != "local"]
        chosen = next((each for each in people if each.id == st.query_params.get(_CHOSEN)), None)
        if chosen is not None:
            st.button("All people", icon=":material/arrow_back:", on_click=choose, args=(None,))
            draw_person(services, chosen)
        else:
            if _CHOSEN in st.query_params:
                st.warning("Nobody here matches this address. The link may be mistyped or out of date.")
            draw_list(services, people)


def draw_list(services: Services, people: list[PersonView]) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Invite somebody", icon=":material/person_add:", type="primary"):
            invite(services)
        sought = ""
        if len(people) > _MANY:
            sought = st.text_input(
                "Find", placeholder="Find by name or e-mail", label_visibility="collapsed"
            ).casefold()
    found = [each for each in people if sought in f"{each.name} {each.email}".casefold()]
    for person in found:
        _draw_line(person)
    if not found:
        st.caption("Nobody has that name." if sought else "Nobody has been invited yet.")


def _draw_line(person: PersonView) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        with st.container(gap=None, width="stretch"):
            color = "blue" if person.role == "admin" else "gray"
            st.markdown(f"**{as_text(person.name)}** :{color}-badge[{person.role}] {BADGES[person.state]}")
            st.text(person.email)
            st.caption(last_seen(person))
        st.button("Open", key=f"open-{person.id}", icon=":material/tune:", on_click=choose, args=(person.id,))


def choose(person_id: str | None) -> None:
    if person_id is None:
        st.query_params.pop(_CHOSEN, None)
    else:
        st.query_params[_CHOSEN] = person_id


main()
