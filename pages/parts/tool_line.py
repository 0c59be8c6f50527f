"""A call of a tool as one line to unfold: what it was given, how long it took, what came back, all of it as text."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import streamlit as st

from core.agent.loop import shortened
from core.events import Decision
from pages.parts.figures import seconds
from pages.parts.markdown import as_text

State: TypeAlias = Literal["running", "waiting", "completed", "failed", "stopped", "not run"]

LONGEST_WORD = 120

_ICONS: dict[State, str] = {
    "running": "spinner",
    "waiting": ":material/front_hand:",
    "completed": ":material/check_circle:",
    "failed": ":material/error:",
    "stopped": ":material/stop_circle:",
    "not run": ":material/do_not_disturb_on:",
}
_REFUSED = ":material/block:"


@dataclass(frozen=True, slots=True)
class Consent:
    """``by`` is the name of who decided, None when time ran out."""

    decision: Decision
    by: str | None
    reason: str

    @property
    def refused(self) -> bool:
        return self.decision != "approved"

    def __str__(self) -> str:
        if self.by is None:
            return "Nobody decided in time."
        return f"{self.decision.capitalize()} by {self.by}{f': {self.reason}' if self.reason else '.'}"


@dataclass(frozen=True, slots=True)
class ToolLine:
    """``duration_ms`` is without the wait for consent; ``size`` is the whole result's in bytes.

    ``asked_agent`` is the agent that it asked, whose steps are in the trace ``trace_id``.
    """

    name: str
    given: Mapping[str, Any] = field(default_factory=dict)
    state: State = "running"
    duration_ms: int | None = None
    result: str | None = None
    size: int | None = None
    consent: Consent | None = None
    asked_agent: str | None = None
    trace_id: str | None = None

    @property
    def over(self) -> bool:
        return self.state not in ("running", "waiting")


def readable_name(name: str) -> str:
    """Name a tool in Markdown: a server's tool says whose it is, after its own name."""
    server, mark, tool = name.partition("__")
    return f"**{as_text(tool)}** · {as_text(server)}" if mark and tool else f"**{as_text(name)}**"


def pretty(given: Mapping[str, Any]) -> str:
    return json.dumps(given, indent=2, ensure_ascii=False)


def draw_tool_line(line: ToolLine) -> None:
    """Draw the line where the script draws now."""
    refused = line.consent is not None and line.consent.refused
    with st.expander(_label(line), icon=_REFUSED if refused else _ICONS[line.state], type="compact"):
        _draw_text("Input", pretty(line.given), None, language="json")
        if line.consent is not None:
            st.caption(as_text(str(line.consent)))
        if line.result is not None:
            _draw_text("Error" if line.state == "failed" else "Result", line.result, line.size)
        if line.asked_agent and line.trace_id:
            steps = f"What {as_text(line.asked_agent)} did, and what it cost"
            st.page_link(
                "pages/traces.py", label=steps, icon=":material/receipt_long:", query_params={"trace": line.trace_id}
            )


def _label(line: ToolLine) -> str:
    return " · ".join(filter(None, (readable_name(line.name), _word(line))))


def _word(line: ToolLine) -> str:
    """Return how it goes, as Markdown; of what failed the reason, too."""
    if line.state == "running":
        return ""
    if line.state == "waiting":
        return "waits for approval"
    if line.consent is not None and line.consent.refused:
        return f":orange[not allowed] — {_first_words(str(line.consent))}"
    took = "" if line.duration_ms is None else seconds(max(line.duration_ms, 0))
    if line.state == "completed":
        return took
    if line.state == "failed":
        return " — ".join(filter(None, (f":red[failed] after {took}" if took else ":red[failed]", _why(line))))
    return line.state


def _why(line: ToolLine) -> str:
    return _first_words(line.result or "")


def _first_words(text: str) -> str:
    words = " ".join(text.split())
    return as_text(words if len(words) <= LONGEST_WORD else words[:LONGEST_WORD].rpartition(" ")[0] + " …")


def _draw_text(title: str, text: str, size: int | None, language: str | None = None) -> None:
    """Never as Markdown, and no more of it than is read; ``size`` is the whole's in bytes if it is not all here."""
    shown, whole = shortened(text), len(text.encode()) if size is None else size
    st.caption(f"{title} · {whole:,} bytes, of which this is the beginning" if whole > len(shown.encode()) else title)
    st.code(shown, language=language, wrap_lines=True)
