"""The three dialects in which a turn is told: each makes wire events of what is followed, and of nothing else."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeAlias, assert_never

from core.api.sse.wire import WireEvent
from core.chat.following import Followed, WholeText
from core.errors import AppError
from core.events import (
    ApprovalDecided,
    ApprovalRequested,
    Aside,
    CostSoFar,
    Delegated,
    Event,
    IterationStarted,
    RetryScheduled,
    ServerChanged,
    TextDelta,
    ThinkingDelta,
    ToolDetected,
    ToolProgress,
    ToolsExecuting,
    TurnEnded,
    TurnStarted,
    Warned,
)
from core.money import usd_from_nanos
from core.store.text import storable

Fields: TypeAlias = dict[str, Any]
Told: TypeAlias = tuple[str, Fields]


class Dialect(Protocol):
    """One for each reader: it remembers the text that it has told."""

    def encode(self, followed: Followed) -> Iterator[WireEvent]: ...

    def failed(self, error: AppError) -> WireEvent:
        """The last event for a reader who cannot go on, although the turn may."""
        ...


class NamedEvents:
    """Each event has its name, and an ``id`` to go on from once all that belongs to it has arrived."""

    def encode(self, followed: Followed) -> Iterator[WireEvent]:
        events = [WireEvent(fields, name) for name, fields in _named(followed.event)]
        yield from events[:-1]
        yield from (replace(last, id=str(followed.place)) for last in events[-1:])

    def failed(self, error: AppError) -> WireEvent:
        return WireEvent(_error(error.code, error.for_user), "error")


class Tokens:
    """Text alone, without names; at its end the whole of it once more."""

    def __init__(self) -> None:
        self._pieces = list[str]()

    def encode(self, followed: Followed) -> Iterator[WireEvent]:
        match followed.event:
            case TextDelta(text) | WholeText(text):
                if isinstance(followed.event, WholeText):
                    self._pieces.clear()
                self._pieces.append(storable(text))
                yield WireEvent({"token": self._pieces[-1], "done": False})
            case TurnEnded(status="completed"):
                last = {"token": "", "done": True, "fullText": "".join(self._pieces)}
                yield WireEvent({**last, **known_of(followed.event)})
            case TurnEnded() as end:
                yield WireEvent({"error": _code(end), "message": _why(end), **known_of(end)})

    def failed(self, error: AppError) -> WireEvent:
        return WireEvent({"error": error.code, "message": error.for_user})


class TypedEvents:
    """No names, but a type and a time in each; every piece of text comes with all that there is by then."""

    def __init__(self, began: datetime) -> None:
        self._began, self._text = began, ""

    def encode(self, followed: Followed) -> Iterator[WireEvent]:
        at = self._began + timedelta(seconds=followed.at)
        for kind, fields in self._told(followed.event):
            yield _typed(kind, at, fields)

    def failed(self, error: AppError) -> WireEvent:
        return _typed("error", datetime.now(UTC), _error(error.code, error.for_user))

    def _told(self, event: Event | WholeText) -> Iterator[Told]:
        match event:
            case TextDelta(text) | WholeText(text):
                text = storable(text)
                self._text = text if isinstance(event, WholeText) else self._text + text
                yield "text_chunk", {"chunk": text, "accumulated": self._text}
            case TurnEnded(status="completed"):
                yield "complete", {"fullText": self._text, **cost_of(event), **known_of(event)}
            case TurnEnded():
                yield "error", {**_error(_code(event), _why(event)), **cost_of(event), **known_of(event)}
            case _:
                yield from _named(event)


def cost_of(end: TurnEnded) -> Fields:
    """All tokens read, cached ones included; None for a cost that is not known."""
    # As a JSON number: exact to the nano-dollar, as the shortest text of a float is up to 15 digits.
    total = None if end.total is None else float(usd_from_nanos(end.total))
    tokens = {"inputTokens": end.usage.prompt, "outputTokens": end.usage.output}
    return {**tokens, "totalCost": total, "estimated": end.basis == "estimated", "basis": end.basis}


def known_of(end: TurnEnded) -> Fields:
    """What the last event of every door tells: which trace it was, why the model stopped, and how sure the cost is."""
    return {"taskTraceId": end.task_trace_id, "stopReason": end.stop_reason, "basis": end.basis}


def error_of(end: TurnEnded) -> Fields | None:
    """Why the answer is not whole."""
    return None if end.status == "completed" else _error(_code(end), _why(end))


def _named(event: Event | WholeText) -> Iterator[Told]:
    match event:
        case TurnStarted():
            yield "session_start", _session(event)
        case TextDelta(text):
            yield "chunk", {"text": storable(text)}
        case WholeText(text):
            yield "chunk", {"text": storable(text), "replace": True}
        case ToolDetected() | ToolsExecuting() | ToolProgress() | ApprovalRequested():
            yield _tool(event)
        case IterationStarted() | ThinkingDelta() | RetryScheduled() | Warned() | ServerChanged():
            yield _aside(event)
        case Delegated(call, agent, inner):
            yield from _by_another(call, agent, inner)
        case TurnEnded():
            yield "cost", cost_of(event)
            failed = {} if event.status == "completed" else _error(_code(event), _why(event))
            yield "error" if failed else "done", {**failed, **known_of(event)}
        case ApprovalDecided() | CostSoFar():
            pass
        case _:
            assert_never(event)


def _session(start: TurnStarted) -> Fields:
    ids = {"taskTraceId": start.task_trace_id, "conversationId": start.conversation_id}
    return {**ids, "agent": start.agent_name, "model": start.model, "simulated": start.simulated}


def _tool(event: ToolDetected | ToolsExecuting | ToolProgress | ApprovalRequested) -> Told:
    match event:
        case ToolDetected():
            return "tool_detected", {"id": event.id, "tool": event.name, "input": event.input}
        case ToolsExecuting(n):
            return "tools_executing", {"count": n}
        case ToolProgress():
            took = {"executionTime": event.duration_ms}
            return "tool_progress", {"id": event.id, "tool": event.name, "status": event.status, **took}
        case ApprovalRequested():
            asked = {"spanId": event.span_id, "expiresAt": event.expires_at.isoformat()}
            state = {"status": "awaiting_approval", "executionTime": None}
            return "tool_progress", {"id": event.id, "tool": event.name, **state, **asked}


def _aside(event: IterationStarted | ThinkingDelta | Aside) -> Told:
    """Neither the answer nor its tools."""
    match event:
        case IterationStarted(n):
            return "iteration_start", {"iteration": n}
        case ThinkingDelta(text):
            return "thinking", {"text": storable(text)}
        case RetryScheduled(attempt, reason, wait):
            return "retry", {"attempt": attempt, "waitSeconds": wait, "error": storable(reason)}
        case Warned(text):
            return "warning", {"text": storable(text)}
        case ServerChanged(name, condition, reason):
            return "server", {"name": name, "status": condition, "reason": reason and storable(reason)}


def _by_another(call: str, agent: str, event: Event) -> Iterator[Told]:
    """What tools another agent uses that was asked by a call, and what goes wrong; its words are not the answer's."""
    match event:
        case Delegated(inner_call, inner_agent, inner):
            yield from _by_another(inner_call, inner_agent, inner)
        case (
            ToolDetected()
            | ToolsExecuting()
            | ToolProgress()
            | ApprovalRequested()
            | RetryScheduled()
            | Warned()
            | ServerChanged()
        ):
            [(name, fields)] = _named(event)
            yield name, {**fields, "agent": agent, "askedBy": call}


def _typed(kind: str, at: datetime, fields: Fields) -> WireEvent:
    return WireEvent({"type": kind, "timestamp": at.isoformat(timespec="milliseconds"), **fields})


def _error(code: str, words: str) -> Fields:
    return {"error": words, "code": code}


def _code(end: TurnEnded) -> str:
    return end.error_type or end.status


def _why(end: TurnEnded) -> str:
    return end.error_text or "The answer ended before it was whole."
