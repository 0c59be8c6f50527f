"""How runs and traces are closed in the books: once each, but for a true end that takes the place of a guess."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import Connection, bindparam, insert, select, update

from core.books import fence, spans
from core.books.totals import close_sessions, close_traces
from core.books.values import STEP_STATUS, Answer, Ended, FinishedRun, RunEnd, ToolCall, ToolCallEnd, Trace, TraceEnd
from core.books.writes import hour_of, insert_run, insert_trace, lock_running, so_far
from core.budgets.holding import Released, update_budgets
from core.store.tables import DirtyBucket, Message, TaskTrace, TraceSession, TraceSpan

INSTANCE_LOST = "instance_lost"

_traces, _sessions = TaskTrace.__table__, TraceSession.__table__
_spans, _messages = TraceSpan.__table__, Message.__table__

_MARK_DIRTY = insert(DirtyBucket.__table__)
_LOCK_SESSIONS = (
    select(_sessions.c.id, _sessions.c.status, _sessions.c.error_type)
    .add_columns(_spans.c.id.label("span"), _spans.c.status.label("span_status"), _spans.c.error_type.label("why"))
    .add_columns(_spans.c.cost_nanos)
    .outerjoin(
        _spans, (_spans.c.trace_session_id == _sessions.c.id) & _spans.c.id.in_(bindparam("spans", expanding=True))
    )
    .where(_sessions.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(_sessions.c.id)
    .with_for_update(of=_sessions)
)
_TOOLS_OF = select(_spans.c.id, _spans.c.iteration, _spans.c.tool_use_id, _spans.c.status, _spans.c.error_type).where(
    _spans.c.trace_session_id == bindparam("session"), _spans.c.kind == "tool"
)
_END_ANSWER = update(_messages).where(_messages.c.id == bindparam("message"))


def close_run(connection: Connection, end: RunEnd, trace_started_at: datetime) -> None:
    """Close another agent's run while the trace goes on; raises TurnLost if the trace was closed meanwhile."""
    trace_id = end.last.call.trace_id
    lock_running(connection, end.run_id, trace_id)
    closing = _Closing(end, trace_id, recovered=False, first_line=1)
    lines = _close_runs(connection, [closing])
    connection.execute(_MARK_DIRTY, {"hour": hour_of(trace_started_at)})
    update_budgets(connection, lines, [*closing.released])


def close(connection: Connection, ends: Sequence[TraceEnd]) -> list[bool]:
    """Close each trace once: False where it was closed before. A true end replaces a recovered guess, by corrections.

    Many ends take hardly more statements than one.
    """
    states = _states(connection, ends)
    closed, done, closing = list[bool](), list[TraceEnd](), list[_Closing]()
    for end in ends:
        runs = [each for each in end.runs if states.still_open(each, end.recovered)]
        closed.append(end.runs[0].run_id in {each.run_id for each in runs})
        if closed[-1]:
            done.append(end)
            closing += [_closing(connection, states, end, each) for each in runs]
    if done:
        _close(connection, done, closing)
    return closed


def record(connection: Connection, trace: Trace, runs: Sequence[FinishedRun], ended: Ended) -> bool:
    """Write a trace that is over with all its runs, the one that was asked first; False if it is known already."""
    if connection.execute(select(_traces.c.id).where(_traces.c.id == trace.id)).first() is not None:
        return False
    insert_trace(connection, trace)
    earlier, lines = [call for one in runs for call in one.earlier], list[dict[str, Any]]()
    for one in runs:
        insert_run(connection, one.run)
        for call in (*one.earlier, one.end.last):
            spans.open_call(connection, call.call)
    spans.end_calls(connection, earlier)
    for call in earlier:
        lines += spans.line_rows(call, trace.id, 1)
    spans.add_lines(connection, lines)
    update_budgets(connection, lines, [Released(call.id, call.cost.total is None) for call in earlier])
    return close(connection, [TraceEnd(trace.id, trace.started_at, ended, tuple(one.end for one in runs))])[0]


@dataclass(frozen=True, slots=True)
class _Closing:
    """``first_line`` is the last call's first one still free, None if the books have its end; a guess is taken back."""

    end: RunEnd
    trace_id: str
    recovered: bool
    first_line: int | None
    taken_back: tuple[dict[str, Any], ...] = ()
    guessed_unpriced: bool = False

    @property
    def released(self) -> Iterator[Released]:
        """Calls that hold nothing any more; of one whose end the books have, they know whether it has a price."""
        last, again = self.end.last, self.first_line is not None
        yield Released(last.id, again and last.cost.total is None, self.guessed_unpriced)
        yield from map(Released, self.end.unmade)


_State: TypeAlias = tuple[str, str | None]
_GUESSED: _State = ("interrupted", INSTANCE_LOST)


@dataclass(frozen=True, slots=True)
class _States:
    """Status and error type of runs, locked until the transaction is over, and of their last model calls."""

    runs: dict[str, _State]
    calls: dict[str, _State]
    unpriced: set[str]

    def still_open(self, end: RunEnd, recovered: bool) -> bool:
        """Return those still open: of two ends of one run the first counts."""
        return _is_open(self.runs.pop(end.run_id, None), recovered)


def _states(connection: Connection, ends: Sequence[TraceEnd]) -> _States:
    fence.lock(connection, [end.trace_id for end in ends])
    parts = [each for end in ends for each in end.runs]
    ids = {"ids": sorted({each.run_id for each in parts}), "spans": sorted({each.last.id for each in parts})}
    rows = connection.execute(_LOCK_SESSIONS, ids).all()
    runs = {row.id: (row.status, row.error_type) for row in rows}
    calls = {row.span: (row.span_status, row.why) for row in rows if row.span is not None}
    return _States(runs, calls, {row.span for row in rows if row.cost_nanos is None})


def _is_open(state: _State | None, recovered: bool) -> bool:
    """Return whether it is still running, or was closed by a guess that a true end knows better than."""
    return state is not None and (state[0] == spans.RUNNING or (state == _GUESSED and not recovered))


def _closing(connection: Connection, states: _States, trace: TraceEnd, end: RunEnd) -> _Closing:
    state = states.calls.get(end.last.id)
    if not _is_open(state, trace.recovered):
        return _Closing(end, trace.trace_id, trace.recovered, None)
    if state != _GUESSED:
        return _Closing(end, trace.trace_id, trace.recovered, 1)
    taken_back, first_line = spans.reverse_lines(connection, end.last.id)
    return _Closing(
        end,
        trace.trace_id,
        trace.recovered,
        first_line=first_line,
        taken_back=tuple(taken_back),
        guessed_unpriced=end.last.id in states.unpriced,
    )


def _close(connection: Connection, ends: Sequence[TraceEnd], closing: Sequence[_Closing]) -> None:
    lines = _close_runs(connection, closing)
    answers = [_ended_answer(end.answer, end.ended) for end in ends if end.answer is not None]
    if answers:
        connection.execute(_END_ANSWER, answers)
    first = ((end, end.runs[0]) for end in ends)
    close_traces(connection, [_ended(end.ended, end.trace_id, end.ended.status, run) for end, run in first])
    hours = {hour_of(end.started_at) for end in ends}
    connection.execute(_MARK_DIRTY, [{"hour": hour} for hour in sorted(hours)])
    update_budgets(connection, lines, [released for one in closing for released in one.released])


def _close_runs(connection: Connection, closing: Sequence[_Closing]) -> list[dict[str, Any]]:
    """Returns all ledger lines that were added."""
    unbooked = [(one, one.first_line) for one in closing if one.first_line is not None]
    spans.end_calls(connection, [one.end.last for one, _ in unbooked])
    lines = [row for one, first in unbooked for row in spans.line_rows(one.end.last, one.trace_id, first)]
    spans.add_lines(connection, lines)
    for one in closing:
        _close_tools(connection, one)
    ended = [(one.end, one.end.ended) for one in closing]
    close_sessions(connection, [_ended(how, run.run_id, STEP_STATUS[how.status], run) for run, how in ended])
    return [*lines, *(row for one in closing for row in one.taken_back)]


def _close_tools(connection: Connection, closing: _Closing) -> None:
    """A call has one span, from either opener: the run, or the one who took it for lost."""
    end = closing.end
    spans.close_unmade(connection, end.unmade, end.ended.at)
    if not end.tools:
        return
    rows = connection.execute(_TOOLS_OF, {"session": end.run_id}).all()
    known = {(row.iteration, row.tool_use_id): row for row in rows} | {row.id: row for row in rows}
    ended, missing = dict[str, ToolCallEnd](), list[ToolCall]()
    for each in end.tools:
        row = known.get(each.id) or known.get((each.call.iteration, each.call.tool_use_id))
        if row is None:
            missing.append(each.call)
        if row is None or _is_open((row.status, row.error_type), closing.recovered):
            ended[each.id if row is None else row.id] = each
    spans.open_tools(connection, closing.trace_id, end.run_id, missing)
    spans.end_tools(connection, ended)


def _ended_answer(answer: Answer, ended: Ended) -> dict[str, Any]:
    return {**so_far(answer), "status": "complete" if ended.status == "completed" else "partial"}


def _ended(ended: Ended, row_id: str, status: str, run: RunEnd) -> dict[str, Any]:
    """Return the end; what is not said of a run or trace is as for its last model call."""
    last, first_token = run.last.ended, ended.first_token_ms
    return {
        "id": row_id,
        "status": status,
        "ended_at": ended.at,
        "duration_ms": ended.duration_ms,
        "time_to_first_token_ms": last.first_token_ms if first_token is None else first_token,
        "error_type": ended.error_type or last.error_type,
        "error_text": ended.error_text or last.error_text,
        "answered_model": spans.answered_model(run.last),
    }
