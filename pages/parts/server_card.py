"""A server of tools on its page: how it is doing, who uses it, and what its tools take."""

import json
from collections.abc import Sequence

import streamlit as st

from core.chat.mcp_status import Condition, ServerStatus, ServerTool
from core.registry.agents import AgentView
from core.registry.mcp_draft import line_of
from core.registry.mcp_registry import McpServerView
from pages.parts.markdown import as_text

MOST_SHOWN = 30
_LONGEST_LINE = 90
_LONGEST_SCHEMA = 20_000

_BADGE: dict[Condition, tuple[str, str, str]] = {
    "connected": ("Connected", "green", ":material/check_circle:"),
    "starting": ("Starting", "blue", ":material/hourglass:"),
    "failed": ("Failed", "red", ":material/error:"),
    "unasked": ("Not asked for yet", "gray", ":material/schedule:"),
    "inactive": ("Inactive", "gray", ":material/pause:"),
}
_NOTE: dict[Condition, str] = {
    "starting": "It has not answered yet. Look again in a moment.",
    "unasked": "It is started when an agent first needs one of its tools.",
    "inactive": "No agent gets its tools.",
}


def draw_state(status: ServerStatus, users: Sequence[AgentView]) -> None:
    server = status.server
    word, color, icon = _BADGE[status.condition]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(as_text(server.name), anchor=False, width="stretch")
        st.badge(word, color=color, icon=icon)  # type: ignore[arg-type]
    st.code(where(server), language=None, wrap_lines=True)
    secrets = f" · secrets: {', '.join(map(as_text, server.secret_names))}" if server.secret_names else ""
    by = f"registered by {as_text(server.created_by)} on {server.created_at:%Y-%m-%d}"
    st.caption(f"{used_by(users)}{secrets} · {by}")
    if status.reason:
        st.error(as_text(status.reason), icon=":material/error:")
    if note := _NOTE.get(status.condition):
        st.caption(note)


def where(server: McpServerView) -> str:
    return server.url if server.transport == "http" else f"{line_of([server.command])} {line_of(server.args)}".strip()


def used_by(users: Sequence[AgentView]) -> str:
    """Say in Markdown which agents use it."""
    return f"Used by {', '.join(as_text(agent.name) for agent in users)}" if users else "Used by no agent"


def draw_tools(status: ServerStatus) -> None:
    tools = list(status.tools)
    if status.condition == "connected" and not tools:
        st.caption("It has no tools.")
    if len(tools) > MOST_SHOWN:
        sought = st.text_input(f"Find one of {len(tools)} tools", key=f"find-{status.server.id}").casefold()
        tools = [tool for tool in tools if sought in f"{tool.view.name} {tool.view.description}".casefold()]
    for tool in tools[:MOST_SHOWN]:
        _draw_tool(tool)
    if len(tools) > MOST_SHOWN:
        st.caption(f"{MOST_SHOWN} of {len(tools)} are shown. Look for a word to see others.")


def _draw_tool(tool: ServerTool) -> None:
    view = tool.view
    line = view.description.strip().partition("\n")[0]
    short = line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}…"
    icon = ":material/block:" if view.problem else ":material/build:"
    with st.expander(f"**{as_text(view.name)}** {as_text(short)}", icon=icon):
        if view.problem:
            st.warning(f"No agent gets this tool. {as_text(view.problem)}", icon=":material/block:")
        if tool.name:
            st.caption(f"Agents know it as {as_text(tool.name)}.")
        if view.description.strip() != short:
            st.code(view.description, language=None, wrap_lines=True)
        st.caption("What it takes, as JSON Schema")
        st.code(_as_json(view.input_schema), language="json", wrap_lines=True)


def _as_json(schema: dict[str, object]) -> str:
    text = json.dumps(schema, indent=2, ensure_ascii=False)
    return text if len(text) <= _LONGEST_SCHEMA else f"{text[:_LONGEST_SCHEMA]}\n…"
