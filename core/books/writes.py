"""The books' own SQL from the first attempt to the end.

Each function is one transaction's work and may be run again after a failed commit.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import Connection, bindparam, insert, select, update

from core.books import fence, spans
from core.books.entries import (
    AttemptEnd,
    Checkpoint,
    NewAttempt,
    NewSession,
    NewTool,
    SessionEnd,
    Step,
    ToolEnd,
    TurnEnd,
)
from core.books.totals import close_sessions, close_traces
from core.budgets.holding import Hold, Released, update_budgets
from core.errors import TurnLost
from core.store.tables import DirtyBucket, Message, TraceSession, TraceSpan

INSTANCE_LOST = "instance_lost"

_messages = Message.__table__
_sessions = TraceSession.__table__
_spans = TraceSpan.__table__

_RUNNING = spans.RUNNING
_INSERT_SESSION = insert(_sessions)
_MARK_DIRTY = insert(DirtyBucket.__table__)
_LOCK_SESSION = select(_sessions.c.status).where(_sessions.c.id == bindparam("session")).with_for_update()
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
_CHANGE_RUNNING_ANSWER = update(_messages).where(_messages.c.id == bindparam("message"), _messages.c.status == _RUNNING)
_END_ANSWER = update(_messages).where(_messages.c.id == bindparam("message"))


def next_attempt(
    connection: Connection, failed: AttemptEnd, following: NewAttempt, prompt_estimate: int, at: datetime
) -> None:
    """Close the failed attempt and open the one that follows it; raises TurnLost if the turn was closed meanwhile."""
    step = Step(
        task_trace_id=following.task_trace_id,
        session_id=following.session_id,
        trace_started_at=following.trace_started_at,
        ended=failed,
        attempt=following,
        prompt_estimate=prompt_estimate,
        at=at,
    )
    advance(connection, step)


def advance(connection: Connection, step: Step) -> None:
    """Close what has ended and open what starts, at once.

    Raises TurnLost if the turn was closed meanwhile, and BudgetSpent.
    """
    if connection.execute(_LOCK_SESSION, {"session": step.session_id}).scalar() != _RUNNING:
        raise TurnLost(step.task_trace_id)
    lines = [] if step.ended is None else spans.line_rows(step.ended, step.task_trace_id, 1)
    if step.ended is not None:
        spans.end_attempts(connection, [step.ended])
        spans.add_lines(connection, lines)
        connection.execute(_MARK_DIRTY, {"hour": _hour(step.trace_started_at)})
    spans.end_running_tools(connection, step.tools_ended)
    if step.content is not None:
        answer = {"message": step.answer_message_id, "content": step.content, "text": step.text}
        connection.execute(_CHANGE_RUNNING_ANSWER, answer)
    spans.open_tools(connection, step.task_trace_id, step.session_id, step.tools)
    if step.attempt is not None and step.at is not None:
        spans.open_attempt(connection, step.attempt, step.prompt_estimate, step.at)
    ended = () if step.ended is None else (Released(step.ended.span_id, step.ended.total is None),)
    update_budgets(connection, lines, ended, Hold(step.attempt.span_id, step.attempt.bound) if step.attempt else None)


def checkpoint(connection: Connection, checkpoints: Sequence[Checkpoint]) -> None:
    """Bring all running turns' rows up to date; a turn that ended meanwhile is left as it ended."""
    spans.checkpoint_attempts(connection, checkpoints)
    spans.end_running_tools(connection, [end for point in checkpoints for end in point.tools])
    answers = [
        {"message": point.answer_message_id, "content": point.content, "text": point.text}
        for point in checkpoints
        if point.answer_message_id is not None
    ]
    if answers:
        connection.execute(_CHANGE_RUNNING_ANSWER, answers)


def open_session(connection: Connection, new: NewSession) -> None:
    """The row of another agent's run and its first attempt.

    Raises TurnLost if the turn was closed meanwhile, and BudgetSpent.
    """
    if connection.execute(_LOCK_SESSION, {"session": new.parent_session_id}).scalar() != _RUNNING:
        raise TurnLost(new.attempt.task_trace_id)
    row = {
        "id": new.session_id,
        "task_trace_id": new.attempt.task_trace_id,
        "agent_id": new.agent_id,
        "agent_version": new.agent_version,
        "session_type": new.session_type,
        "model": new.attempt.model,
        "notes": list(new.notes) or None,
        "parent_span_id": new.parent_span_id,
        "trace_started_at": new.attempt.trace_started_at,
    }
    connection.execute(_INSERT_SESSION, {**row, **spans.begun_tally(new.at)})
    spans.open_attempt(connection, new.attempt, new.prompt_estimate, new.at)
    update_budgets(connection, hold=Hold(new.attempt.span_id, new.attempt.bound))


def end_session(connection: Connection, end: SessionEnd, task_trace_id: str, trace_started_at: datetime) -> None:
    """Close another agent's run while the turn goes on; raises TurnLost if the turn was closed meanwhile."""
    if connection.execute(_LOCK_SESSION, {"session": end.session_id}).scalar() != _RUNNING:
        raise TurnLost(task_trace_id)
    closing = _Closing(end, task_trace_id, recovered=False, first_line=1)
    lines = _close_sessions(connection, [closing])
    connection.execute(_MARK_DIRTY, {"hour": _hour(trace_started_at)})
    update_budgets(connection, lines, [*closing.ended])


def finish(connection: Connection, ends: Sequence[TurnEnd]) -> list[bool]:
    """Close each turn once: False where it was closed before. A true end replaces a recovered guess, by corrections.

    Many ends take hardly more statements than one.
    """
    states = _states(connection, ends)
    closed, done, closing = list[bool](), list[TurnEnd](), list[_Closing]()
    for end in ends:
        sessions = [each for each in end.sessions if states.still_open(each, end.recovered)]
        closed.append(end.session_id in {each.session_id for each in sessions})
        if closed[-1]:
            done.append(end)
            closing += [_closing(connection, states, end, each) for each in sessions]
    if done:
        _close(connection, done, closing)
    return closed


@dataclass(frozen=True, slots=True)
class _Closing:
    """``first_line`` is the attempt's first one still free, None if the books have its end; a guess is taken back."""

    end: SessionEnd
    task_trace_id: str
    recovered: bool
    first_line: int | None
    taken_back: tuple[dict[str, Any], ...] = ()
    guessed_unpriced: bool = False

    @property
    def ended(self) -> Iterator[Released]:
        """Calls that hold nothing any more; of one whose end the books have, they know whether it has a price."""
        attempt, anew = self.end.attempt, self.first_line is not None
        yield Released(attempt.span_id, anew and attempt.total is None, self.guessed_unpriced)
        yield from map(Released, self.end.unmade)


_State: TypeAlias = tuple[str, str | None]
_GUESSED: _State = ("interrupted", INSTANCE_LOST)


@dataclass(frozen=True, slots=True)
class _States:
    """Status and error type of sessions, locked until the transaction is over, and of their last attempts."""

    sessions: dict[str, _State]
    attempts: dict[str, _State]
    unpriced: set[str]

    def still_open(self, end: SessionEnd, recovered: bool) -> bool:
        """Of two ends of one session the first counts."""
        return _is_open(self.sessions.pop(end.session_id, None), recovered)


def _states(connection: Connection, ends: Sequence[TurnEnd]) -> _States:
    fence.lock(connection, [end.task_trace_id for end in ends])
    parts = [each for end in ends for each in end.sessions]
    ids = {
        "ids": sorted({each.session_id for each in parts}),
        "spans": sorted({each.attempt.span_id for each in parts}),
    }
    rows = connection.execute(_LOCK_SESSIONS, ids).all()
    sessions = {row.id: (row.status, row.error_type) for row in rows}
    attempts = {row.span: (row.span_status, row.why) for row in rows if row.span is not None}
    return _States(sessions, attempts, {row.span for row in rows if row.cost_nanos is None})


def _is_open(state: _State | None, recovered: bool) -> bool:
    """Whether it is still running, or was closed by a guess that a true end knows better than."""
    return state is not None and (state[0] == _RUNNING or (state == _GUESSED and not recovered))


def _closing(connection: Connection, states: _States, turn: TurnEnd, end: SessionEnd) -> _Closing:
    attempt = states.attempts.get(end.attempt.span_id)
    if not _is_open(attempt, turn.recovered):
        return _Closing(end, turn.task_trace_id, turn.recovered, None)
    if attempt != _GUESSED:
        return _Closing(end, turn.task_trace_id, turn.recovered, 1)
    taken_back, first_line = spans.reverse_lines(connection, end.attempt.span_id)
    return _Closing(
        end,
        turn.task_trace_id,
        turn.recovered,
        first_line=first_line,
        taken_back=tuple(taken_back),
        guessed_unpriced=end.attempt.span_id in states.unpriced,
    )


def _close(connection: Connection, ends: Sequence[TurnEnd], closing: Sequence[_Closing]) -> None:
    lines = _close_sessions(connection, closing)
    connection.execute(_END_ANSWER, [_answer_columns(end) for end in ends])
    close_traces(connection, [_ended(end, end.task_trace_id, end.status) for end in ends])
    hours = {_hour(end.started_at) for end in ends}
    connection.execute(_MARK_DIRTY, [{"hour": hour} for hour in sorted(hours)])
    update_budgets(connection, lines, [ended for one in closing for ended in one.ended])


def _close_sessions(connection: Connection, closing: Sequence[_Closing]) -> list[dict[str, Any]]:
    """Returns all ledger lines that were added."""
    unbooked = [(one, one.first_line) for one in closing if one.first_line is not None]
    spans.end_attempts(connection, [one.end.attempt for one, _ in unbooked])
    lines = [row for one, first in unbooked for row in spans.line_rows(one.end.attempt, one.task_trace_id, first)]
    spans.add_lines(connection, lines)
    for one in closing:
        _close_tools(connection, one)
    close_sessions(connection, [_ended(one.end, one.end.session_id, one.end.status) for one in closing])
    return [*lines, *(row for one in closing for row in one.taken_back)]


def _close_tools(connection: Connection, closing: _Closing) -> None:
    """A call has one span, whoever opened it: the turn, or the one who took it for lost."""
    end = closing.end
    spans.close_unmade(connection, end.unmade, _closed_at(end))
    if not end.tools:
        return
    rows = connection.execute(_TOOLS_OF, {"session": end.session_id}).all()
    known = {(row.iteration, row.tool_use_id): row for row in rows} | {row.id: row for row in rows}
    ended, missing = dict[str, ToolEnd](), list[NewTool]()
    for each in end.tools:
        row = known.get(each.tool.span_id) or known.get((each.tool.iteration, each.tool.tool_use_id))
        if row is None:
            missing.append(each.tool)
        if row is None or _is_open((row.status, row.error_type), closing.recovered):
            ended[each.tool.span_id if row is None else row.id] = each
    spans.open_tools(connection, closing.task_trace_id, end.session_id, missing)
    spans.end_tools(connection, ended)


def _answer_columns(end: TurnEnd) -> dict[str, Any]:
    status = "complete" if end.status == "completed" else "partial"
    return {"message": end.answer_message_id, "status": status, "content": end.content, "text": end.text}


def _closed_at(end: TurnEnd | SessionEnd) -> datetime:
    return end.ended_at or end.attempt.ended_at


def _ended(end: TurnEnd | SessionEnd, row_id: str, status: str) -> dict[str, Any]:
    attempt = end.attempt
    first_token = end.time_to_first_token_ms
    return {
        "id": row_id,
        "status": status,
        "ended_at": _closed_at(end),
        "duration_ms": end.duration_ms,
        "time_to_first_token_ms": attempt.time_to_first_token_ms if first_token is None else first_token,
        "error_type": end.error_type or attempt.error_type,
        "error_text": end.error_text or attempt.error_text,
        "answered_model": spans.answered_model(attempt),
    }


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)
