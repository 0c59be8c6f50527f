"""What each transaction of the books does to the budgets, as its last step.

A model call holds what it may cost from the transaction that opens it to the one that books its end, which counts
what it did cost, or where that has no price the most it could. Budgets are locked last and in one order, so that
transactions never wait for each other in a circle.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Date, RowMapping, bindparam, delete, insert, select, text, update

from core.budgets.bounds import Bound
from core.budgets.counting import SIMULATED, Counts, Standing, counting, money_of, reserved_of, usual_money
from core.budgets.coverage import Origin, origins
from core.clock import now
from core.errors import BudgetSpent
from core.money import Nanos
from core.store.budgets import Budget, BudgetReservation

_budgets, _reservations = Budget.__table__, BudgetReservation.__table__

_LIVE = _budgets.c.ended_at.is_(None)
_SUBJECTS = select(_budgets.c.id, _budgets.c.scope, _budgets.c.subject_id, _budgets.c.counts).where(_LIVE)
_LOCK = (
    select(_budgets)
    .where(_LIVE, _budgets.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(_budgets.c.id)
    .with_for_update()
)
_RELEASE = (
    delete(_reservations)
    .where(_reservations.c.budget_id == bindparam("budget"))
    .where(_reservations.c.span_id.in_(bindparam("spans", expanding=True)))
    .returning(_reservations.c.amount_nanos)
)
_RELEASE_SIMULATED = delete(_reservations).where(
    _reservations.c.budget_id == bindparam("budget"), _reservations.c.span_id.in_(SIMULATED)
)
_COUNT_REFUSAL = text(
    "INSERT INTO budget_refusals (budget_id, agent_id, day, refused) VALUES (:budget, :agent, :day, 1) "
    "ON CONFLICT (budget_id, agent_id, day) DO UPDATE SET refused = budget_refusals.refused + 1"
).bindparams(bindparam("day", type_=Date()))
_WHOSE = {"organisation": "The organisation's budget", "person": "Your budget", "agent": "This agent's budget"}
_RESETS = {"day": "tomorrow", "week": "next Monday", "month": "on the first of next month"}


@dataclass(frozen=True, slots=True)
class Hold:
    """A model call about to be made, and what it may cost."""

    span_id: str
    bound: Bound


@dataclass(frozen=True, slots=True)
class Released:
    """A model call that holds nothing any more; one without a price goes on counting at the most it could cost.

    ``was_unpriced`` is one that the books held to have no price until this transaction.
    """

    span_id: str
    unpriced: bool = False
    was_unpriced: bool = False


def update_budgets(
    connection: Connection,
    lines: Sequence[Mapping[str, Any]] = (),
    ended: Collection[Released] = (),
    hold: Hold | None = None,
) -> None:
    """Count new ledger lines, release what the ended spans held, and hold what a new one may cost.

    Raises BudgetSpent if a budget has no room for the latter: then nothing of the transaction may be kept.
    """
    subjects = connection.execute(_SUBJECTS).mappings().all()
    if not subjects:
        return
    spans = [each.span_id for each in ended]
    known = origins(connection, {*spans, *(line["span_id"] for line in lines), *([hold.span_id] if hold else [])})
    ids = [each["id"] for each in subjects if any(one.is_under(each, each["counts"]) for one in known.values())]
    usual = usual_money(connection) if any(each["counts"] == "all" for each in subjects) else "real"
    for row in connection.execute(_LOCK, {"ids": ids}).mappings().all() if ids else ():
        money = money_of(row, usual)
        under = {span: one for span, one in known.items() if one.is_under(row, money)}
        standing = counting(connection, row, now(), money)
        if row["counts"] == money:  # else this transaction's own are counted with the rest
            standing = _held(_counted(standing, lines, under), ended, under)
        reserved = _still_reserved(connection, row, spans, money)
        held = hold if hold is not None and hold.span_id in under and row["blocks"] else None
        if held is not None:
            taken = standing.spent + standing.held + reserved
            reserved += _hold(connection, held, row, taken, under[held.span_id].agent)
        _write(connection, row["id"], standing, reserved, money)


def refuse_full(connection: Connection, person_id: str, agent_id: str, at: datetime, *, simulated: bool) -> None:
    """Refuse by budgets that have no room for anything, before any work is done for a call. Raises BudgetSpent."""
    origin = Origin(person_id, agent_id, at, "simulated" if simulated else "real")
    usual = usual_money(connection) if simulated else "real"
    for row in connection.execute(select(_budgets).where(_LIVE, _budgets.c.blocks)).mappings():
        money = money_of(row, usual)
        if not origin.is_under(row, money):
            continue
        standing = counting(connection, row, at, money)
        if standing.spent + standing.held + reserved_of(connection, row, money) >= row["limit_nanos"]:
            raise _no_room(row, agent_id)


def _no_room(row: RowMapping, agent_id: str | None) -> BudgetSpent:
    return BudgetSpent(
        f"{_WHOSE[row['scope']]} for this {row['period']} has no room for what this may cost, so the model was not "
        f"asked. It resets {_RESETS[row['period']]}. Choose an agent that costs less, or ask finance to raise it.",
        budget_id=row["id"],
        agent_id=agent_id,
    )


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
    return replace(standing, spent=spent, unpriced=unpriced)


def _held(standing: Standing, ended: Collection[Released], under: Mapping[str, Origin]) -> Standing:
    """Hold in the period that the trace began in, as its ledger lines will be once they have a price."""
    held = standing.held
    for each in ended:
        origin = under.get(each.span_id)
        if origin is not None and standing.window.holds(origin.trace_started_at):
            held += (origin.most or 0) * (each.unpriced - each.was_unpriced)
    return replace(standing, held=held)


def _still_reserved(connection: Connection, row: RowMapping, ended: Collection[str], money: Counts) -> Nanos:
    """Let go of what the ended spans held, and of what is held for money that does not count any more."""
    released = 0
    if ended:
        released = sum(connection.execute(_RELEASE, {"budget": row["id"], "spans": list(ended)}).scalars())
    if row["counts"] == money:
        return int(row["reserved_nanos"]) - released
    connection.execute(_RELEASE_SIMULATED, {"budget": row["id"]})
    return reserved_of(connection, row, money)


def _hold(connection: Connection, hold: Hold, row: RowMapping, taken: Nanos, agent_id: str | None) -> Nanos:
    """Raises BudgetSpent, which does not tell what others have spent."""
    whose = f"{_WHOSE[row['scope']]} for this {row['period']}"
    amount = amount_held(row["reserve"], hold.bound)
    if amount is None:
        raise BudgetSpent(
            f"{whose} cannot be checked, because no price is known for the model, so it was not asked. "
            "Choose an agent with another model, or ask finance to let the budget only warn.",
            budget_id=row["id"],
            agent_id=agent_id,
        )
    if taken + amount > row["limit_nanos"]:
        raise _no_room(row, agent_id)
    values = {"span_id": hold.span_id, "budget_id": row["id"], "amount_nanos": amount}
    connection.execute(insert(_reservations), values)
    return amount


def amount_held(reserve: str, bound: Bound) -> Nanos | None:
    """Return the nano-dollars held for a call; None where no price is known."""
    return bound.typical if reserve == "typical" else bound.most


def count_refusal(connection: Connection, refused: BudgetSpent, at: datetime) -> None:
    """Count a refusal after its transaction, which keeps nothing; what no agent asked is not counted."""
    if refused.agent_id is None:
        return
    zone = connection.execute(select(_budgets.c.time_zone).where(_budgets.c.id == refused.budget_id)).scalar()
    if zone is not None:
        day = at.astimezone(ZoneInfo(zone)).date()
        named = {"budget": refused.budget_id, "agent": refused.agent_id, "day": day}
        connection.execute(_COUNT_REFUSAL, named)


def _write(connection: Connection, budget_id: str, standing: Standing, reserved: Nanos, money: Counts) -> None:
    values = {
        "period_start": standing.window.start,
        "period_end": standing.window.end,
        "spent_nanos": standing.spent,
        "unpriced_lines": standing.unpriced,
        "held_nanos": standing.held,
        "reserved_nanos": reserved,
        "counts": money,
    }
    connection.execute(update(_budgets).where(_budgets.c.id == budget_id).values(values))
