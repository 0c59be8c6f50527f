"""Tools: the servers whose tools agents may use, and the tools that come with the installation."""

from collections.abc import Callable, Sequence

import streamlit as st

from core.access.roles import Permission, allow
from core.agent.tools.catalogue import CATALOGUE, ShippedTool
from core.chat.mcp_status import ServerStatus, who_uses
from core.errors import AppError
from core.registry.agents import AgentView
from core.registry.mcp_draft import McpServerDraft
from core.registry.mcp_registry import McpServerView
from core.wiring import Services
from pages.parts.asking import asks
from pages.parts.frame import page
from pages.parts.markdown import as_text
from pages.parts.problems import attempt, show_problem
from pages.parts.server_card import draw_state, draw_tools, used_by
from pages.parts.server_form import draw_form

_CONNECT = {"connected": "Restart", "starting": "Restart", "failed": "Try again", "unasked": "Connect now"}


def draw_server(services: Services, status: ServerStatus, agents: Sequence[AgentView]) -> None:
    server, users = status.server, who_uses(status.server, agents)
    with st.container(border=True):
        draw_state(status, users)
        with st.container(horizontal=True):
            label = _CONNECT.get(status.condition)
            connecting = label and st.button(label, key=f"connect-{server.id}", icon=":material/power:")
            if st.button("Edit", key=f"edit-{server.id}", icon=":material/edit:"):
                edit(services, server, users)
            st.button(
                "Deactivate" if server.active else "Activate",
                key=f"active-{server.id}",
                icon=":material/pause:" if server.active else ":material/play_arrow:",
                on_click=lambda: attempt(
                    lambda: services.mcp_status.set_active(services.me, server.id, not server.active)
                ),
            )
            if st.button("Remove", key=f"remove-{server.id}", icon=":material/delete:"):
                remove(services, server, users)
        draw_tools(status)
        if connecting:
            connect(services, server)
            st.rerun()


def connect(services: Services, server: McpServerView) -> None:
    """Connect a server; what becomes of it is seen on its card."""
    with st.spinner("Connecting …"):
        attempt(lambda: services.mcp_status.connect(services.me, server.id))


def draw_dialog(
    services: Services, server: McpServerView | None, write: Callable[[McpServerDraft], McpServerView]
) -> None:
    """Draw the form in a dialog; what is wrong with a submitted draft is said in it, and nothing typed is lost."""
    try:
        make = draw_form(server)
        if make is None:
            return
        saved = write(make())
    except AppError as error:
        show_problem(error)
        return
    if saved.active:
        connect(services, saved)
    st.rerun()


@st.dialog("Register a server", width="large")
@asks(Permission.AGENTS)
def register(services: Services) -> None:
    draw_dialog(services, None, lambda draft: services.registry.register(services.me, draft))


@st.dialog("Edit server", width="large")
@asks(Permission.AGENTS)
def edit(services: Services, server: McpServerView, users: Sequence[AgentView]) -> None:
    if users:
        st.caption(f"{used_by(users)}.")
    draw_dialog(services, server, lambda draft: services.mcp_status.change(services.me, server.id, draft))


@st.dialog("Remove server")
@asks(Permission.AGENTS)
def remove(services: Services, server: McpServerView, users: Sequence[AgentView]) -> None:
    st.markdown(f"Remove **{as_text(server.name)}** with what is stored of its secrets?")
    if users:
        st.warning(
            f"{used_by(users)}: they go on without its tools. To give them back, register it by the same name.",
            icon=":material/link_off:",
        )
    else:
        st.caption("No agent uses its tools.")
    with st.container(horizontal=True):
        if st.button("Remove", key="remove-now", type="primary"):
            attempt(lambda: services.mcp_status.remove(services.me, server.id))
            st.rerun()
        if st.button("Keep", key="remove-not"):
            st.rerun()


def draw_shipped(tool: ShippedTool, agents: Sequence[AgentView]) -> None:
    with st.container(border=True, gap="xxsmall"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"**{as_text(tool.label)}**", width="content")
            if tool.asks_first:
                st.badge("Asks first", color="orange", icon=":material/front_hand:")
            if tool.at_provider:
                st.badge("Runs at Anthropic", color="blue", icon=":material/cloud:")
        users = [agent for agent in agents if tool.name in agent.tools]
        st.markdown(as_text(tool.note))
        st.caption(used_by(users))


def main() -> None:
    about = "The tools that agents can use. Choose the tools of each on its form, on the page Agents."
    with page("Tools", about) as services:
        allow(services.me, Permission.AGENTS)
        agents = services.agents.list(services.me, include_inactive=True)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.header("MCP servers", anchor=False, width="stretch")
            if st.button("Register a server", icon=":material/add:", type="primary"):
                register(services)
        statuses = services.mcp_status.list(services.me)
        for status in statuses:
            draw_server(services, status, agents)
        if not statuses:
            st.info("No servers yet. A server gives agents its tools: a program here, or an address.")
        st.header("Built in", anchor=False)
        for tool in CATALOGUE.values():
            draw_shipped(tool, agents)


main()
