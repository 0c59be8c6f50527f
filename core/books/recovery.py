"""Turns whose process died: closed as interrupted, with the cost of what had been delivered, marked as estimated."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from sqlalchemy import Connection, RowMapping, bindparam, select

from core.books.closing import INSTANCE_LOST, close
from core.books.fence import claim
from core.books.instance import read_instance
from core.books.liveness import Running
from core.books.settling import ANSWERED_FOR, NO_ANSWER, NO_REPLY, PERHAPS_SENT, cost_of, nothing, remarked
from core.books.tool_calls import new_tool
from core.books.used import AT_LEAST, Used, used_in_row
from core.books.values import Answer, Ended, ModelCall, ModelCallEnd, Reported, RunEnd, ToolCall, ToolCallEnd, TraceEnd
from core.clock import now
from core.pricing import PriceBook
from core.provider.blocks import Block, open_calls, with_every_result
from core.store.database import Store
from core.store.tables import Message, TaskTrace, TraceSession, TraceSpan

_KEPT = "What had arrived is kept; its cost is an estimate. Press Retry to ask again."
_AT_ONCE = 50

NOT_FINISHED = "The server stopped before this tool had ended. It may or may not have done its work."

NOTED = f"{AT_LEAST} so much: what came after the last note of it before the server stopped is not counted"

_traces, _sessions = TaskTrace.__table__, TraceSession.__table__
_spans, _messages = TraceSpan.__table__, Message.__table__
_LOST = (
    select(
        _traces.c.id.label("task_trace_id"),
        _traces.c.started_at.label("trace_started_at"),
        _traces.c.heartbeat_at,
        _messages.c.id.label("answer_message_id"),
        _messages.c.content,
        _messages.c.text,
    )
    .join(_messages, (_messages.c.task_trace_id == _traces.c.id) & (_messages.c.role == "assistant"))
    .where(_traces.c.id.in_(bindparam("ids", expanding=True)), _traces.c.status == "running")
)
_RUNS = (
    select(_sessions.c.id, _sessions.c.task_trace_id, _sessions.c.parent_span_id, _sessions.c.started_at)
    .where(_sessions.c.task_trace_id.in_(bindparam("ids", expanding=True)), _sessions.c.status == "running")
    .order_by(_sessions.c.started_at, _sessions.c.id)
)
_STEPS = (
    select(_spans)
    .where(_spans.c.task_trace_id.in_(bindparam("ids", expanding=True)))
    .order_by(_spans.c.started_at, _spans.c.id)
)


@dataclass(frozen=True, slots=True)
class _LostRun:
    """One agent's run, with its steps in the order they began; ``parent`` is None for the master agent's."""

    id: str
    parent: str | None
    started_at: datetime
    calls: list[RowMapping]
    tools: list[RowMapping]


@dataclass(frozen=True, slots=True)
class _Lost:
    """A turn nobody answers for any more, with its runs that have not ended."""

    turn: RowMapping
    runs: list[_LostRun]
    why: str

    @property
    def last_seen(self) -> datetime:
        seen: datetime = self.turn["heartbeat_at"]
        return seen


def recover(store: Store, book: PriceBook, lost: Sequence[Running], by: str) -> int:
    """Close turns that nobody answers for any more, for the instance ``by``; returns how many this call closed.

    Of a turn that its instance wrote to meanwhile nothing is changed.
    """
    closed = 0
    for first in range(0, len(lost), _AT_ONCE):
        some = lost[first : first + _AT_ONCE]
        closed += store.write(partial(_take_over, book=book, lost=some, by=by)).result()
    return closed


def _take_over(connection: Connection, book: PriceBook, lost: Sequence[Running], by: str) -> int:
    """Take a turn over: what its instance writes comes before this transaction or never."""
    claimed = {one.task_trace_id: _why(one, by) for one in claim(connection, lost, by)}
    ends = [_ended(one, book) for one in _with_runs(connection, claimed)]
    return sum(close(connection, ends)) if ends else 0


def _why(one: Running, by: str) -> str:
    if one.instance_id == by:
        return f"The server lost this answer before it began. {_KEPT}"
    dead = read_instance(one.instance_id)
    return f"Taken over after a crash of process {dead.pid} on {dead.host}. {_KEPT}"


def _with_runs(connection: Connection, claimed: Mapping[str, str]) -> list[_Lost]:
    ids, runs = {"ids": sorted(claimed)}, dict[str, _LostRun]()
    turns = connection.execute(_LOST, ids).mappings()
    lost = {turn["task_trace_id"]: _Lost(turn, [], claimed[turn["task_trace_id"]]) for turn in turns}
    for row in connection.execute(_RUNS, ids):
        runs[row.id] = _LostRun(row.id, row.parent_span_id, row.started_at, [], [])
        lost[row.task_trace_id].runs.append(runs[row.id])
    for span in connection.execute(_STEPS, ids).mappings():
        if run := runs.get(span["trace_session_id"]):
            (run.tools if span["kind"] == "tool" else run.calls).append(span)
    return [one for one in lost.values() if one.runs and all(run.calls for run in one.runs)]


def _ended(lost: _Lost, book: PriceBook) -> TraceEnd:
    end, turn = now(), lost.turn
    runs = sorted(lost.runs, key=lambda run: run.parent is not None)
    ends = tuple(_run_ended(lost, run, book, end) for run in runs)
    content = with_every_result(turn["content"], NOT_FINISHED)
    return TraceEnd(
        trace_id=turn["task_trace_id"],
        started_at=turn["trace_started_at"],
        ended=ends[0].ended,
        runs=ends,
        answer=Answer(turn["answer_message_id"], content, turn["text"]),
        recovered=True,
    )


def _run_ended(lost: _Lost, run: _LostRun, book: PriceBook, end: datetime) -> RunEnd:
    """End a run; of all only the master agent's has written what the answer holds."""
    first_tokens = (call["time_to_first_token_ms"] for call in run.calls)
    content = lost.turn["content"] if run.parent is None else []
    first = next((first for first in first_tokens if first is not None), None)
    return RunEnd(
        run_id=run.id,
        ended=_interrupted(lost, end, run.started_at, first),
        last=_call_ended(lost, run.calls[-1], len(content), book, end),
        tools=tuple(_tools_ended(run, content, lost.last_seen, end)),
    )


def _interrupted(lost: _Lost, end: datetime, since: datetime, first_token_ms: int | None) -> Ended:
    took = _milliseconds(since, lost.last_seen)
    return Ended("interrupted", end, took, first_token_ms, INSTANCE_LOST, lost.why)


def _call_ended(lost: _Lost, row: RowMapping, blocks: int, book: PriceBook, end: datetime) -> ModelCallEnd:
    """Return the guess at what the last call used; if the books have its end already, they pass this over."""
    reason = _why_nothing(row)
    used = Used({}) if reason else _used(row)
    model = row["response_model"] or row["model"]
    priced = (
        nothing(reason)
        if reason
        else book.price_usage(model, used.json, row["started_at"], stop_reason=None, content_blocks=blocks)
    )
    cost = cost_of(remarked(priced, used.remarks))
    known = ("response_model", "request_id", "sent_at", "answered_at")
    model_told, request_id, sent_at, answered_at = (row[name] for name in known)
    return ModelCallEnd(
        call=ModelCall(row["id"], row["task_trace_id"], row["trace_session_id"], row["model"], row["started_at"]),
        ended=_interrupted(lost, end, row["started_at"], row["time_to_first_token_ms"]),
        cost=cost if row["usage"] or reason else replace(cost, reason=NO_REPLY),
        usage=used.usage,
        reported=Reported(row["usage"], model_told, request_id, sent_at=sent_at, answered_at=answered_at),
    )


def _why_nothing(row: RowMapping) -> str | None:
    """As for a call that was followed to its end; but what was not written down may have happened all the same."""
    if row["usage"] or row["request_id"]:
        return None
    if row["answered_at"] is not None:
        return ANSWERED_FOR
    return PERHAPS_SENT if row["sent_at"] is None else NO_ANSWER


def _used(row: RowMapping) -> Used:
    """Return what the last checkpoint knew."""
    used = used_in_row(row, ended=False)
    if not row["usage"]:
        return used
    noted = row["cost_reason"] or ""
    further = (remark for remark in used.remarks if remark not in noted)
    return replace(used, remarks=(NOTED, *([noted] if noted else []), *further))


def _tools_ended(run: _LostRun, content: list[Block], last_seen: datetime, end: datetime) -> Iterator[ToolCallEnd]:
    """Yield the calls that were running, and those that were asked for but not yet begun."""
    iteration, known = run.calls[-1]["iteration"], {row["tool_use_id"] for row in run.tools}
    for row in run.tools:
        if row["status"] == "running":
            tool = ToolCall(row["id"], row["tool_use_id"], row["tool_name"], row["input"], iteration, row["started_at"])
            yield _not_finished(tool, end, _milliseconds(row["started_at"], last_seen))
    for call in open_calls(content):
        if call.id not in known:
            yield _not_finished(new_tool(call, iteration, end), end, 0)


def _not_finished(tool: ToolCall, end: datetime, duration_ms: int) -> ToolCallEnd:
    ended = Ended("interrupted", end, duration_ms, error_type=INSTANCE_LOST, error_text=NOT_FINISHED)
    return ToolCallEnd(tool, ended)


def _milliseconds(start: datetime, end: datetime) -> int:
    return max(0, round((end - start).total_seconds() * 1000))
