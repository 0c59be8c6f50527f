"""Budgets as people see them: what is spent, held and left, and what was refused."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, TypeAlias, get_args
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, RowMapping, Select, func, select

from core.budgets.counting import Counts, Standing, counting, money_of, reserved_of, usual_money
from core.budgets.coverage import Scope
from core.budgets.periods import Period, Window
from core.money import Nanos
from core.store.budgets import BudgetRefusal, BudgetReservation
from core.store.tables import Agent, TraceSpan

Reserve: TypeAlias = Literal["strict", "typical"]

RESERVES: tuple[Reserve, ...] = get_args(Reserve)

_held, _refused = BudgetReservation.__table__, BudgetRefusal.__table__
_spans, _agents = TraceSpan.__table__, Agent.__table__


@dataclass(frozen=True, slots=True)
class Refusals:
    """How often an agent's calls were refused on a day."""

    agent_id: str
    agent: str
    day: date
    refused: int


@dataclass(frozen=True, slots=True)
class BudgetView:
    """``subject`` is the name of whom it is for. ``reserved`` is what is held for model calls under way.

    ``held_as_spent`` is the most that replies without a known price could cost, which counts until they have one;
    ``unpriced`` counts their ledger lines. ``overrun`` is how much more than held the calls under way could cost.
    It ``counts`` real money alone, or simulated too.
    """

    id: str
    scope: Scope
    subject_id: str | None
    subject: str
    period: Period
    time_zone: str
    window: Window
    limit: Nanos
    blocks: bool
    spent: Nanos
    reserved: Nanos
    held_as_spent: Nanos
    unpriced: int
    reserve: Reserve
    overrun: Nanos
    refusals: tuple[Refusals, ...] = ()
    counts: Counts = "all"

    @property
    def taken(self) -> Nanos:
        """All that counts against the limit."""
        return self.spent + self.reserved + self.held_as_spent

    @property
    def left(self) -> Nanos:
        return max(0, self.limit - self.taken)

    @property
    def share(self) -> float:
        """Of the limit, what is taken: 1.0 is all of it, and it can be more."""
        return self.taken / self.limit


def read_views(connection: Connection, query: Select[Any], at: datetime) -> list[BudgetView]:
    """Read budgets as they stand at a time; ``query`` selects budgets with the names ``person`` and ``agent``."""
    rows = connection.execute(query).mappings().all()
    usual = usual_money(connection)
    moneys = [money_of(row, usual) for row in rows]
    standings = [counting(connection, row, at, money) for row, money in zip(rows, moneys, strict=True)]
    first = {
        row["id"]: standing.window.start.astimezone(ZoneInfo(row["time_zone"])).date()
        for row, standing in zip(rows, standings, strict=True)
    }
    overruns, refusals = _overruns(connection), _refusals(connection, first)
    return [
        _view(
            row,
            standing,
            reserved=reserved_of(connection, row, money),
            overrun=overruns.get(row["id"], 0),
            refusals=tuple(refusals[row["id"]]),
            counts=money,
        )
        for row, standing, money in zip(rows, standings, moneys, strict=True)
    ]


def _overruns(connection: Connection) -> dict[str, Nanos]:
    """Return by budget how much more the calls under way could cost than is held for them."""
    more = func.sum(_spans.c.most_nanos - _held.c.amount_nanos)
    query = select(_held.c.budget_id, more).join(_spans, _spans.c.id == _held.c.span_id).group_by(_held.c.budget_id)
    return {budget_id: int(nanos or 0) for budget_id, nanos in connection.execute(query)}


def _refusals(connection: Connection, first: Mapping[str, date]) -> dict[str, list[Refusals]]:
    """Return by budget those from the first day of its present period on, the latest day first."""
    query = (
        select(_refused, _agents.c.name)
        .join(_agents, _agents.c.id == _refused.c.agent_id)
        .where(_refused.c.budget_id.in_(first))
        .order_by(_refused.c.day.desc(), _refused.c.refused.desc(), _refused.c.agent_id)
    )
    found: dict[str, list[Refusals]] = {budget_id: [] for budget_id in first}
    for row in connection.execute(query):
        if row.day >= first[row.budget_id]:
            found[row.budget_id].append(Refusals(row.agent_id, row.name, row.day, row.refused))
    return found


def _view(row: RowMapping, standing: Standing, **told: Any) -> BudgetView:
    return BudgetView(
        id=row["id"],
        scope=row["scope"],
        subject_id=row["subject_id"],
        subject=row["person"] or row["agent"] or "",
        period=row["period"],
        time_zone=row["time_zone"],
        window=standing.window,
        limit=row["limit_nanos"],
        blocks=row["blocks"],
        spent=standing.spent,
        held_as_spent=standing.held,
        unpriced=standing.unpriced,
        reserve=row["reserve"],
        **told,
    )
