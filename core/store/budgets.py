"""Tables of budgets: limits, what counts against them, and what model calls under way may still cost."""

from datetime import date, datetime

from sqlalchemy import BigInteger, text
from sqlmodel import Field

from core.store.tables import Row


class Budget(Row, table=True):
    """A limit on what is spent in each ``period``: day, week or month as ``time_zone`` has them.

    ``scope`` is organisation, person or agent, ``subject_id`` whose. One that ``blocks`` refuses model calls that it
    has no room for, others only tell. ``spent_nanos`` are the ledger lines of traces that began in the period from
    ``period_start`` to ``period_end`` and have a price, ``unpriced_lines`` counts those without; ``held_nanos`` is what
    the replies of these traces that have no price could cost at most. ``reserved_nanos`` is the sum of its
    reservations, each of which is for the worst case (``reserve`` is strict) or for a typical reply. It ``counts`` real
    money, or all but that of the demo month.
    """

    __tablename__ = "budgets"
    id: str = Field(primary_key=True)
    scope: str
    subject_id: str | None = None
    period: str
    time_zone: str
    limit_nanos: int = Field(sa_type=BigInteger)
    blocks: bool
    created_at: datetime
    created_by: str
    ended_at: datetime | None = None
    period_start: datetime
    period_end: datetime
    spent_nanos: int = Field(0, sa_type=BigInteger)
    unpriced_lines: int = Field(0, sa_type=BigInteger)
    held_nanos: int = Field(0, sa_type=BigInteger, sa_column_kwargs={"server_default": text("0")})
    reserve: str = Field("strict", sa_column_kwargs={"server_default": text("'strict'")})
    reserved_nanos: int = Field(0, sa_type=BigInteger)
    counts: str = Field("all", sa_column_kwargs={"server_default": text("'all'")})


class BudgetReservation(Row, table=True):
    """The most that a running model call may cost, held until its end is booked."""

    __tablename__ = "budget_reservations"
    span_id: str = Field(primary_key=True, foreign_key="trace_spans.id")
    budget_id: str = Field(primary_key=True, foreign_key="budgets.id", index=True)
    amount_nanos: int = Field(sa_type=BigInteger)


class BudgetRefusal(Row, table=True):
    """How often a budget refused an agent's model calls on a day, as the budget's zone has it."""

    __tablename__ = "budget_refusals"
    budget_id: str = Field(primary_key=True, foreign_key="budgets.id")
    agent_id: str = Field(primary_key=True, foreign_key="agents.id")
    day: date = Field(primary_key=True)
    refused: int = Field(sa_type=BigInteger)
