"""What counts against a budget: the ledger's sums, and whose money it counts.

As on Costs, real money is counted by itself once there is any: until then what the simulator answered counts too, so
that budgets can be tried. A budget that has counted simulated money is counted again by the first that looks at it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, RowMapping, exists, func, select

from core.budgets.periods import Window, window
from core.money import Nanos
from core.store.budgets import BudgetReservation
from core.store.demo import DEMO_SOURCE
from core.store.tables import LedgerLine, TaskTrace, TraceSession, TraceSpan

Counts: TypeAlias = Literal["real", "all"]
"""Whose money: all is what is real or simulated. The demo month never counts."""

_traces, _sessions = TaskTrace.__table__, TraceSession.__table__
_spans, _lines = TraceSpan.__table__, LedgerLine.__table__
_reservations = BudgetReservation.__table__
SIMULATED = (
    select(_spans.c.id)
    .join(_traces, _traces.c.id == _spans.c.task_trace_id)
    .where(_traces.c.provenance != "real", _spans.c.id == _reservations.c.span_id)
    .correlate(_reservations)
)
"""Of the spans that something is held for, those that nobody pays for."""
_ANY_REAL = select(exists().where(_traces.c.provenance == "real", _traces.c.source != DEMO_SOURCE))


@dataclass(frozen=True, slots=True)
class Standing:
    """What counts against a budget in its period: dollars, how many ledger lines have no price, and what is held.

    ``held`` is the most that replies without a price could cost.
    """

    window: Window
    spent: Nanos
    unpriced: int
    held: Nanos


def money_of(row: RowMapping, usual: Counts) -> Counts:
    """Return what money a budget counts now; one that counts real money alone never counts other again."""
    return "real" if row["counts"] == "real" else usual


def usual_money(connection: Connection) -> Counts:
    """Return what money budgets count from now on."""
    return "real" if connection.execute(_ANY_REAL).scalar() else "all"


def standing_at(row: RowMapping, at: datetime) -> Standing:
    """Return the standing; a new period begins with nothing: each count in it comes this way first."""
    kept = Window(row["period_start"], row["period_end"])
    if at < kept.end:
        return Standing(kept, row["spent_nanos"], row["unpriced_lines"], row["held_nanos"])
    return Standing(window(row["period"], at, ZoneInfo(row["time_zone"])), 0, 0, 0)


def counting(connection: Connection, row: RowMapping, at: datetime, counts: Counts) -> Standing:
    """``standing_at``, counted again if the budget has counted other money so far."""
    standing = standing_at(row, at)
    if row["counts"] == counts:
        return standing
    return counted_in(connection, row["scope"], row["subject_id"], standing.window, counts)


def reserved_of(connection: Connection, row: RowMapping, counts: Counts) -> Nanos:
    """Sum up what is held for calls under way of this money."""
    if row["counts"] == counts:
        return int(row["reserved_nanos"])
    query = select(func.coalesce(func.sum(_reservations.c.amount_nanos), 0))
    mine = _reservations.c.budget_id == row["id"], _reservations.c.span_id.not_in(SIMULATED)
    return int(connection.execute(query.where(*mine)).scalar_one())


def counted_in(
    connection: Connection, of: str, subject_id: str | None, this: Window, counts: Counts = "all"
) -> Standing:
    """Sum up what the books say: the ledger's sums, and what replies without a price could cost."""
    chosen = [
        _traces.c.started_at >= this.start,
        _traces.c.started_at < this.end,
        _traces.c.source != DEMO_SOURCE,
        *([_traces.c.provenance == "real"] if counts == "real" else []),
    ]
    unpriced, taken_back = _lines.c.amount_nanos.is_(None), _lines.c.correction
    query = (
        select(func.coalesce(func.sum(_lines.c.amount_nanos), 0))
        .add_columns(func.count().filter(unpriced, ~taken_back) - func.count().filter(unpriced, taken_back))
        .select_from(_lines)
        .join(_traces, _traces.c.id == _lines.c.task_trace_id)
        .where(*chosen, *_under(of, subject_id, _lines.c.span_id))
    )
    spent, without = connection.execute(query).one()
    held = (
        select(func.coalesce(func.sum(_spans.c.most_nanos), 0))
        .join(_traces, _traces.c.id == _spans.c.task_trace_id)
        .where(
            _spans.c.cost_nanos.is_(None),
            _spans.c.status != "running",
            _traces.c.cost_basis.is_distinct_from("computed"),
        )
        .where(*chosen, *_under(of, subject_id, _spans.c.id))
    )
    return Standing(this, int(spent), int(without), int(connection.execute(held).scalar_one()))


def _under(of: str, subject_id: str | None, span: ColumnElement[str]) -> Iterator[ColumnElement[bool]]:
    if of == "person":
        yield _traces.c.owner_id == subject_id
    elif of == "agent":
        sessions = select(_sessions.c.id).where(_sessions.c.agent_id == subject_id)
        yield span.in_(select(_spans.c.id).where(_spans.c.trace_session_id.in_(sessions)))
