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
from pages.parts.demo_month import draw_label
from pages.parts.frame import page
from pages.parts.markdown import as_text
from pages.parts.problems import attempt, show_problem

_OFFER = "agent-offer"


def draw_agent(services: Services, agent: AgentView, names: Names, *, changeable: bool) -> None:
    with st.container(border=True):
        draw_about(services, agent, names)
        with st.container(horizontal=True):
            if changeable:
                draw_changes(services, agent)
            if st.button("Versions", key=f"versions-{agent.id}", icon=":material/history:"):
                show_versions(services, agent, names)


def draw_changes(services: Services, agent: AgentView) -> None:
    if st.button("Edit", key=f"edit-{agent.id}", icon=":material/edit:", on_click=forget_offer):
        edit(services, agent)
    if agent.demo:
        return
    st.button(
        "Deactivate" if agent.active else "Activate",
        key=f"active-{agent.id}",
        icon=":material/pause:" if agent.active else ":material/play_arrow:",
        on_click=lambda: attempt(lambda: services.agents.set_active(services.me, agent.id, active=not agent.active)),
    )


def forget_offer() -> None:
    st.session_state.pop(_OFFER, None)


def draw_dialog(services: Services, agent: AgentView | None, write: Callable[[AgentDraft], object]) -> None:
    """What is wrong with a submitted draft is said in the dialog, and nothing typed is lost."""
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


@st.dialog("Edit agent", width="large")
def edit(services: Services, agent: AgentView) -> None:
    st.caption("Earlier versions stay as they are; traces name the version they ran on.")
    draw_dialog(services, agent, lambda draft: services.agents.edit(services.me, agent.id, draft))


@st.dialog("New agent", width="large")
def create(services: Services) -> None:
    draw_dialog(services, None, lambda draft: services.agents.create(services.me, draft))


@st.dialog("Versions", width="large")
def show_versions(services: Services, agent: AgentView, names: Names) -> None:
    st.caption(f"Of {as_text(agent.name)}, newest first.")
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
