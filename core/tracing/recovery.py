"""Turns whose process died: closed as interrupted, with the cost of what had been delivered, marked as estimated."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, select

from core.clock import now
from core.pricing import PriceBook
from core.store.database import Store
from core.store.tables import Message, TaskTrace, TraceSpan
from core.tracing.books import INSTANCE_LOST, finish
from core.tracing.entries import AttemptEnd, Finish
from core.tracing.settling import NO_ANSWER, lines_of, read_usage
from core.usage import estimate_tokens

INTERRUPTED = (
    "The server stopped while this answer was being written. What had arrived is kept; its cost is an estimate. "
    "Press Retry to ask again."
)

_traces, _spans, _messages = TaskTrace.__table__, TraceSpan.__table__, Message.__table__
_LOST = (
    select(
        _traces.c.id.label("task_trace_id"),
        _traces.c.started_at.label("trace_started_at"),
        _traces.c.instance_id,
        _traces.c.heartbeat_at,
        _spans,
        _messages.c.id.label("answer_message_id"),
        _messages.c.content,
        _messages.c.text,
    )
    .join(_spans, (_spans.c.task_trace_id == _traces.c.id) & (_spans.c.status == "running"))
    .join(_messages, (_messages.c.task_trace_id == _traces.c.id) & (_messages.c.role == "assistant"))
    .where(_traces.c.status == "running")
)


def recover(store: Store, book: PriceBook, is_lost: Callable[[RowMapping], bool]) -> int:
    """Close the running turns that nobody answers for any more; returns how many this call closed.

    ``is_lost`` looks at a row's task_trace_id, instance_id, heartbeat_at and trace_started_at.
    """
    with store.read() as connection:
        rows = connection.execute(_LOST).mappings().all()
    lost = [row for row in rows if is_lost(row)]
    ends = [_ended(row, book) for row in lost]
    return sum(store.write(lambda connection: finish(connection, ends)).result()) if ends else 0


def _ended(row: RowMapping, book: PriceBook) -> Finish:
    end = now()
    return Finish(
        task_trace_id=row["task_trace_id"],
        session_id=row["trace_session_id"],
        answer_message_id=row["answer_message_id"],
        status="interrupted",
        started_at=row["trace_started_at"],
        duration_ms=_milliseconds(row["trace_started_at"], row["heartbeat_at"]),
        attempt=_attempt_end(row, book, end),
        content=row["content"],
        text=row["text"],
        recovered=True,
    )


def _attempt_end(row: RowMapping, book: PriceBook, end: datetime) -> AttemptEnd:
    usage = _used(row)
    model = row["response_model"] or row["model"]
    priced = book.price_usage(model, usage, row["started_at"], stop_reason=None, content_blocks=len(row["content"]))
    return AttemptEnd(
        span_id=row["id"],
        status="interrupted",
        started_at=row["started_at"],
        ended_at=end,
        duration_ms=_milliseconds(row["started_at"], row["heartbeat_at"]),
        time_to_first_token_ms=row["time_to_first_token_ms"],
        usage=read_usage(usage),
        total=priced.total,
        basis=priced.basis,
        cost_reason=priced.reason if row["usage"] else NO_ANSWER,
        lines=lines_of(priced),
        usage_json=row["usage"],
        response_model=row["response_model"],
        request_id=row["request_id"],
        error_type=INSTANCE_LOST,
        error_text=INTERRUPTED,
    )


def _used(row: RowMapping) -> dict[str, Any]:
    """What the last checkpoint knew: the provider's usage with the output it had counted, else the estimated prompt."""
    if row["usage"]:
        return {**row["usage"], "output_tokens": max(row["output_tokens"], row["usage"].get("output_tokens") or 0)}
    return {"input_tokens": row["input_tokens"], "output_tokens": estimate_tokens(row["text"])}


def _milliseconds(start: datetime, end: datetime) -> int:
    return max(0, round((end - start).total_seconds() * 1000))
