"""The books' own SQL from the first attempt to the end.

Each function is one transaction's work and may be run again after a failed commit.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, update

from core.clock import now
from core.store.tables import DirtyBucket, LedgerLine, Message, TaskTrace, TraceSpan
from core.tracing.entries import STEP_STATUS, AttemptEnd, Checkpoint, Finish, Line, NewAttempt
from core.tracing.opening import open_attempt, token_columns
from core.tracing.totals import close_session, close_trace

INSTANCE_LOST = "instance_lost"

_messages = Message.__table__
_traces = TaskTrace.__table__
_spans = TraceSpan.__table__
_lines = LedgerLine.__table__

_RUNNING = "running"
_INSERT_LINE = insert(_lines)
_MARK_DIRTY = insert(DirtyBucket.__table__)
_END_SPAN = update(_spans).where(_spans.c.id == bindparam("span"), _spans.c.status == bindparam("expected"))
_CHECKPOINT_SPAN = update(_spans).where(_spans.c.id == bindparam("span"), _spans.c.status == _RUNNING)
_CHECKPOINT_ANSWER = update(_messages).where(_messages.c.id == bindparam("message"), _messages.c.status == _RUNNING)
_END_ANSWER = update(_messages).where(_messages.c.id == bindparam("message"))
_HEARTBEAT = update(_traces).where(_traces.c.instance_id == bindparam("instance"), _traces.c.status == _RUNNING)


class TurnLost(Exception):
    """The turn was closed by someone who took this instance for dead."""


def next_attempt(
    connection: Connection, failed: AttemptEnd, following: NewAttempt, prompt_estimate: int, at: datetime
) -> None:
    """Close the failed attempt and open the one that follows it; raises TurnLost if the turn was closed meanwhile."""
    if not _close_attempt(connection, failed, following.task_trace_id, _RUNNING):
        raise TurnLost
    if failed.lines:
        connection.execute(_MARK_DIRTY, {"hour": _hour(failed.started_at)})
    open_attempt(connection, following, prompt_estimate, at)


def checkpoint(connection: Connection, checkpoints: Sequence[Checkpoint]) -> None:
    """Bring all running turns' rows up to date; a turn that ended meanwhile is left as it ended."""
    spans = [
        {
            "span": point.span_id,
            "usage": point.usage_json,
            "response_model": point.response_model,
            "request_id": point.request_id,
            "time_to_first_token_ms": point.time_to_first_token_ms,
            **token_columns(point.usage),
        }
        for point in checkpoints
    ]
    answers = [
        {"message": point.answer_message_id, "content": point.content, "text": point.text} for point in checkpoints
    ]
    connection.execute(_CHECKPOINT_SPAN, spans)
    connection.execute(_CHECKPOINT_ANSWER, answers)


def heartbeat(connection: Connection, instance_id: str, at: datetime) -> None:
    connection.execute(_HEARTBEAT, {"instance": instance_id, "heartbeat_at": at})


def finish(connection: Connection, end: Finish) -> bool:
    """Close a turn once: False if it was closed before. A true end replaces a recovered guess, by corrections."""
    if not _close_attempt(connection, end.attempt, end.task_trace_id, _RUNNING):
        if end.recovered or not _was_lost(connection, end.attempt.span_id):
            return False
        _reverse(connection, end.attempt)
        _close_attempt(connection, end.attempt, end.task_trace_id, "interrupted")
    status = "complete" if end.status == "completed" else "partial"
    answer = {"message": end.answer_message_id, "status": status, "content": end.content, "text": end.text}
    connection.execute(_END_ANSWER, answer)
    ended = {
        "ended_at": end.attempt.ended_at,
        "duration_ms": end.duration_ms,
        "time_to_first_token_ms": end.attempt.time_to_first_token_ms,
        "error_type": end.attempt.error_type,
        "error_text": end.attempt.error_text,
    }
    close_session(connection, end.session_id, {**ended, "status": STEP_STATUS[end.status]})
    close_trace(connection, end.task_trace_id, {**ended, "status": end.status})
    hours = {_hour(end.attempt.started_at), _hour(end.started_at)}
    connection.execute(_MARK_DIRTY, [{"hour": hour} for hour in hours])
    return True


def _was_lost(connection: Connection, span_id: str) -> bool:
    row = connection.execute(select(_spans.c.status, _spans.c.error_type).where(_spans.c.id == span_id)).first()
    return row is not None and tuple(row) == ("interrupted", INSTANCE_LOST)


def _close_attempt(connection: Connection, end: AttemptEnd, task_trace_id: str, expected: str) -> bool:
    changes = {
        "span": end.span_id,
        "expected": expected,
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
        **token_columns(end.usage),
    }
    if connection.execute(_END_SPAN, changes).rowcount == 0:
        return False
    if end.lines:
        first = _next_line(connection, end.span_id) if expected != _RUNNING else 1
        rows = [_line_row(end, task_trace_id, number, line) for number, line in enumerate(end.lines, first)]
        connection.execute(_INSERT_LINE, rows)
    return True


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
        "price_source": line.price_source,
        "price_from": line.price_from,
        "estimated": end.basis == "estimated",
        "correction": False,
        "billed_at": end.started_at,
        "recorded_at": end.ended_at,
    }


def _next_line(connection: Connection, span_id: str) -> int:
    newest = select(func.coalesce(func.max(_lines.c.line), 0)).where(_lines.c.span_id == span_id)
    return int(connection.execute(newest).scalar_one()) + 1


def _reverse(connection: Connection, end: AttemptEnd) -> None:
    """Take back an attempt's lines by adding their opposites: nothing in the ledger is ever changed."""
    written = connection.execute(select(_lines).where(_lines.c.span_id == end.span_id).order_by(_lines.c.line))
    rows = [dict(row) for row in written.mappings()]
    for number, row in enumerate(rows, len(rows) + 1):
        amount = None if row["amount_nanos"] is None else -row["amount_nanos"]
        taken_back = {"line": number, "quantity": -row["quantity"], "amount_nanos": amount}
        connection.execute(_INSERT_LINE, {**row, **taken_back, "correction": True, "recorded_at": now()})


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)
