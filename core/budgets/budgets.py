"""Budgets as finance sets them and people see them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, delete, insert, select, text, update

from core.access.audit import record
from core.access.roles import Permission, Person, allow, may, scope
from core.budgets.counting import counted_in, usual_money
from core.budgets.coverage import SCOPES, Scope
from core.budgets.periods import PERIODS, Period, window
from core.budgets.views import RESERVES, BudgetView, Reserve, read_views
from core.clock import new_id, now
from core.errors import InputError, NotFound
from core.money import NANOS_PER_USD, Nanos, short_usd
from core.store.access import User
from core.store.budgets import Budget, BudgetReservation
from core.store.database import Store
from core.store.tables import Agent
from core.store.text import storable

LARGEST = 1_000_000_000 * NANOS_PER_USD

_budgets, _held = Budget.__table__, BudgetReservation.__table__
_agents, _users = Agent.__table__, User.__table__
_LIVE = _budgets.c.ended_at.is_(None)


@dataclass(frozen=True, slots=True)
class BudgetDraft:
    """``subject_id`` is a person's or an agent's, None for the organisation. One that does not block only warns.

    With ``reserve`` strict each call holds its worst case, with typical what is usual, and the limit may be passed.
    """

    scope: Scope
    subject_id: str | None
    period: Period
    limit: Nanos
    blocks: bool = True
    reserve: Reserve = "strict"


BudgetViews: TypeAlias = list[BudgetView]


class Budgets:
    """``zone`` is the organisation's: whose days, weeks and months new budgets are for."""

    def __init__(self, store: Store, zone: ZoneInfo) -> None:
        self._store, self._zone = store, zone

    def list(self, by: Person) -> BudgetViews:
        """Live ones, the fullest first; who may not see what others spend sees their own. Raises NotAllowed."""
        query = (
            select(_budgets, _users.c.name.label("person"), _agents.c.name.label("agent"))
            .join(_users, _users.c.id == _budgets.c.subject_id, isouter=True)
            .join(_agents, _agents.c.id == _budgets.c.subject_id, isouter=True)
            .where(_LIVE, *_seen_by(by))
        )
        at = now()
        with self._store.read() as connection:
            views = read_views(connection, query, at)
        return sorted(views, key=lambda view: (-view.share, view.id))

    def may_change(self, by: Person) -> bool:
        return may(by, Permission.BUDGETS)

    def create(self, by: Person, draft: BudgetDraft) -> str:
        """Make a budget; what its period has cost so far counts. Returns its id. Raises NotAllowed, InputError."""
        allow(by, Permission.BUDGETS)
        _check(draft)
        return self._store.write(lambda connection: _create(connection, by, draft, self._zone)).result()

    def change(self, by: Person, budget_id: str, limit: Nanos, *, blocks: bool, reserve: Reserve | None = None) -> None:
        """Change a budget; it counts from the next model call on. Raises NotAllowed, InputError, NotFound."""
        allow(by, Permission.BUDGETS)
        _check_limit(limit)

        def job(connection: Connection) -> None:
            row = _lock(connection, budget_id)
            changed = {"limit_nanos": limit, "blocks": blocks, "reserve": reserve or row["reserve"]}
            connection.execute(update(_budgets).where(_budgets.c.id == row["id"]).values(changed))
            told = {**_told(row), "before": short_usd(row["limit_nanos"]), "limit": short_usd(limit), "blocks": blocks}
            told["reserve"] = changed["reserve"]
            record(connection, by, "changed", ("budget", row["id"]), **told)

        self._store.write(job).result()

    def end(self, by: Person, budget_id: str) -> None:
        """End a budget: it limits nothing any more, and what it held is let go. Raises NotAllowed, NotFound."""
        allow(by, Permission.BUDGETS)

        def job(connection: Connection) -> None:
            row = _lock(connection, budget_id)
            ended = {"ended_at": now(), "reserved_nanos": 0}
            connection.execute(update(_budgets).where(_budgets.c.id == row["id"]).values(ended))
            connection.execute(delete(_held).where(_held.c.budget_id == row["id"]))
            record(connection, by, "ended", ("budget", row["id"]), **_told(row), limit=short_usd(row["limit_nanos"]))

        self._store.write(job).result()


def _seen_by(by: Person) -> Iterator[ColumnElement[bool]]:
    """A token for some agents sees nothing that tells what others cost. Raises NotAllowed."""
    seen = scope(by)
    if seen.owner_id is not None:
        yield and_(_budgets.c.scope == "person", _budgets.c.subject_id == seen.owner_id)
    if seen.agents is not None:
        yield and_(_budgets.c.scope == "agent", _budgets.c.subject_id.in_(seen.agents))


def _check(draft: BudgetDraft) -> None:
    """Raises InputError."""
    _check_limit(draft.limit)
    if draft.scope not in SCOPES or draft.period not in PERIODS or draft.reserve not in RESERVES:
        raise InputError("A budget is for the organisation, a person or an agent, and for a day, a week or a month.")
    if (draft.scope == "organisation") != (draft.subject_id is None):
        raise InputError("Choose the person or agent the budget is for; a budget of the organisation names nobody.")


def _check_limit(limit: Nanos) -> None:
    if not 0 < limit <= LARGEST:
        raise InputError(f"A budget is more than $0 and at most ${LARGEST // NANOS_PER_USD:,}. Change it.")


def _create(connection: Connection, by: Person, draft: BudgetDraft, zone: ZoneInfo) -> str:
    if connection.dialect.name == "postgresql":
        # A writer of ends of calls is through before they are summed; one who comes later finds the budget.
        connection.execute(text("LOCK TABLE trace_spans, ledger_lines IN SHARE MODE"))
    _check_subject(connection, draft)
    at = now()
    this, budget_id = window(draft.period, at, zone), new_id()
    money = usual_money(connection)
    counted = counted_in(connection, draft.scope, draft.subject_id, this, money)
    row = {
        "id": budget_id,
        "scope": draft.scope,
        "subject_id": draft.subject_id,
        "period": draft.period,
        "time_zone": zone.key,
        "limit_nanos": draft.limit,
        "blocks": draft.blocks,
        "created_at": at,
        "created_by": by.id,
        "period_start": this.start,
        "period_end": this.end,
        "spent_nanos": counted.spent,
        "unpriced_lines": counted.unpriced,
        "held_nanos": counted.held,
        "reserved_nanos": 0,
        "reserve": draft.reserve,
        "counts": money,
    }
    connection.execute(insert(_budgets), row)
    told = _told(row)
    told |= {"limit": short_usd(draft.limit), "blocks": draft.blocks, "reserve": draft.reserve}
    record(connection, by, "created", ("budget", budget_id), **told)
    return budget_id


def _check_subject(connection: Connection, draft: BudgetDraft) -> None:
    """Raises InputError, also if there is one like it already: of two only the smaller would count."""
    if draft.subject_id is not None:
        table = _users if draft.scope == "person" else _agents
        if connection.execute(select(table.c.id).where(table.c.id == storable(draft.subject_id))).first() is None:
            raise InputError(f"There is no such {draft.scope}. Choose another one.")
    same = _LIVE, _budgets.c.scope == draft.scope, _budgets.c.period == draft.period
    subject = _budgets.c.subject_id.is_not_distinct_from(draft.subject_id)
    if connection.execute(select(_budgets.c.id).where(*same, subject)).first() is not None:
        raise InputError("There is such a budget already. Change its limit instead.")


def _lock(connection: Connection, budget_id: str) -> RowMapping:
    """Raises NotFound."""
    query = select(_budgets).where(_LIVE, _budgets.c.id == storable(budget_id)).with_for_update()
    row = connection.execute(query).mappings().first()
    if row is None:
        raise NotFound("There is no such budget. It may have been ended; reload the page.")
    return row


def _told(row: Any) -> dict[str, Any]:
    return {name: row[name] for name in ("scope", "subject_id", "period")}
