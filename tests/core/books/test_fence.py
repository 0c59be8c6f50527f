"""Whoever lost its turn cannot write to it: not in any way."""

from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from core.books.books import Books
from core.books.values import ModelCall, Run
from core.chat.approvals import Approvals
from core.chat.new_turn import NewTurn
from core.clock import new_id
from core.errors import TurnLost
from core.store.database import Store
from core.store.tables import LedgerLine, Message, TaskTrace, TraceSpan
from core.store.tool_tables import ToolApproval
from tests.core.books.in_store import completed, opened, rows
from tests.core.books.processes import Processes, a_saved_point, a_step, run


@pytest.fixture
def processes(store: Store, tmp_path: Path) -> Processes:
    return Processes(store, tmp_path)


WRITES: dict[str, Callable[[Books, NewTurn], Coroutine[Any, Any, Any]]] = {
    "advance": lambda books, opening: books.advance(a_step(opening)),
    "close_run": lambda books, opening: books.close_run(completed(opening).runs[0], opening.head.at),
    "open_run": lambda books, opening: books.open_run(*a_run(opening), opening.run.id),
    "approvals": lambda books, opening: Approvals(books._store, 60, books.instance_id).ask(
        opening.call.id, opening.head.task_trace_id, "a tool"
    ),
}


def a_run(opening: NewTurn) -> tuple[Run, ModelCall]:
    run = replace(opening.run, id=new_id(), parent_step_id=opening.call.id)
    return run, replace(opening.call, id=new_id(), run_id=run.id)


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("closed", [True, False])
def test_c4_whoever_lost_its_turn_cannot_write_to_it(
    store: Store, ids: tuple[str, str], processes: Processes, write: str, closed: bool
) -> None:
    """Also if the one that has it now has not closed it."""
    old, new = processes.one(), processes.one()
    opening = opened(store, ids, instance_id=old.instance_id)
    taken_from(store, opening, new, closed=closed)
    before = everything(store)
    with pytest.raises(TurnLost):
        run(WRITES[write](old, opening))
    assert run(old.checkpoint({opening.head.task_trace_id: [a_saved_point(opening)]})) == {opening.head.task_trace_id}
    assert run(old.heartbeat([opening.head.task_trace_id])) == {opening.head.task_trace_id}
    assert everything(store) == before


def test_c4_of_several_turns_only_the_lost_one_is_not_saved(
    store: Store, ids: tuple[str, str], processes: Processes
) -> None:
    old, new = processes.one(), processes.one()
    lost, kept = (opened(store, ids, instance_id=old.instance_id) for _ in range(2))
    taken_from(store, lost, new, closed=True)
    points = {opening.head.task_trace_id: [a_saved_point(opening)] for opening in (lost, kept)}
    assert run(old.checkpoint(points)) == {lost.head.task_trace_id}
    assert [rows(store, Message, id=each.head.message_id)[0]["text"] for each in (lost, kept)] == ["Much.", "Mu"]


def taken_from(store: Store, opening: NewTurn, by: Books, *, closed: bool) -> None:
    row = TaskTrace.__table__.c
    taken = update(TaskTrace.__table__).where(row.id == opening.head.task_trace_id).values(instance_id=by.instance_id)
    store.write(lambda connection: connection.execute(taken)).result()
    if closed:
        run(by.close(replace(completed(opening), recovered=True)))


def everything(store: Store) -> list[Any]:
    tables = (TaskTrace, TraceSpan, LedgerLine, Message, ToolApproval)
    return [sorted(map(str, rows(store, table))) for table in tables]
