"""The form of a server of tools: how it is reached, and the secrets it needs, of which only the names are shown."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal, TypeAlias

import streamlit as st

from core.agent.mcp.server import Transport
from core.registry.mcp_draft import LONGEST_NAME, MOST_SECRETS, McpServerDraft, args_from, line_of, secrets_from
from core.registry.mcp_registry import McpServerView

_KINDS: dict[Transport, str] = {"stdio": "A program on this machine", "http": "An address on the network"}
_RUNS_HERE = (
    "This command is code that runs on this server, as the same user as Command Center: it can read and change all "
    "that this user can, the database and keys included. Register only programs that you trust."
)
_PYTHON = "The command `python` is this installation's own interpreter."

Row: TypeAlias = tuple[str, str]


def draw_form(server: McpServerView | None) -> Callable[[], McpServerDraft] | None:
    """Return, when it is submitted, a function that makes the draft or raises InputError."""
    key = f"server-{server.id if server else 'new'}"
    name = st.text_input(
        "Name",
        server.name if server else "",
        max_chars=LONGEST_NAME,
        key=f"{key}-name",
        help="Its tools are named after it. Agents that use them lose them when it changes.",
    )
    transport = _transport(server, key)
    command = line = url = ""
    if transport == "stdio":
        st.warning(_RUNS_HERE, icon=":material/terminal:")
        command = st.text_input("Command", server.command if server else "", key=f"{key}-command", help=_PYTHON)
        args = line_of(server.args) if server else ""
        line = st.text_input("Arguments, as in a shell", args, key=f"{key}-args", placeholder="-m some.server")
    else:
        shown = server.url if server else ""
        url = st.text_input("URL", shown, key=f"{key}-url", placeholder="https://tools.example.com/mcp")
    rows = _secrets(server.secret_names if server else (), transport, key)
    if not st.button("Save" if server else "Register", key=f"{key}-save", type="primary"):
        return None
    return partial(_draft, name, transport, command, line, url, rows)


def _draft(name: str, transport: Transport, command: str, line: str, url: str, rows: Sequence[Row]) -> McpServerDraft:
    return McpServerDraft(name, transport, command, args_from(line), url, secrets_from(rows))


def _transport(server: McpServerView | None, key: str) -> Transport:
    kinds: list[Transport] = [*_KINDS]
    return st.radio(
        "How it is reached",
        kinds,
        index=kinds.index(server.transport) if server else 0,
        format_func=_KINDS.__getitem__,
        captions=["stdio", "streamable HTTP"],
        horizontal=True,
        key=f"{key}-transport",
    )


def _secrets(stored: Sequence[str], transport: Transport, key: str) -> list[Row]:
    """Return a row for each stored one, and always one more than is filled."""
    st.markdown("**Environment variables**" if transport == "stdio" else "**Headers**")
    st.caption("For keys and tokens. Values are never shown again. To remove one, clear its name and value.")
    return [_secret(place, stored, f"{key}-secret-{place}") for place in range(_rows(stored, key))]


def _secret(place: int, stored: Sequence[str], key: str) -> Row:
    visible: Literal["visible", "collapsed"] = "collapsed" if place else "visible"
    kept = stored[place] if place < len(stored) else ""
    left, right = st.columns(2, vertical_alignment="bottom")
    name = left.text_input("Name of the secret", kept, key=f"{key}-name", label_visibility=visible, placeholder="Name")
    value = right.text_input(
        "Its value",
        key=f"{key}-value",
        type="password",
        autocomplete="new-password",
        label_visibility=visible,
        placeholder="Stored; blank keeps it" if kept else "Value",
    )
    return name, value


def _rows(stored: Sequence[str], key: str) -> int:
    filled = [place for place in range(MOST_SECRETS) if any(_typed(key, place))]
    return min(max([len(stored), *(place + 1 for place in filled)]) + 1, MOST_SECRETS)


def _typed(key: str, place: int) -> Row:
    name, value = (f"{key}-secret-{place}-{part}" for part in ("name", "value"))
    return st.session_state.get(name, ""), st.session_state.get(value, "")
