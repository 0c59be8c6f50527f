"""A run whose books were opened before all its tools were known: what its first call may cost is held anew."""

from dataclasses import dataclass

from sqlalchemy import Connection, select, update

from core.books.spans import RUNNING
from core.budgets.bounds import Bound
from core.budgets.holding import Hold, Released, update_budgets
from core.errors import TurnLost
from core.store.tables import TraceSession, TraceSpan

_sessions, _spans = TraceSession.__table__, TraceSpan.__table__


@dataclass(frozen=True, slots=True)
class Prepared:
    """The first call of a run as it will be made, once its tools are known; it was opened without some of them."""

    task_trace_id: str
    session_id: str
    span_id: str
    bound: Bound
    prompt_estimate: int
    notes: tuple[str, ...]


def prepare(connection: Connection, prepared: Prepared) -> None:
    """Nothing of the call was sent yet. Raises TurnLost if the turn was closed meanwhile, and BudgetSpent."""
    run = _sessions.c.id == prepared.session_id
    if connection.execute(select(_sessions.c.status).where(run).with_for_update()).scalar() != RUNNING:
        raise TurnLost(prepared.task_trace_id)
    call = {"most_nanos": prepared.bound.most, "input_tokens": prepared.prompt_estimate}
    connection.execute(update(_spans).where(_spans.c.id == prepared.span_id).values(**call))
    connection.execute(update(_sessions).where(run).values(notes=list(prepared.notes) or None))
    update_budgets(connection, ended=[Released(prepared.span_id)], hold=Hold(prepared.span_id, prepared.bound))
