"""What one agent says, thinks and does while a turn runs; an agent it asks has a lane of its own within it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.elements.lib.mutable_status_container import StatusContainer

from core.events import (
    ApprovalDecided,
    ApprovalRequested,
    Delegated,
    IterationStarted,
    RunEvent,
    TextDelta,
    ThinkingDelta,
    ToolDetected,
    ToolProgress,
)
from pages.parts.approval import Decide, Request, draw_request
from pages.parts.growing import Changed, Channel, GoesOn, Section
from pages.parts.markdown import as_text
from pages.parts.tool_line import Consent, ToolLine, draw_tool_line, pretty


class LiveLine:
    """A call of a tool while it runs; below its line is room for who must approve it and for the agent it asks."""

    def __init__(self, name: str, given: Mapping[str, Any], decide: Decide) -> None:
        self._line, self._drawn, self._decide = ToolLine(name, given), ToolLine(""), decide
        self._request: Request | None = None
        with st.container():
            self._slot, self._card = st.empty(), st.empty()
            self._below = st.container()
        self._status: StatusContainer | None = None
        self._asked = ""
        self._lane: Lane | None = None

    @property
    def size(self) -> int:
        return len(self._line.result or "")

    def progress(self, event: ToolProgress) -> None:
        if event.status == "executing":
            return
        self._line = replace(
            self._line, state=event.status, duration_ms=event.duration_ms, result=event.result, size=event.size
        )
        self._end_below(failed=event.status == "failed")

    def ask(self, event: ApprovalRequested) -> None:
        self._request = Request(event.span_id, event.name, pretty(event.input), event.expires_at)
        self._line = replace(self._line, state="waiting")

    def decided(self, event: ApprovalDecided) -> None:
        self._request = None
        consent = Consent(event.decision, event.by, event.reason)
        self._line = replace(self._line, state="running", consent=consent)

    def begin_below(self, agent_name: str, changed: Changed) -> "Lane":
        """Return the lane of the agent that it asks."""
        if self._lane is None:
            self._asked = as_text(agent_name)
            self._status = self._below.status(f"{self._asked} is working …", expanded=True)
            inside = self._status.container()  # drawing in the status itself would end it
            self._lane = Lane(inside, changed, self._decide)
        return self._lane

    def _end_below(self, *, failed: bool) -> None:
        if self._status is not None and self._lane is not None:
            self._lane.finish()
            self._status.update(label=self._asked, state="error" if failed else "complete")

    def stop(self) -> None:
        """Stop, as the turn has ended: nothing runs any more."""
        if not self._line.over:
            self._request, self._line = None, replace(self._line, state="stopped")
            self._end_below(failed=True)

    def draw(self, _: GoesOn) -> None:
        """Draw the card once; it is gone as soon as somebody has decided."""
        if self._line != self._drawn:
            with self._slot:
                draw_tool_line(self._line)
            self._draw_card()
        self._drawn = self._line

    def _draw_card(self) -> None:
        if self._request is not None:
            with self._card.container():
                draw_request(self._request, self._decide)
        elif self._drawn.state == "waiting":
            self._card.empty()


class Lane:
    """Takes the events of one agent's run, in order, and opens a place on the screen for each thing they begin."""

    def __init__(self, area: DeltaGenerator, changed: Changed, decide: Decide) -> None:
        self._area, self._changed, self._decide = area, changed, decide
        self._section: Section | None = None
        self._lines: dict[str, LiveLine] = {}

    def take(self, event: RunEvent) -> None:
        match event:
            case TextDelta(text):
                self._write("text", text)
            case ThinkingDelta(text):
                self._write("thinking", text)
            case IterationStarted():
                self._end_section()
            case ToolDetected(id_, name, given):
                self._end_section()
                with self._area:
                    self._lines[id_] = LiveLine(name, given, self._decide)
                self._changed[self._lines[id_]] = None
            case ToolProgress() | ApprovalRequested() | ApprovalDecided():
                self._follow(event)
            case Delegated(id_, agent_name, inner):
                self._lines[id_].begin_below(agent_name, self._changed).take(inner)

    def _write(self, channel: Channel, text: str) -> None:
        if self._section is None or self._section.channel != channel:
            if not text.strip():
                return
            self._end_section()
            self._section = Section(channel, self._area, self._changed)
        self._section.write(text)

    def _end_section(self) -> None:
        if self._section is not None:
            self._section.finish()
            self._section = None

    def _follow(self, event: ToolProgress | ApprovalRequested | ApprovalDecided) -> None:
        line = self._lines[event.id]
        match event:
            case ToolProgress():
                line.progress(event)
            case ApprovalRequested():
                line.ask(event)
            case ApprovalDecided():
                line.decided(event)
        self._changed[line] = None

    def finish(self) -> None:
        """Close the lane: nothing more comes."""
        self._end_section()
        for line in self._lines.values():
            line.stop()
            self._changed[line] = None
