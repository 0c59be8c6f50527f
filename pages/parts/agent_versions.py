"""All versions of an agent, newest first, each with what it changed."""

from collections.abc import Callable, Iterator, Sequence
from difflib import unified_diff
from itertools import zip_longest
from typing import TypeAlias

import streamlit as st

from core.chat.tool_choices import tool_choices
from core.money import short_usd
from core.registry.agents import AgentView
from core.wiring import Services
from pages.parts.agent_card import Names
from pages.parts.markdown import as_text
from pages.parts.times import moment

_LONGEST = 120

Name: TypeAlias = Callable[[str], str]


def draw_versions(services: Services, agent: AgentView, names: Names) -> None:
    """Draw versions; tools are named as they are now, whether they are there or not."""
    versions = services.agents.versions(services.me, agent.id)
    held = (name for version in versions for name in version.tools)
    labels = {choice.name: choice.label for choice in tool_choices(services.mcp_status.list(services.me), held)}
    for version, before in zip_longest(versions, versions[1:]):
        edited = f"{moment(version.edited_at)} by {as_text(version.edited_by)}"
        st.markdown(f"**Version {version.version}** · {as_text(version.model)} · {edited}")
        if before is not None:
            lines = [f"- {line}" for line in changes(before, version, labels.__getitem__, names.agent)]
            st.markdown("\n".join(lines) or "Saved without a change.")
        with st.expander("System prompt"):
            _draw_prompt(version, before)


def _draw_prompt(version: AgentView, before: AgentView | None) -> None:
    if before is not None and before.system_prompt != version.system_prompt:
        lines = unified_diff(before.system_prompt.splitlines(), version.system_prompt.splitlines(), lineterm="", n=1)
        st.caption("What changed in it")
        st.code("\n".join([*lines][2:]), language="diff", wrap_lines=True)
        st.caption("The whole of it")
    st.code(version.system_prompt or "(none)", language=None, wrap_lines=True)


def changes(before: AgentView, after: AgentView, tool: Name, agent: Name) -> Iterator[str]:
    """Return one line of Markdown for each field that differs; ``tool`` and ``agent`` say what people call them."""
    yield from _replaced("Name", before.name, after.name)
    yield from _replaced("What it is for", before.description, after.description)
    yield from _replaced("Model", before.model, after.model)
    if before.system_prompt != after.system_prompt:
        yield f"System prompt: from {len(before.system_prompt):,} to {len(after.system_prompt):,} characters"
    yield from _replaced("Longest answer", _number(before.max_output_tokens), _number(after.max_output_tokens))
    yield from _replaced("Think before answering", _yes(before.thinking), _yes(after.thinking))
    yield from _moved("Prompts to begin with", before.starters, after.starters, str)
    yield from _moved("Tools", before.tools, after.tools, tool)
    yield from _moved("Asks before running", before.ask_first, after.ask_first, tool)
    yield from _moved("Agents it may ask", before.delegates, after.delegates, agent)
    yield from _replaced("Model calls", _number(before.max_iterations), _number(after.max_iterations))
    yield from _replaced("Dollars", _dollars(before.max_cost_nanos), _dollars(after.max_cost_nanos))
    yield from _replaced("Seconds", _number(before.max_seconds), _number(after.max_seconds))
    yield from _replaced("Output tokens", _number(before.max_answer_tokens), _number(after.max_answer_tokens))


def _replaced(label: str, before: str, after: str) -> Iterator[str]:
    if before != after:
        yield f"{label}: {_short(before)} → {_short(after)}"


def _moved(label: str, before: Sequence[str], after: Sequence[str], name: Name) -> Iterator[str]:
    added = [_short(name(each)) for each in after if each not in before]
    removed = [_short(name(each)) for each in before if each not in after]
    parts = (added and f"added {', '.join(added)}", removed and f"removed {', '.join(removed)}")
    if added or removed:
        yield f"{label}: {'; '.join(part for part in parts if part)}"
    elif before != after:
        yield f"{label}: in another order"


def _short(text: str) -> str:
    return as_text(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…") or "(none)"


def _number(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def _dollars(nanos: int | None) -> str:
    return "" if nanos is None else short_usd(nanos)


def _yes(flag: bool) -> str:
    return "yes" if flag else "no"
