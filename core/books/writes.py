"""The books' own SQL, from the first model call to the end.

Each function is one transaction's work and may be run again after a failed commit.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from core.books import spans
from core.books.values import (
    Advance,
    Answer,
    Checkpoint,
    ModelCall,
    Run,
    Trace,
)
from core.budgets.holding import Hold, Released, update_budgets
from core.errors import TurnLost
from core.store.tables import DirtyBucket, Message, TaskTrace, TraceSession, TraceSpan

_messages = Message.__table__
_sessions = TraceSession.__table__
_spans = TraceSpan.__table__

_RUNNING = spans.RUNNING
_INSERT_TRACE = insert(TaskTrace.__table__)
_INSERT_SESSION = insert(_sessions)
_MARK_DIRTY = insert(DirtyBucket.__table__)
_LOCK_SESSION = select(_sessions.c.status).where(_sessions.c.id == bindparam("session")).with_for_update()
_CHANGE_RUNNING_ANSWER = update(_messages).where(_messages.c.id == bindparam("message"), _messages.c.status == _RUNNING)


def insert_trace(connection: Connection, trace: Trace) -> None:
    """Insert a running trace. Raises IntegrityError while another one runs in its conversation."""
    row = {
        "id": trace.id,
        "owner_id": trace.owner_id,
        "master_agent_id": trace.agent_id,
        "conversation_id": trace.conversation_id,
        "model": trace.model,
        "instruction": trace.instruction,
        "source": trace.source,
        "instance_id": trace.instance_id,
        "heartbeat_at": trace.started_at if trace.instance_id else None,
        "provenance": trace.provenance,
        "key_source": trace.key_source,
        "key_label": trace.key_label,
    }
    connection.execute(_INSERT_TRACE, {**row, **spans.begun_tally(trace.started_at)})


def open_run(connection: Connection, run: Run, call: ModelCall, asked_by: str | None = None) -> None:
    """Open a run and its first model call; ``asked_by`` is the run of the trace that asked for it, if one did.

    Raises TurnLost if that one has ended meanwhile, and BudgetSpent.
    """
    if asked_by is not None:
        lock_running(connection, asked_by, run.trace_id)
    insert_run(connection, run)
    spans.open_call(connection, call)
    update_budgets(connection, hold=Hold(call.id, call.bound))


def insert_run(connection: Connection, run: Run) -> None:
    row = {
        "id": run.id,
        "task_trace_id": run.trace_id,
        "agent_id": run.agent_id,
        "agent_version": run.agent_version,
        "session_type": run.session_type,
        "model": run.model,
        "notes": list(run.notes) or None,
        "parent_span_id": run.parent_step_id,
        "trace_started_at": run.trace_started_at if run.parent_step_id else None,
    }
    connection.execute(_INSERT_SESSION, {**row, **spans.begun_tally(run.started_at)})


def prepare(connection: Connection, call: ModelCall, notes: Sequence[str]) -> None:
    """Hold for a run's first model call what it may cost as it will be made: it was opened without some tools.

    Nothing of it was sent yet. Raises TurnLost if the trace was closed meanwhile, and BudgetSpent.
    """
    lock_running(connection, call.run_id, call.trace_id)
    changed = {"most_nanos": call.bound.most, "input_tokens": call.prompt_estimate}
    connection.execute(update(_spans).where(_spans.c.id == call.id).values(changed))
    connection.execute(update(_sessions).where(_sessions.c.id == call.run_id).values(notes=list(notes) or None))
    update_budgets(connection, ended=[Released(call.id)], hold=Hold(call.id, call.bound))


def advance(connection: Connection, step: Advance) -> None:
    """Close what has ended and open what starts, at once.

    Raises TurnLost if the trace was closed meanwhile, and BudgetSpent.
    """
    lock_running(connection, step.run_id, step.trace_id)
    lines = [] if step.ended is None else spans.line_rows(step.ended, step.trace_id, 1)
    if step.ended is not None:
        spans.end_calls(connection, [step.ended])
        spans.add_lines(connection, lines)
        connection.execute(_MARK_DIRTY, {"hour": hour_of(step.trace_started_at)})
    spans.end_running_tools(connection, step.tools_ended)
    if step.answer is not None:
        connection.execute(_CHANGE_RUNNING_ANSWER, so_far(step.answer))
    spans.open_tools(connection, step.trace_id, step.run_id, step.tools)
    if step.call is not None:
        spans.open_call(connection, step.call)
    released = () if step.ended is None else (Released(step.ended.id, step.ended.cost.total is None),)
    update_budgets(connection, lines, released, Hold(step.call.id, step.call.bound) if step.call else None)


def checkpoint(connection: Connection, checkpoints: Sequence[Checkpoint]) -> None:
    """Bring all running traces' rows up to date; one that ended meanwhile is left as it ended."""
    spans.checkpoint_calls(connection, checkpoints)
    spans.end_running_tools(connection, [end for point in checkpoints for end in point.tools])
    answers = [so_far(point.answer) for point in checkpoints if point.answer is not None]
    if answers:
        connection.execute(_CHANGE_RUNNING_ANSWER, answers)


def lock_running(connection: Connection, run_id: str, trace_id: str) -> None:
    """Raises TurnLost if the run has ended."""
    if connection.execute(_LOCK_SESSION, {"session": run_id}).scalar() != _RUNNING:
        raise TurnLost(trace_id)


def so_far(answer: Answer) -> dict[str, Any]:
    return {"message": answer.message_id, "content": answer.content, "text": answer.text}


def hour_of(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)
