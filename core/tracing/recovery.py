"""Turns whose process died: closed as interrupted, with the cost of what had been delivered, marked as estimated."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, select

from core.clock import now
from core.pricing import PriceBook
from core.provider.blocks import open_calls, with_every_result
from core.store.database import Store
from core.store.tables import Message, TaskTrace, TraceSpan
from core.tracing.books import INSTANCE_LOST, finish
from core.tracing.entries import AttemptEnd, Finish, NewTool, ToolEnd
from core.tracing.settling import NO_ANSWER, lines_of, read_usage
from core.tracing.tool_calls import new_tool

INTERRUPTED = (
    "The server stopped while this answer was being written. What had arrived is kept; its cost is an estimate. "
    "Press Retry to ask again."
)

NOT_FINISHED = "The server stopped before this tool had ended. It may or may not have done its work."

_traces, _spans, _messages = TaskTrace.__table__, TraceSpan.__table__, Message.__table__
_LOST = (
    select(
        _traces.c.id.label("task_trace_id"),
        _traces.c.started_at.label("trace_started_at"),
        _traces.c.instance_id,
        _traces.c.heartbeat_at,
        _messages.c.id.label("answer_message_id"),
        _messages.c.content,
        _messages.c.text,
    )
    .join(_messages, (_messages.c.task_trace_id == _traces.c.id) & (_messages.c.role == "assistant"))
    .where(_traces.c.status == "running")
)
_STEPS = (
    select(_spans)
    .where(_spans.c.task_trace_id.in_(bindparam("ids", expanding=True)))
    .order_by(_spans.c.started_at, _spans.c.id)
)


@dataclass(frozen=True, slots=True)
class _Lost:
    """A turn nobody answers for any more, with its steps in the order they began."""

    turn: RowMapping
    calls: list[RowMapping]
    tools: list[RowMapping]


def recover(store: Store, book: PriceBook, is_lost: Callable[[RowMapping], bool]) -> int:
    """Close the running turns that nobody answers for any more; returns how many this call closed.

    ``is_lost`` looks at a row's task_trace_id, instance_id, heartbeat_at and trace_started_at.
    """
    with store.read() as connection:
        turns = [row for row in connection.execute(_LOST).mappings() if is_lost(row)]
        lost = _with_steps(connection, turns)
    ends = [_ended(one, book) for one in lost]
    return sum(store.write(lambda connection: finish(connection, ends)).result()) if ends else 0


def _with_steps(connection: Connection, turns: list[RowMapping]) -> list[_Lost]:
    lost = {turn["task_trace_id"]: _Lost(turn, [], []) for turn in turns}
    for span in connection.execute(_STEPS, {"ids": list(lost)}).mappings() if lost else ():
        one = lost[span["task_trace_id"]]
        (one.tools if span["kind"] == "tool" else one.calls).append(span)
    return [one for one in lost.values() if one.calls]


def _ended(lost: _Lost, book: PriceBook) -> Finish:
    end, turn, last = now(), lost.turn, lost.calls[-1]
    first_tokens = (call["time_to_first_token_ms"] for call in lost.calls)
    return Finish(
        task_trace_id=turn["task_trace_id"],
        session_id=last["trace_session_id"],
        answer_message_id=turn["answer_message_id"],
        status="interrupted",
        started_at=turn["trace_started_at"],
        duration_ms=_milliseconds(turn["trace_started_at"], turn["heartbeat_at"]),
        attempt=_attempt_end(lost, book, end),
        content=with_every_result(turn["content"], NOT_FINISHED),
        text=turn["text"],
        recovered=True,
        tools=tuple(_tools_ended(lost, end)),
        ended_at=end,
        time_to_first_token_ms=next((first for first in first_tokens if first is not None), None),
        error_type=INSTANCE_LOST,
        error_text=INTERRUPTED,
    )


def _attempt_end(lost: _Lost, book: PriceBook, end: datetime) -> AttemptEnd:
    """The guess at what the last call used; if the books have its end already, they pass this over."""
    row = lost.calls[-1]
    usage, blocks = _used(row), len(lost.turn["content"])
    model = row["response_model"] or row["model"]
    priced = book.price_usage(model, usage, row["started_at"], stop_reason=None, content_blocks=blocks)
    return AttemptEnd(
        span_id=row["id"],
        status="interrupted",
        started_at=row["started_at"],
        ended_at=end,
        duration_ms=_milliseconds(row["started_at"], lost.turn["heartbeat_at"]),
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
    return {"input_tokens": row["input_tokens"], "output_tokens": row["output_tokens"]}


def _tools_ended(lost: _Lost, end: datetime) -> Iterator[ToolEnd]:
    """The calls that were running, and those that were asked for but not yet begun."""
    iteration, known = lost.calls[-1]["iteration"], {row["tool_use_id"] for row in lost.tools}
    for row in lost.tools:
        if row["status"] == "running":
            tool = NewTool(row["id"], row["tool_use_id"], row["tool_name"], row["input"], iteration, row["started_at"])
            yield _interrupted(tool, end, _milliseconds(row["started_at"], lost.turn["heartbeat_at"]))
    for call in open_calls(lost.turn["content"]):
        if call.id not in known:
            yield _interrupted(new_tool(call, iteration, end), end, 0)


def _interrupted(tool: NewTool, end: datetime, duration_ms: int) -> ToolEnd:
    return ToolEnd(tool, "interrupted", end, duration_ms, error_type=INSTANCE_LOST, error_text=NOT_FINISHED)


def _milliseconds(start: datetime, end: datetime) -> int:
    return max(0, round((end - start).total_seconds() * 1000))
