"""Turns whose process died: closed as interrupted, with the cost of what had been delivered, marked as estimated."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from sqlalchemy import Connection, RowMapping, bindparam, select

from core.books.entries import AttemptEnd, NewTool, SessionEnd, ToolEnd, TurnEnd
from core.books.fence import claim
from core.books.instance import read_instance
from core.books.liveness import Running
from core.books.settling import ANSWERED_FOR, NO_ANSWER, NO_REPLY, PERHAPS_SENT, lines_of, nothing, remarked
from core.books.tool_calls import new_tool
from core.books.used import AT_LEAST, Used, complete, seen_in
from core.books.writes import INSTANCE_LOST, finish
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
    """What its instance writes comes before this transaction or never."""
    claimed = {one.task_trace_id: _why(one, by) for one in claim(connection, lost, by)}
    ends = [_ended(one, book) for one in _with_runs(connection, claimed)]
    return sum(finish(connection, ends)) if ends else 0


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


def _ended(lost: _Lost, book: PriceBook) -> TurnEnd:
    end, turn = now(), lost.turn
    [master] = [run for run in lost.runs if run.parent is None]
    own = _run_ended(lost, master, book, end)
    return TurnEnd(
        task_trace_id=turn["task_trace_id"],
        session_id=own.session_id,
        answer_message_id=turn["answer_message_id"],
        status="interrupted",
        started_at=turn["trace_started_at"],
        duration_ms=own.duration_ms,
        attempt=own.attempt,
        content=with_every_result(turn["content"], NOT_FINISHED),
        text=turn["text"],
        recovered=True,
        tools=own.tools,
        ended_at=end,
        time_to_first_token_ms=own.time_to_first_token_ms,
        error_type=INSTANCE_LOST,
        error_text=lost.why,
        delegated=tuple(_run_ended(lost, run, book, end) for run in lost.runs if run is not master),
    )


def _run_ended(lost: _Lost, run: _LostRun, book: PriceBook, end: datetime) -> SessionEnd:
    """Of the runs only the master agent's has written what the answer holds."""
    first_tokens = (call["time_to_first_token_ms"] for call in run.calls)
    content = lost.turn["content"] if run.parent is None else []
    return SessionEnd(
        session_id=run.id,
        status="interrupted",
        duration_ms=_milliseconds(run.started_at, lost.last_seen),
        attempt=_attempt_end(lost, run.calls[-1], len(content), book, end),
        tools=tuple(_tools_ended(run, content, lost.last_seen, end)),
        ended_at=end,
        time_to_first_token_ms=next((first for first in first_tokens if first is not None), None),
        error_type=INSTANCE_LOST,
        error_text=lost.why,
    )


def _attempt_end(lost: _Lost, row: RowMapping, blocks: int, book: PriceBook, end: datetime) -> AttemptEnd:
    """The guess at what the last call used; if the books have its end already, they pass this over."""
    reason = _why_nothing(row)
    used = Used({}) if reason else _used(row)
    model = row["response_model"] or row["model"]
    priced = (
        nothing(reason)
        if reason
        else book.price_usage(model, used.json, row["started_at"], stop_reason=None, content_blocks=blocks)
    )
    priced = remarked(priced, used.remarks)
    return AttemptEnd(
        span_id=row["id"],
        status="interrupted",
        started_at=row["started_at"],
        ended_at=end,
        duration_ms=_milliseconds(row["started_at"], lost.last_seen),
        time_to_first_token_ms=row["time_to_first_token_ms"],
        usage=used.usage,
        total=priced.total,
        basis=priced.basis,
        cost_reason=priced.reason if row["usage"] or reason else NO_REPLY,
        lines=lines_of(priced),
        usage_json=row["usage"],
        response_model=row["response_model"],
        request_id=row["request_id"],
        asked_model=row["model"],
        error_type=INSTANCE_LOST,
        error_text=lost.why,
        sent_at=row["sent_at"],
        answered_at=row["answered_at"],
    )


def _why_nothing(row: RowMapping) -> str | None:
    """As for a call that was followed to its end; but what was not written down may have happened all the same."""
    if row["usage"] or row["request_id"]:
        return None
    if row["answered_at"] is not None:
        return ANSWERED_FOR
    return PERHAPS_SENT if row["sent_at"] is None else NO_ANSWER


def _used(row: RowMapping) -> Used:
    """What the last checkpoint knew: the provider's usage, what was counted beside it, and the estimated prompt."""
    if not row["usage"]:
        return Used({"input_tokens": row["input_tokens"], "output_tokens": row["output_tokens"]})
    noted, used = row["cost_reason"] or "", complete(row["usage"], seen_in(row, ended=False))
    further = (remark for remark in used.remarks if remark not in noted)
    return replace(used, remarks=(NOTED, *([noted] if noted else []), *further))


def _tools_ended(run: _LostRun, content: list[Block], last_seen: datetime, end: datetime) -> Iterator[ToolEnd]:
    """The calls that were running, and those that were asked for but not yet begun."""
    iteration, known = run.calls[-1]["iteration"], {row["tool_use_id"] for row in run.tools}
    for row in run.tools:
        if row["status"] == "running":
            tool = NewTool(row["id"], row["tool_use_id"], row["tool_name"], row["input"], iteration, row["started_at"])
            yield _interrupted(tool, end, _milliseconds(row["started_at"], last_seen))
    for call in open_calls(content):
        if call.id not in known:
            yield _interrupted(new_tool(call, iteration, end), end, 0)


def _interrupted(tool: NewTool, end: datetime, duration_ms: int) -> ToolEnd:
    return ToolEnd(tool, "interrupted", end, duration_ms, error_type=INSTANCE_LOST, error_text=NOT_FINISHED)


def _milliseconds(start: datetime, end: datetime) -> int:
    return max(0, round((end - start).total_seconds() * 1000))
