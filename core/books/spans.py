"""The rows of single steps: spans of model calls and tools, and the ledger lines of what they cost."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, String, bindparam, insert, select, text, update

from core.books.values import (
    STEP_STATUS,
    Checkpoint,
    Ended,
    Line,
    ModelCall,
    ModelCallEnd,
    Reported,
    ToolCall,
    ToolCallEnd,
)
from core.clock import now
from core.pricing.price_book import names_in
from core.store.rollups import UNASSIGNED
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
    "SELECT :model, t.started_at, t.id, coalesce(se.agent_id, :unassigned) FROM trace_spans s "
    "JOIN trace_sessions se ON se.id = s.trace_session_id JOIN task_trace t ON t.id = s.task_trace_id "
    "WHERE s.id = :span ON CONFLICT DO NOTHING"
).bindparams(bindparam("model", type_=StorableText()), bindparam("unassigned", UNASSIGNED, type_=String()))
_CHANGE_SPAN = update(_spans).where(_spans.c.id == bindparam("span"))
_CHANGE_RUNNING = _CHANGE_SPAN.where(_spans.c.status == RUNNING)


def open_call(connection: Connection, call: ModelCall) -> None:
    """Write a running model call: its input is our estimate until the provider reports its own."""
    row = {
        "id": call.id,
        "task_trace_id": call.trace_id,
        "trace_session_id": call.run_id,
        "kind": "model_call",
        "model": call.model,
        "attempt": call.attempt,
        "iteration": call.iteration,
        "most_nanos": call.bound.most,
        **begun_tally(call.started_at),
        "input_tokens": call.prompt_estimate,
    }
    connection.execute(_INSERT_SPAN, row)


def open_tools(connection: Connection, trace_id: str, run_id: str, tools: Sequence[ToolCall]) -> None:
    """Running calls of tools; they read and write no tokens."""
    if tools:
        connection.execute(_INSERT_SPAN, [_new_tool_row(tool, trace_id, run_id) for tool in tools])


def end_calls(connection: Connection, ends: Sequence[ModelCallEnd]) -> None:
    """End calls, and note which models they were billed for unasked."""
    if ends:
        connection.execute(_CHANGE_SPAN, [_ended_call_columns(end) for end in ends])
    others = [{"span": end.id, "model": model} for end in ends for model in sorted(_not_asked(end))]
    if others:
        connection.execute(_NOTE_SERVED, others)


def _not_asked(end: ModelCallEnd) -> set[str]:
    """Models it was billed for that are others than the one asked, by whatever date of it."""
    asked = end.call.model
    return {line.model for line in end.cost.lines if asked and not is_same(line.model, asked)}


def answered_model(end: ModelCallEnd) -> str | None:
    """Return the model that answered, as it was billed, if it is known to be another than the one asked."""
    asked, told = end.call.model, end.reported.model
    named = {told, *names_in(told or "")}
    found = next((line.model for line in end.cost.lines if line.model in named), None)
    return None if found is None or (asked and is_same(found, asked)) else found


def is_same(model: str, asked: str) -> bool:
    return model == asked or (model.startswith(f"{asked}-20") and len(model) == len(f"{asked}-20260101"))


def end_tools(connection: Connection, ends: Mapping[str, ToolCallEnd]) -> None:
    """End tools, by the id of the span that each one has in the books."""
    if ends:
        connection.execute(_CHANGE_SPAN, [{"span": span, **_ended_tool_columns(end)} for span, end in ends.items()])


def end_running_tools(connection: Connection, ends: Sequence[ToolCallEnd]) -> None:
    if ends:
        connection.execute(_CHANGE_RUNNING, [{"span": end.id, **_ended_tool_columns(end)} for end in ends])


def close_unmade(connection: Connection, ids: Sequence[str], at: datetime) -> None:
    """Steps that were opened but never taken."""
    row = {"status": "failed", "ended_at": at, "duration_ms": 0, "error_type": NOT_MADE, **token_columns(Usage())}
    if ids:
        connection.execute(_CHANGE_RUNNING, [{"span": span, **row, **_free()} for span in ids])


def checkpoint_calls(connection: Connection, points: Sequence[Checkpoint]) -> None:
    """Write how far running model calls have come."""
    rows = [
        {
            "span": point.call_id,
            "time_to_first_token_ms": point.first_token_ms,
            "cost_reason": point.reason,
            **_told_early(point.reported),
            **token_columns(point.usage),
        }
        for point in points
    ]
    connection.execute(_CHANGE_RUNNING, rows)


def add_lines(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        connection.execute(_INSERT_LINE, rows)


def line_rows(end: ModelCallEnd, trace_id: str, first: int) -> list[dict[str, Any]]:
    """Return a model call's ledger lines, numbered from ``first``."""
    return [_line_row(end, trace_id, number, line) for number, line in enumerate(end.cost.lines, first)]


def reverse_lines(connection: Connection, span_id: str) -> tuple[list[dict[str, Any]], int]:
    """Take back a model call's lines that still stand by adding their opposites.

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


def _new_tool_row(tool: ToolCall, trace_id: str, run_id: str) -> dict[str, Any]:
    return {
        "id": tool.id,
        "task_trace_id": trace_id,
        "trace_session_id": run_id,
        "kind": "tool",
        "model": "",
        "attempt": 1,
        "iteration": tool.iteration,
        "tool_name": tool.name,
        "tool_use_id": tool.tool_use_id,
        "input": tool.input,
        **begun_tally(tool.started_at),
    }


def _ended_columns(ended: Ended) -> dict[str, Any]:
    return {
        "status": STEP_STATUS[ended.status],
        "ended_at": ended.at,
        "duration_ms": ended.duration_ms,
        "error_type": ended.error_type,
        "error_text": ended.error_text,
    }


def _ended_tool_columns(end: ToolCallEnd) -> dict[str, Any]:
    result = {"output": end.output, "output_size": end.output_size, "waited_ms": end.waited_ms}
    return {**_ended_columns(end.ended), **result, **_free()}


def _ended_call_columns(end: ModelCallEnd) -> dict[str, Any]:
    return {
        "span": end.id,
        **_ended_columns(end.ended),
        "time_to_first_token_ms": end.ended.first_token_ms,
        "cost_nanos": end.cost.total,
        "cost_basis": end.cost.basis,
        "cost_reason": end.cost.reason,
        "http_status": end.reported.http_status,
        "stop_reason": end.reported.stop_reason,
        **_told_early(end.reported),
        **token_columns(end.usage),
    }


def _told_early(reported: Reported) -> dict[str, Any]:
    """Return what a reply tells before its end."""
    return {
        "usage": reported.usage,
        "response_model": reported.model,
        "request_id": reported.request_id,
        "sent_at": reported.sent_at,
        "answered_at": reported.answered_at,
    }


def _line_row(end: ModelCallEnd, trace_id: str, number: int, line: Line) -> dict[str, Any]:
    return {
        "span_id": end.id,
        "line": number,
        "task_trace_id": trace_id,
        "model": line.model,
        "unit": line.unit,
        "quantity": line.quantity,
        "unit_price_usd": line.unit_price_usd,
        "amount_nanos": line.amount,
        "uncached_nanos": line.uncached,
        "price_source": line.price_source,
        "price_from": line.price_from,
        "estimated": end.cost.basis == "estimated",
        "correction": False,
        "billed_at": end.call.started_at,
        "recorded_at": now(),
    }
