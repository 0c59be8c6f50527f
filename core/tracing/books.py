"""The books' own SQL from the first attempt to the end.

Each function is one transaction's work and may be run again after a failed commit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import Connection, bindparam, insert, select, update

from core.clock import now
from core.store.tables import DirtyBucket, LedgerLine, Message, TaskTrace, TraceSpan
from core.tracing.entries import STEP_STATUS, AttemptEnd, Checkpoint, Finish, Line, NewAttempt
from core.tracing.opening import open_attempt, token_columns
from core.tracing.totals import close_sessions, close_traces

INSTANCE_LOST = "instance_lost"

_messages = Message.__table__
_traces = TaskTrace.__table__
_spans = TraceSpan.__table__
_lines = LedgerLine.__table__

_RUNNING = "running"
_INSERT_LINE = insert(_lines)
_MARK_DIRTY = insert(DirtyBucket.__table__)
_LOCK_SPANS = (
    select(_spans.c.id, _spans.c.status, _spans.c.error_type)
    .where(_spans.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(_spans.c.id)
    .with_for_update()
)
_END_SPAN = update(_spans).where(_spans.c.id == bindparam("span"))
_END_RUNNING_SPAN = _END_SPAN.where(_spans.c.status == _RUNNING)
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
    if connection.execute(_END_RUNNING_SPAN, _span_columns(failed)).rowcount == 0:
        raise TurnLost
    if failed.lines:
        connection.execute(_INSERT_LINE, _line_rows(failed, following.task_trace_id, 1))
    connection.execute(_MARK_DIRTY, {"hour": _hour(following.trace_started_at)})
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


def finish(connection: Connection, ends: Sequence[Finish]) -> list[bool]:
    """Close each turn once: False where it was closed before. A true end replaces a recovered guess, by corrections.

    Many ends take hardly more statements than one.
    """
    states = _states(connection, ends)
    closing, closed = list[_Closing](), list[bool]()
    for end in ends:
        first_line = _first_line(connection, states.pop(end.attempt.span_id, None), end)
        closed.append(first_line is not None)
        if first_line is not None:
            closing.append(_Closing(end, first_line))
    if closing:
        _close(connection, closing)
    return closed


@dataclass(frozen=True, slots=True)
class _Closing:
    """``first_line`` is the number of the first ledger line still free."""

    end: Finish
    first_line: int


_State: TypeAlias = tuple[str, str | None]


def _states(connection: Connection, ends: Sequence[Finish]) -> dict[str, _State]:
    """Status and error type of the ends' attempts, locked until the transaction is over."""
    ids = sorted({end.attempt.span_id for end in ends})
    return {row.id: (row.status, row.error_type) for row in connection.execute(_LOCK_SPANS, {"ids": ids})}


def _first_line(connection: Connection, state: _State | None, end: Finish) -> int | None:
    if state is not None and state[0] == _RUNNING:
        return 1
    if state == ("interrupted", INSTANCE_LOST) and not end.recovered:
        return _reverse(connection, end.attempt)
    return None


def _close(connection: Connection, closing: Sequence[_Closing]) -> None:
    ends = [one.end for one in closing]
    connection.execute(_END_SPAN, [_span_columns(end.attempt) for end in ends])
    lines = [row for one in closing for row in _line_rows(one.end.attempt, one.end.task_trace_id, one.first_line)]
    if lines:
        connection.execute(_INSERT_LINE, lines)
    connection.execute(_END_ANSWER, [_answer_columns(end) for end in ends])
    close_sessions(connection, [_ended(end, end.session_id, STEP_STATUS[end.status]) for end in ends])
    close_traces(connection, [_ended(end, end.task_trace_id, end.status) for end in ends])
    hours = {_hour(end.started_at) for end in ends}
    connection.execute(_MARK_DIRTY, [{"hour": hour} for hour in sorted(hours)])


def _answer_columns(end: Finish) -> dict[str, Any]:
    status = "complete" if end.status == "completed" else "partial"
    return {"message": end.answer_message_id, "status": status, "content": end.content, "text": end.text}


def _ended(end: Finish, row_id: str, status: str) -> dict[str, Any]:
    return {
        "id": row_id,
        "status": status,
        "ended_at": end.attempt.ended_at,
        "duration_ms": end.duration_ms,
        "time_to_first_token_ms": end.attempt.time_to_first_token_ms,
        "error_type": end.attempt.error_type,
        "error_text": end.attempt.error_text,
    }


def _span_columns(end: AttemptEnd) -> dict[str, Any]:
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
        **token_columns(end.usage),
    }


def _line_rows(end: AttemptEnd, task_trace_id: str, first: int) -> list[dict[str, Any]]:
    return [_line_row(end, task_trace_id, number, line) for number, line in enumerate(end.lines, first)]


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
        "recorded_at": end.ended_at,
    }


def _reverse(connection: Connection, end: AttemptEnd) -> int:
    """Take back an attempt's lines by adding their opposites; returns the number of the line after them."""
    written = connection.execute(select(_lines).where(_lines.c.span_id == end.span_id).order_by(_lines.c.line))
    rows = [dict(row) for row in written.mappings()]
    for number, row in enumerate(rows, len(rows) + 1):
        amount = None if row["amount_nanos"] is None else -row["amount_nanos"]
        uncached = None if row["uncached_nanos"] is None else -row["uncached_nanos"]
        taken_back = {"line": number, "quantity": -row["quantity"], "amount_nanos": amount, "uncached_nanos": uncached}
        connection.execute(_INSERT_LINE, {**row, **taken_back, "correction": True, "recorded_at": now()})
    return 2 * len(rows) + 1


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)
