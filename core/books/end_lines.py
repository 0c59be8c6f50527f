"""Ends of traces as lines of JSON, for files that outlive a process, and a version of the product."""

import json
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from core.books.values import STEP_STATUS, TraceEnd

_END: TypeAdapter[TraceEnd] = TypeAdapter(TraceEnd)
_TURN_STATUS = {step: turn for turn, step in STEP_STATUS.items()}


def as_json(end: TraceEnd) -> bytes:
    """Write one line of ASCII: content blocks may hold characters that UTF-8 cannot."""
    return json.dumps(_END.dump_python(end), default=datetime.isoformat).encode("ascii")


def from_json(line: bytes) -> TraceEnd:
    """Read a line, also one that version 0.1 wrote. Raises ValueError on what was not written whole."""
    found = json.loads(line)
    if isinstance(found, dict) and "task_trace_id" in found:
        found = _first_form(found)
    return _END.validate_python(found)


def _first_form(old: dict[str, Any]) -> dict[str, Any]:
    """Read a line of version 0.1, which named things otherwise and told the first run's end as the turn's own."""
    try:
        return {
            "trace_id": old["task_trace_id"],
            "started_at": old["started_at"],
            "ended": _ended(old, old["status"]),
            "runs": [_run(old, old["task_trace_id"]), *(_run(each, old["task_trace_id"]) for each in old["delegated"])],
            "answer": {"message_id": old["answer_message_id"], "content": old["content"], "text": old["text"]},
            "recovered": old["recovered"],
        }
    except (KeyError, TypeError) as error:
        raise ValueError(f"an end of the first form lacks {error}") from error


def _ended(old: dict[str, Any], status: str) -> dict[str, Any]:
    """Return when and how a run ended: as its last attempt did, unless said otherwise."""
    last = old["attempt"]
    first = old["time_to_first_token_ms"]
    return {
        "status": status,
        "at": old["ended_at"] or last["ended_at"],
        "duration_ms": old["duration_ms"],
        "first_token_ms": last["time_to_first_token_ms"] if first is None else first,
        "error_type": old["error_type"] or last["error_type"],
        "error_text": old["error_text"] or last["error_text"],
    }


def _run(old: dict[str, Any], trace_id: str) -> dict[str, Any]:
    return {
        "run_id": old["session_id"],
        "ended": _ended(old, _TURN_STATUS.get(old["status"], old["status"])),
        "last": _call(old["attempt"], trace_id, old["session_id"]),
        "tools": [_tool(each) for each in old["tools"]],
        "unmade": old["unmade"],
    }


def _call(old: dict[str, Any], trace_id: str, run_id: str) -> dict[str, Any]:
    call = {"id": old["span_id"], "trace_id": trace_id, "run_id": run_id, "model": old.get("asked_model") or ""}
    reported = {
        "usage": old["usage_json"],
        "model": old["response_model"],
        **{name: old.get(name) for name in ("request_id", "http_status", "stop_reason", "sent_at", "answered_at")},
    }
    return {
        "call": {**call, "started_at": old["started_at"]},
        "ended": _step_ended(old),
        "cost": {"total": old["total"], "basis": old["basis"], "reason": old["cost_reason"], "lines": old["lines"]},
        "usage": old["usage"],
        "reported": reported,
    }


def _tool(old: dict[str, Any]) -> dict[str, Any]:
    tool = old["tool"]
    return {
        "call": {
            **{name: tool[name] for name in ("tool_use_id", "name", "input", "iteration")},
            "id": tool["span_id"],
            "started_at": tool["at"],
        },
        "ended": _step_ended(old),
        **{name: old.get(name) for name in ("output", "output_size", "waited_ms")},
    }


def _step_ended(old: dict[str, Any]) -> dict[str, Any]:
    return {
        "status": _TURN_STATUS[old["status"]],
        "at": old["ended_at"],
        "duration_ms": old["duration_ms"],
        "first_token_ms": old.get("time_to_first_token_ms"),
        "error_type": old["error_type"],
        "error_text": old["error_text"],
    }
