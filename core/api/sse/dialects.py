"""The three dialects in which a turn is told: each makes wire events of what is followed, and of nothing else."""

from collections.abc import Iterator
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
    """Each event has its name."""

    def encode(self, followed: Followed) -> Iterator[WireEvent]:
        event = followed.event
        if isinstance(event, TextDelta):  # nearly all there is
            yield WireEvent({"text": storable(event.text)}, "chunk")
        elif isinstance(event, TurnEnded):
            yield from self._end(event)
        else:
            yield from (WireEvent(fields, name) for name, fields in _named(event))

    def _end(self, end: TurnEnded) -> Iterator[WireEvent]:
        yield WireEvent(cost_of(end), "cost")
        failed = error_of(end)
        yield WireEvent({**(failed or {}), **known_of(end)}, "done" if failed is None else "error")

    def failed(self, error: AppError) -> WireEvent:
        return WireEvent(_error(error.code, error.for_user), "error")


class Tokens:
    """Text alone, without names; at its end the whole of it once more.

    Whose place in the text is lost gets nothing more before the end: these readers could only add to what they have.
    """

    def __init__(self) -> None:
        self._pieces, self._place_lost = list[str](), False

    def encode(self, followed: Followed) -> Iterator[WireEvent]:
        match followed.event:
            case WholeText(text):
                self._pieces, self._place_lost = [storable(text)], True
            case TextDelta(text):
                self._pieces.append(storable(text))
                if not self._place_lost:
                    yield WireEvent({"token": self._pieces[-1], "done": False})
            case ApprovalRequested() | Delegated() as event:
                if (asked := asks(event)) is not None:
                    yield WireEvent({"token": "", "done": False, "waiting": _waiting(asked)})
            case TurnEnded(status="completed") as end:
                whole = {"token": "", "done": True, "fullText": "".join(self._pieces)}
                yield WireEvent({**whole, **known_of(end)})
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
        why = _error(error.code, error.for_user)
        return _typed("error", datetime.now(UTC), why)

    def _told(self, event: Event | WholeText) -> Iterator[Told]:
        match event:
            case TextDelta(text) | WholeText(text):
                text = storable(text)
                self._text = text if isinstance(event, WholeText) else self._text + text
                replaced = {"replace": True} if isinstance(event, WholeText) else {}
                yield "text_chunk", {"chunk": text, "accumulated": self._text, **replaced}
            case TurnEnded(status="completed"):
                yield "complete", {"fullText": self._text, **cost_of(event), **known_of(event)}
            case TurnEnded():
                why = _error(_code(event), _why(event))
                yield "error", {**why, **cost_of(event), **known_of(event)}
            case _:
                yield from ((name, _in_words(fields, event)) for name, fields in _named(event))


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
    """All but the end."""
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
        case ApprovalDecided() | CostSoFar() | TurnEnded():
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
        case ToolsExecuting(n, names):
            return "tools_executing", {"count": n, "tools": list(names)}
        case ToolProgress():
            took = {"executionTime": event.duration_ms}
            return "tool_progress", {"id": event.id, "tool": event.name, "status": event.status, **took}
        case ApprovalRequested():
            state = {"status": "awaiting_approval", "executionTime": None}
            return "tool_progress", {"id": event.id, **state, **_waiting(event)}


def asks(event: Event) -> ApprovalRequested | None:
    """For whose consent, also where another agent does that was asked."""
    while isinstance(event, Delegated):
        event = event.event
    return event if isinstance(event, ApprovalRequested) else None


def _waiting(event: ApprovalRequested) -> Fields:
    return {"tool": event.name, "spanId": event.span_id, "expiresAt": event.expires_at.isoformat()}


def _in_words(fields: Fields, event: Event) -> Fields:
    """As the typed door says it: times with their unit, places in the row, a sentence for people."""
    while isinstance(event, Delegated):
        event = event.event
    match event:
        case ToolDetected():
            return {**fields, "message": f"The model wants to use {event.name}."}
        case ToolProgress():
            took = None if event.duration_ms is None else f"{event.duration_ms}ms"
            return {**fields, "executionTime": took, "progress": f"{event.i}/{event.n}"}
        case _:
            return fields


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
