"""Calls that had no known price get one once the price book has it: by corrections, as all changes of the books."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, literal_column, select, update

from core.books.settling import cost_of, remarked
from core.books.spans import RUNNING, add_lines, line_rows, reverse_lines, token_columns
from core.books.totals import sum_again
from core.books.used import Used, used_in_row
from core.books.values import STEP_STATUS, Ended, ModelCall, ModelCallEnd
from core.budgets.holding import Released, update_budgets
from core.clock import now
from core.money import Nanos
from core.pricing import PriceBook, Priced
from core.store.database import Store
from core.store.tables import DirtyBucket, TaskTrace, TraceSession, TraceSpan

_AT_ONCE = 200
_TURN_STATUS = {step: turn for turn, step in STEP_STATUS.items()}

_traces, _sessions, _spans = TaskTrace.__table__, TraceSession.__table__, TraceSpan.__table__
_UNPRICED = (
    select(_traces.c.id)
    .where(_traces.c.cost_basis == "unpriced", _traces.c.cost_basis != literal_column("'computed'"))
    .order_by(_traces.c.id)
    .limit(_AT_ONCE)
)


@dataclass(frozen=True, slots=True)
class Repriced:
    """How many calls have a price now, what they cost together, and how many still have none."""

    calls: int
    total: Nanos
    left: int


def reprice(store: Store, book: PriceBook) -> Repriced:
    """Price what could not be priced before, and have the budgets count it. Safe beside everything else that runs."""
    priced, left = list[Nanos](), 0
    for trace_id in _unpriced(store):
        for known in store.write(partial(_reprice_trace, trace_id=trace_id, book=book)).result():
            if known is None:
                left += 1
            else:
                priced.append(known)
    return Repriced(len(priced), sum(priced), left)


def _unpriced(store: Store) -> Iterator[str]:
    after = ""
    while True:
        with store.read() as connection:
            ids = connection.execute(_UNPRICED.where(_traces.c.id > after)).scalars().all()
        yield from ids
        if len(ids) < _AT_ONCE:
            return
        after = ids[-1]


def _reprice_trace(connection: Connection, trace_id: str, book: PriceBook) -> list[Nanos | None]:
    """Costs of its calls that had none, in one transaction; other writers of its sessions are waited for."""
    mine = select(_sessions.c.id).where(_sessions.c.task_trace_id == trace_id)
    session_ids = connection.execute(mine.order_by(_sessions.c.id).with_for_update()).scalars().all()
    without = _spans.c.cost_nanos.is_(None), _spans.c.status != RUNNING, _spans.c.kind == "model_call"
    calls = connection.execute(select(_spans).where(_spans.c.task_trace_id == trace_id, *without)).mappings().all()
    known = [(row, priced) for row in calls if (priced := _price(row, book)).total is not None]
    ends = [(row, _end(row, priced)) for row, priced in known]
    lines = [line for row, end in ends for line in _correct(connection, row, end)]
    if ends:
        sum_again(connection, session_ids, trace_id)
        _mark(connection, trace_id)
        update_budgets(connection, lines, [Released(end.id, unpriced=False, was_unpriced=True) for _, end in ends])
    return [*(end.cost.total for _, end in ends), *[None] * (len(calls) - len(ends))]


def _mark(connection: Connection, trace_id: str) -> None:
    """Mark its hour: its sums have changed."""
    query = select(_traces.c.started_at).where(_traces.c.id == trace_id)
    started_at: datetime = connection.execute(query).scalar_one()
    connection.execute(insert(DirtyBucket.__table__), {"hour": started_at.replace(minute=0, second=0, microsecond=0)})


def _price(row: RowMapping, book: PriceBook) -> Priced:
    """Price it as when it was asked; of a reply that was cut the books counted more than the provider said."""
    used = _used(row)
    priced = book.price_usage(
        row["response_model"] or row["model"],
        used.json,
        row["started_at"],
        stop_reason=row["stop_reason"],
        content_blocks=int(used.usage.output > 0),
    )
    return remarked(priced, used.remarks)


def _end(row: RowMapping, priced: Priced) -> ModelCallEnd:
    call = ModelCall(row["id"], row["task_trace_id"], row["trace_session_id"], row["model"], row["started_at"])
    ended = Ended(_TURN_STATUS[row["status"]], row["ended_at"] or now(), row["duration_ms"] or 0)
    return ModelCallEnd(call, ended, cost_of(priced), _used(row).usage)


def _used(row: RowMapping) -> Used:
    return used_in_row(row, ended=row["stop_reason"] is not None)


def _correct(connection: Connection, row: RowMapping, end: ModelCallEnd) -> list[dict[str, Any]]:
    """Take its lines back and write them again; returns all that were added."""
    taken_back, first = reverse_lines(connection, end.id)
    added = line_rows(end, row["task_trace_id"], first)
    add_lines(connection, added)
    known = {"cost_nanos": end.cost.total, "cost_basis": end.cost.basis, "cost_reason": end.cost.reason}
    changed = update(_spans).where(_spans.c.id == end.id).values(known | token_columns(end.usage))
    connection.execute(changed)
    return [*taken_back, *added]
