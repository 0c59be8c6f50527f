"""What each transaction of the books does to the budgets, as its last step.

A model call holds the most it may cost from the transaction that opens it to the one that books its end, which counts
what it did cost. Budgets are locked last and in one order, so that transactions never wait for each other in a circle.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, RowMapping, bindparam, delete, insert, select, update

from core.budgets.coverage import Origin, origins
from core.budgets.periods import Window, window
from core.clock import now
from core.errors import BudgetSpent
from core.money import Nanos
from core.store.budgets import Budget, BudgetReservation

_budgets, _held = Budget.__table__, BudgetReservation.__table__

_LIVE = _budgets.c.ended_at.is_(None)
_SUBJECTS = select(_budgets.c.id, _budgets.c.scope, _budgets.c.subject_id).where(_LIVE)
_LOCK = (
    select(_budgets)
    .where(_LIVE, _budgets.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(_budgets.c.id)
    .with_for_update()
)
_RELEASE = (
    delete(_held)
    .where(_held.c.budget_id == bindparam("budget"), _held.c.span_id.in_(bindparam("spans", expanding=True)))
    .returning(_held.c.amount_nanos)
)
_WHOSE = {"organisation": "The organisation's budget", "person": "Your budget", "agent": "This agent's budget"}
_ANEW = {"day": "tomorrow", "week": "next Monday", "month": "on the first of next month"}


@dataclass(frozen=True, slots=True)
class Hold:
    """A model call about to be made; ``most`` it may cost, None where no price is known."""

    span_id: str
    most: Nanos | None


@dataclass(frozen=True, slots=True)
class Standing:
    """What counts against a budget in its period: dollars, and how many ledger lines have no price."""

    window: Window
    spent: Nanos
    unpriced: int


def settle(
    connection: Connection,
    lines: Sequence[Mapping[str, Any]] = (),
    ended: Collection[str] = (),
    hold: Hold | None = None,
) -> None:
    """Count new ledger lines, release what the ended spans held, and hold what a new one may cost.

    Raises BudgetSpent if a budget has no room for the latter: then nothing of the transaction may be kept.
    """
    subjects = connection.execute(_SUBJECTS).all()
    if not subjects:
        return
    known = origins(connection, {*ended, *(line["span_id"] for line in lines), *([hold.span_id] if hold else [])})
    ids = [each.id for each in subjects if any(one.is_under(each.scope, each.subject_id) for one in known.values())]
    for row in connection.execute(_LOCK, {"ids": ids}).mappings().all() if ids else ():
        under = {span: one for span, one in known.items() if one.is_under(row["scope"], row["subject_id"])}
        standing = _counted(standing_at(row, now()), lines, under)
        reserved = row["reserved_nanos"] - _released(connection, row["id"], ended)
        held = hold if hold is not None and hold.span_id in under and row["blocks"] else None
        if held is not None:
            reserved += _hold(connection, held, row, standing.spent + reserved)
        _write(connection, row["id"], standing, reserved)


def standing_at(row: RowMapping, at: datetime) -> Standing:
    """A new period begins with nothing: whoever counts something in it comes this way first."""
    kept = Window(row["period_start"], row["period_end"])
    if at < kept.end:
        return Standing(kept, row["spent_nanos"], row["unpriced_lines"])
    return Standing(window(row["period"], at, ZoneInfo(row["time_zone"])), 0, 0)


def _counted(standing: Standing, lines: Sequence[Mapping[str, Any]], under: Mapping[str, Origin]) -> Standing:
    """A trace counts when it began; a line that was taken back counts against it."""
    spent, unpriced = standing.spent, standing.unpriced
    for line in lines:
        origin = under.get(line["span_id"])
        if origin is None or not standing.window.holds(origin.trace_started_at):
            continue
        spent += line["amount_nanos"] or 0
        if line["amount_nanos"] is None:
            unpriced += -1 if line["correction"] else 1
    return Standing(standing.window, spent, unpriced)


def _released(connection: Connection, budget_id: str, ended: Collection[str]) -> Nanos:
    if not ended:
        return 0
    return sum(connection.execute(_RELEASE, {"budget": budget_id, "spans": list(ended)}).scalars())


def _hold(connection: Connection, hold: Hold, row: RowMapping, taken: Nanos) -> Nanos:
    """Raises BudgetSpent, which does not tell what others have spent."""
    whose = f"{_WHOSE[row['scope']]} for this {row['period']}"
    if hold.most is None:
        raise BudgetSpent(
            f"{whose} cannot be kept to, because no price is known for the model, so it was not asked. "
            "Choose an agent with another model, or ask finance to let the budget only warn."
        )
    if taken + hold.most > row["limit_nanos"]:
        raise BudgetSpent(
            f"{whose} has no room for what this may cost, so the model was not asked. Wait until it begins anew "
            f"{_ANEW[row['period']]}, choose an agent that costs less, or ask finance to raise it."
        )
    values = {"span_id": hold.span_id, "budget_id": row["id"], "amount_nanos": hold.most}
    connection.execute(insert(_held), values)
    return hold.most


def _write(connection: Connection, budget_id: str, standing: Standing, reserved: Nanos) -> None:
    values = {
        "period_start": standing.window.start,
        "period_end": standing.window.end,
        "spent_nanos": standing.spent,
        "unpriced_lines": standing.unpriced,
        "reserved_nanos": reserved,
    }
    connection.execute(update(_budgets).where(_budgets.c.id == budget_id).values(values))
