"""Agents: who can be asked, on which model, with which tools, at which price; every edit is a new version."""

from collections.abc import Callable

import streamlit as st

from core.access.roles import Permission, may
from core.errors import AppError
from core.registry.agents import AgentDraft, AgentView
from core.wiring import Services
from pages.parts.agent_card import Names, draw_about, read_names
from pages.parts.agent_form import Offer, draw_form, read_offer
from pages.parts.agent_versions import draw_versions
from pages.parts.asking import asks
from pages.parts.confirm import confirm
from pages.parts.demo_month import draw_label
from pages.parts.frame import page
from pages.parts.markdown import as_text
from pages.parts.problems import attempt, show_problem

_OFFER = "agent-offer"


def draw_agent(services: Services, agent: AgentView, names: Names, *, changeable: bool) -> None:
    with st.container(border=True):
        draw_about(services, agent, names)
        with st.container(horizontal=True, gap="xsmall"):
            if changeable:
                draw_changes(services, agent)
            if st.button("Versions", key=f"versions-{agent.id}", icon=":material/history:"):
                show_versions(services, agent, names)


def draw_changes(services: Services, agent: AgentView) -> None:
    if st.button("Edit", key=f"edit-{agent.id}", icon=":material/edit:", on_click=forget_offer):
        edit(services, agent)
    if agent.demo:
        return
    key = f"active-{agent.id}"
    if agent.active:
        confirm(
            "Deactivate",
            _touched(services, agent),
            "Deactivate now",
            lambda: services.agents.set_active(services.me, agent.id, active=False),
            key=key,
            icon=":material/pause:",
        )
        return
    st.button(
        "Activate",
        key=key,
        icon=":material/play_arrow:",
        on_click=lambda: attempt(lambda: services.agents.set_active(services.me, agent.id, active=True)),
    )


def _touched(services: Services, agent: AgentView) -> str:
    """Say in Markdown what stops when it is deactivated."""
    touched = services.agents.touched(services.me, agent.id)
    people = _several(touched.people, "person", "people")
    sentences = [
        f"**{as_text(agent.name)}** cannot be asked any more.",
        f"In {_several(touched.conversations, 'conversation')} of {people}, another agent has to be chosen.",
        f"{_several(touched.turns, 'answer')} being written now will end as usual." if touched.turns else "",
        f"{_several(touched.delegators, 'agent')} that may ask it will do without." if touched.delegators else "",
    ]
    return " ".join(filter(None, sentences))


def _several(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def forget_offer() -> None:
    st.session_state.pop(_OFFER, None)


def draw_dialog(services: Services, agent: AgentView | None, write: Callable[[AgentDraft], object]) -> None:
    """Draw the form in a dialog; what is wrong with a submitted draft is said in it, and nothing typed is lost."""
    waiting = st.empty()
    try:
        if _OFFER not in st.session_state:
            with waiting, st.spinner("Asking the servers which tools they have …"):
                st.session_state[_OFFER] = read_offer(services, agent)
        offer: Offer = st.session_state[_OFFER]
        make = draw_form(agent, offer)
        if make is None:
            return
        write(make())
    except AppError as error:
        show_problem(error)
    else:
        st.rerun()


@st.dialog("Edit agent", width="medium")
@asks(Permission.AGENTS)
def edit(services: Services, agent: AgentView) -> None:
    st.caption("Earlier versions stay as they are; traces name the version they ran on.")
    draw_dialog(services, agent, lambda draft: services.agents.edit(services.me, agent.id, draft))


@st.dialog("New agent", width="medium")
@asks(Permission.AGENTS)
def create(services: Services) -> None:
    draw_dialog(services, None, lambda draft: services.agents.create(services.me, draft))


@st.dialog("Versions", width="large")
@asks(Permission.CHAT)
def show_versions(services: Services, agent: AgentView, names: Names) -> None:
    st.caption(f"Versions of {as_text(agent.name)}, newest first.")
    try:
        draw_versions(services, agent, names)
    except AppError as error:
        show_problem(error)


def main() -> None:
    about = "Who can be asked, on which model, with which tools and at which price. Each edit is a new version."
    with page("Agents", about) as services:
        agents = services.agents.list(services.me, include_inactive=True)
        changeable = may(services.me, Permission.AGENTS)
        if any(agent.demo for agent in agents):
            draw_label(services)
        with st.container(horizontal=True, vertical_alignment="center"):
            new = changeable and st.button("New agent", icon=":material/add:", type="primary", on_click=forget_offer)
            if new:
                create(services)
        names = read_names(services, agents)
        for agent in agents:
            draw_agent(services, agent, names, changeable=changeable)


main()
