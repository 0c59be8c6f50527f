"""The rows of single steps: spans of model calls and tools, and the ledger lines of what they cost."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, text, update

from core.books.entries import AttemptEnd, Checkpoint, Line, NewAttempt, NewTool, ToolEnd
from core.clock import now
from core.pricing.price_book import names_in
from core.store.tables import LedgerLine, TraceSpan
from core.store.text import StorableText
from core.units import COLUMNS, Usage

RUNNING = "running"
NOT_MADE = "not_made"

_spans, _lines = TraceSpan.__table__, LedgerLine.__table__
_INSERT_SPAN = insert(_spans)
_INSERT_LINE = insert(_lines)
_NOTE_SERVED = text(
    "INSERT INTO served_models (model, trace_started_at, task_trace_id, agent_id) "
    "SELECT :model, t.started_at, t.id, se.agent_id FROM trace_spans s "
    "JOIN trace_sessions se ON se.id = s.trace_session_id JOIN task_trace t ON t.id = s.task_trace_id "
    "WHERE s.id = :span ON CONFLICT DO NOTHING"
).bindparams(bindparam("model", type_=StorableText()))
_CHANGE_SPAN = update(_spans).where(_spans.c.id == bindparam("span"))
_CHANGE_RUNNING = _CHANGE_SPAN.where(_spans.c.status == RUNNING)


def open_attempt(connection: Connection, attempt: NewAttempt, prompt_estimate: int, at: datetime) -> None:
    """A running attempt: its input is our estimate until the provider reports its own."""
    row = {
        "id": attempt.span_id,
        "task_trace_id": attempt.task_trace_id,
        "trace_session_id": attempt.session_id,
        "kind": "model_call",
        "model": attempt.model,
        "attempt": attempt.number,
        "iteration": attempt.iteration,
        "most_nanos": attempt.bound.most,
        **begun_tally(at),
        "input_tokens": prompt_estimate,
    }
    connection.execute(_INSERT_SPAN, row)


def open_tools(connection: Connection, task_trace_id: str, session_id: str, tools: Sequence[NewTool]) -> None:
    """Running calls of tools; they read and write no tokens."""
    if tools:
        connection.execute(_INSERT_SPAN, [_new_tool_row(tool, task_trace_id, session_id) for tool in tools])


def end_attempts(connection: Connection, ends: Sequence[AttemptEnd]) -> None:
    """Also notes which models they were billed for unasked."""
    if ends:
        connection.execute(_CHANGE_SPAN, [_ended_columns(end) for end in ends])
    others = [{"span": end.span_id, "model": model} for end in ends for model in sorted(_not_asked(end))]
    if others:
        connection.execute(_NOTE_SERVED, others)


def _not_asked(end: AttemptEnd) -> set[str]:
    """Models it was billed for that are others than the one asked, by whatever date of it."""
    asked = end.asked_model
    return {line.model for line in end.lines if asked and not is_same(line.model, asked)}


def answered_model(end: AttemptEnd) -> str | None:
    """The model that answered, as it was billed, if it is known to be another than the one asked."""
    named = {end.response_model, *names_in(end.response_model or "")}
    found = next((line.model for line in end.lines if line.model in named), None)
    return None if found is None or (end.asked_model and is_same(found, end.asked_model)) else found


def is_same(model: str, asked: str) -> bool:
    return model == asked or (model.startswith(f"{asked}-20") and len(model) == len(f"{asked}-20260101"))


def end_tools(connection: Connection, ends: Mapping[str, ToolEnd]) -> None:
    """By the id of the span that each one has in the books."""
    if ends:
        connection.execute(_CHANGE_SPAN, [{"span": span, **_ended_tool_columns(end)} for span, end in ends.items()])


def end_running_tools(connection: Connection, ends: Sequence[ToolEnd]) -> None:
    if ends:
        connection.execute(_CHANGE_RUNNING, [{"span": end.tool.span_id, **_ended_tool_columns(end)} for end in ends])


def close_unmade(connection: Connection, ids: Sequence[str], at: datetime) -> None:
    """Steps that were opened but never taken."""
    row = {"status": "failed", "ended_at": at, "duration_ms": 0, "error_type": NOT_MADE, **token_columns(Usage())}
    if ids:
        connection.execute(_CHANGE_RUNNING, [{"span": span, **row, **_free()} for span in ids])


def checkpoint_attempts(connection: Connection, points: Sequence[Checkpoint]) -> None:
    """How far running attempts have come."""
    rows = [
        {
            "span": point.span_id,
            "usage": point.usage_json,
            "response_model": point.response_model,
            "request_id": point.request_id,
            "time_to_first_token_ms": point.time_to_first_token_ms,
            "sent_at": point.sent_at,
            "answered_at": point.answered_at,
            "cost_reason": point.cost_reason,
            **token_columns(point.usage),
        }
        for point in points
    ]
    connection.execute(_CHANGE_RUNNING, rows)


def add_lines(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        connection.execute(_INSERT_LINE, rows)


def line_rows(end: AttemptEnd, task_trace_id: str, first: int) -> list[dict[str, Any]]:
    """An attempt's ledger lines, numbered from ``first``."""
    return [_line_row(end, task_trace_id, number, line) for number, line in enumerate(end.lines, first)]


def reverse_lines(connection: Connection, span_id: str) -> tuple[list[dict[str, Any]], int]:
    """Take back an attempt's lines that still stand by adding their opposites.

    Returns these, and the number of the next line.
    """
    written = connection.execute(select(_lines).where(_lines.c.span_id == span_id).order_by(_lines.c.line))
    rows = [dict(row) for row in written.mappings()]
    settled = max((place for place, row in enumerate(rows, 1) if row["correction"]), default=0)
    opposites = [_opposite(row, number) for number, row in enumerate(rows[settled:], len(rows) + 1)]
    add_lines(connection, opposites)
    return opposites, len(rows) + len(opposites) + 1


def _opposite(row: dict[str, Any], number: int) -> dict[str, Any]:
    amounts = ("quantity", "amount_nanos", "uncached_nanos")
    taken_back = {name: None if row[name] is None else -row[name] for name in amounts}
    return {**row, **taken_back, "line": number, "correction": True, "recorded_at": now()}


def begun_tally(at: datetime) -> dict[str, Any]:
    return {"status": RUNNING, "started_at": at, **token_columns(Usage())}


def token_columns(usage: Usage) -> dict[str, int]:
    return dict(zip(COLUMNS, usage.numbers(), strict=True))


def _free() -> dict[str, Any]:
    return {"cost_nanos": 0, "cost_basis": "computed"}


def _new_tool_row(tool: NewTool, task_trace_id: str, session_id: str) -> dict[str, Any]:
    return {
        "id": tool.span_id,
        "task_trace_id": task_trace_id,
        "trace_session_id": session_id,
        "kind": "tool",
        "model": "",
        "attempt": 1,
        "iteration": tool.iteration,
        "tool_name": tool.name,
        "tool_use_id": tool.tool_use_id,
        "input": tool.input,
        **begun_tally(tool.at),
    }


def _ended_tool_columns(end: ToolEnd) -> dict[str, Any]:
    return {
        "status": end.status,
        "ended_at": end.ended_at,
        "duration_ms": end.duration_ms,
        "output": end.output,
        "output_size": end.output_size,
        "waited_ms": end.waited_ms,
        "error_type": end.error_type,
        "error_text": end.error_text,
        **_free(),
    }


def _ended_columns(end: AttemptEnd) -> dict[str, Any]:
    return {
        "span": end.span_id,
        "status": end.status,
        "cost_nanos": end.total,
        "cost_basis": end.basis,
        "cost_reason": end.cost_reason,
        "ended_at": end.ended_at,
        "duration_ms": end.duration_ms,
        "time_to_first_token_ms": end.time_to_first_token_ms,
        "error_type": end.error_type,
        "error_text": end.error_text,
        "usage": end.usage_json,
        "response_model": end.response_model,
        "request_id": end.request_id,
        "http_status": end.http_status,
        "stop_reason": end.stop_reason,
        "sent_at": end.sent_at,
        "answered_at": end.answered_at,
        **token_columns(end.usage),
    }


def _line_row(end: AttemptEnd, task_trace_id: str, number: int, line: Line) -> dict[str, Any]:
    return {
        "span_id": end.span_id,
        "line": number,
        "task_trace_id": task_trace_id,
        "model": line.model,
        "unit": line.unit,
        "quantity": line.quantity,
        "unit_price_usd": line.unit_price_usd,
        "amount_nanos": line.amount,
        "uncached_nanos": line.uncached,
        "price_source": line.price_source,
        "price_from": line.price_from,
        "estimated": end.basis == "estimated",
        "correction": False,
        "billed_at": end.started_at,
        "recorded_at": now(),
    }
