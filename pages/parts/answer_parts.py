"""A finished answer in the order it came about: what was thought, said, and done with tools."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, cast

from core.conversations.tool_history import ToolRun
from core.conversations.transcript import MessageView
from core.events import Decision
from core.store.text import storable
from pages.parts.tool_line import Consent, State, ToolLine

_STATES: dict[str, State] = {
    "running": "running",
    "success": "completed",
    "failed": "failed",
    "stopped": "stopped",
    "interrupted": "stopped",
}


@dataclass(frozen=True, slots=True)
class Thought:
    text: str


@dataclass(frozen=True, slots=True)
class Said:
    text: str


AnswerPart: TypeAlias = Thought | Said | ToolLine


def parts_of(message: MessageView) -> list[AnswerPart]:
    """Neighbouring blocks of text are one; each call has its result and what the books say of it."""
    parts: list[AnswerPart | None] = []
    places: dict[str, int] = {}
    for block in message.blocks:
        match block["type"]:
            case "text" | "thinking":
                _say(parts, block)
            case "tool_use":
                places[block["id"]] = len(parts)
                parts.append(_line(message, block))
            case "tool_result" if block["tool_use_id"] in places:
                place = places[block["tool_use_id"]]
                parts[place] = _with_result(cast("ToolLine", parts[place]), block)
            case _:
                parts.append(None)
    return list(_visible(parts))


def _visible(parts: list[AnswerPart | None]) -> Iterator[AnswerPart]:
    return (part for part in parts if part is not None and (isinstance(part, ToolLine) or part.text.strip()))


def _say(parts: list[AnswerPart | None], block: dict[str, Any]) -> None:
    last = parts[-1] if parts else None
    text = storable(str(block[block["type"]]))
    match block["type"], last:
        case "text", Said():
            parts[-1] = Said(last.text + text)
        case "thinking", Thought():
            parts[-1] = Thought(f"{last.text}\n\n{text}")
        case kind, _:
            parts.append(Said(text) if kind == "text" else Thought(text))


def _line(message: MessageView, block: dict[str, Any]) -> ToolLine:
    line = ToolLine(block["name"], block["input"])
    run = message.tools.get(block["id"])
    return line if run is None else _as_booked(line, run, message.turn.task_trace_id if message.turn else None)


def _as_booked(line: ToolLine, run: ToolRun, trace_id: str | None) -> ToolLine:
    state: State = "not run" if run.error_type == "not_run" else _STATES[run.status]
    decided = run.decision is not None
    return replace(
        line,
        state=state,
        duration_ms=None if run.duration_ms is None else run.duration_ms - (run.waited_ms or 0),
        size=run.size,
        consent=Consent(cast("Decision", run.decision), run.decided_by, run.reason) if decided else None,
        asked_agent=run.asked_agent,
        trace_id=trace_id,
    )


def _with_result(line: ToolLine, block: dict[str, Any]) -> ToolLine:
    """A call that the books do not know yet is over, as its result is there."""
    content = block.get("content", "")
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    state: State = line.state if line.over else ("failed" if block.get("is_error") else "completed")
    return replace(line, state=state, result=text)
