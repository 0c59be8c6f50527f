"""Budgets: how full they are, and whom they refuse."""

from datetime import date, datetime
from typing import Literal

from fastapi import APIRouter
from pydantic import Field

from core.api.caller import Caller, Running
from core.api.problems import raises
from core.api.wire import Data, Money, Wire, exactly, money
from core.budgets.views import BudgetView
from core.chat.budget_room import Room, rooms
from core.clock import now
from core.errors import NotAllowed

budgets = APIRouter(prefix="/api/budgets", tags=["costs"], responses=raises(NotAllowed))


class AgentRoom(Wire):
    agent_id: str
    agent: str
    holds: Money | None = Field(description="What its shortest call holds; null where no price is known.")
    refused_from: Money | None = Field(description="Once more than this is taken it is refused; null: always.")
    has_room: bool
    may_read: int | None = Field(
        description="Tokens that one call may read where tools run at the provider; null where none do. A strict "
        "budget holds all of them."
    )
    uncounted: bool = Field(
        description="True where code may run at the provider: its time is billed apart and counts in no budget."
    )


class Refused(Wire):
    agent_id: str
    agent: str
    day: date
    refused: int


class Budget(Wire):
    """``spent``, ``held``, ``heldAsSpent`` and ``left`` come to the ``limit``, unless more is taken than that."""

    id: str
    scope: Literal["organisation", "person", "agent"]
    subject_id: str | None
    subject: str
    period: Literal["day", "week", "month"]
    first: datetime = Field(alias="from")
    until: datetime
    zone: str
    limit: Money
    blocks: bool
    reserve: Literal["strict", "typical"]
    counts: Literal["real", "all"] = Field(
        description="Whose money: `real` alone, or simulated too (`all`) while there was nothing real. No demo month."
    )
    spent: Money = Field(description="What the ledger says, of replies with a known price.")
    held: Money = Field(description="For calls under way.")
    held_as_spent: Money = Field(description="The most that replies without a known price could cost.")
    left: Money
    unpriced_lines: int = Field(description="Ledger lines without a known price.")
    may_overrun: Money = Field(description="How much more than is held the calls under way could cost.")
    agents: list[AgentRoom]
    refusals: list[Refused] = Field(description="In the present period, by agent and day, the latest first.")


@budgets.get("")
def list_budgets(services: Running, by: Caller) -> Data[list[Budget]]:
    """List the budgets that the caller may see, the fullest first."""
    services.bounds.refresh()
    agents, at = services.agents.list(by), now()
    views = services.budgets.list(by)
    return Data(data=[_told(view, rooms(view, agents, services.bounds, services.provider, at)) for view in views])


def _told(view: BudgetView, found: list[Room]) -> Budget:
    return Budget(
        id=view.id,
        scope=view.scope,
        subject_id=view.subject_id,
        subject=view.subject,
        period=view.period,
        first=view.window.start,
        until=view.window.end,
        zone=view.time_zone,
        limit=exactly(view.limit),
        blocks=view.blocks,
        reserve=view.reserve,
        counts=view.counts,
        spent=exactly(view.spent),
        held=exactly(view.reserved),
        held_as_spent=exactly(view.held_as_spent),
        left=exactly(view.left),
        unpriced_lines=view.unpriced,
        may_overrun=exactly(view.overrun),
        agents=[_room(room) for room in found],
        refusals=[Refused.model_validate(each) for each in view.refusals],
    )


def _room(room: Room) -> AgentRoom:
    return AgentRoom(
        agent_id=room.agent_id,
        agent=room.agent,
        holds=money(room.holds),
        refused_from=money(room.until),
        has_room=room.has_room,
        may_read=room.most_read,
        uncounted=room.uncounted,
    )
