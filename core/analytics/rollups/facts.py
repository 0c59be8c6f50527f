"""The ledger itself, summed into the smallest groups that any question tells apart."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    case,
    cast,
    extract,
    func,
    literal_column,
    or_,
    select,
)

from core.analytics.served import billed_model
from core.quarters import Quarter, start_of
from core.store.rollups import MEASURES, OUTCOME, UNASSIGNED
from core.store.tables import Conversation, LedgerLine, TaskTrace, TraceSession, TraceSpan
from core.units import QUANTITIES, Count

_traces, _sessions, _spans = TaskTrace.__table__, TraceSession.__table__, TraceSpan.__table__
_lines, _conversations = LedgerLine.__table__, Conversation.__table__

GROUP = ("at", "agent", "model", "person", *OUTCOME)


@dataclass(frozen=True, slots=True)
class Fact:
    """``sums`` in the order of MEASURES; ``at`` is a quarter."""

    at: Quarter
    agent: str
    model: str
    person: str
    status: str
    basis: str
    provenance: str
    key_source: str
    sums: tuple[int, ...]


def read_facts(connection: Connection, start: Quarter, end: Quarter) -> Iterator[Fact]:
    """Read all traces that began from ``start`` to before ``end``, but for what is still running."""
    query = _facts(connection.dialect.name).where(
        _traces.c.started_at >= start_of(start), _traces.c.started_at < start_of(end)
    )
    return (_fact(row) for row in connection.execute(query))


def _fact(row: Row[Any]) -> Fact:
    outcome = row.status, row.basis, row.provenance, row.key_source
    return Fact(row.at, row.agent, row.model, row.person, *outcome, tuple(row[len(GROUP) :]))


def _facts(dialect: str) -> Select[Any]:
    group = {
        "at": quarter(dialect),
        "agent": func.coalesce(_sessions.c.agent_id, UNASSIGNED),
        "model": billed_model(),
        "person": func.coalesce(_traces.c.owner_id, UNASSIGNED),
        "status": _traces.c.status,
        "basis": func.coalesce(_traces.c.cost_basis, ""),
        "provenance": _traces.c.provenance,
        "key_source": _traces.c.key_source,
    }
    sums = _measures()
    return (
        select(
            *(group[name].label(name) for name in GROUP),
            *(_whole(func.sum(sums[name])).label(name) for name in MEASURES),
        )
        .select_from(_traces)
        .join(_sessions, _sessions.c.task_trace_id == _traces.c.id)
        .join(_spans, _spans.c.trace_session_id == _sessions.c.id)
        .outerjoin(_conversations, _conversations.c.id == _traces.c.conversation_id)
        .outerjoin(_lines, _lines.c.span_id == _spans.c.id)
        .where(_spans.c.status != "running")
        .group_by(*(literal_column(name) if name == "at" else group[name] for name in GROUP))
    )


def _measures() -> dict[str, ColumnElement[int]]:
    """Return what one ledger line, or a span that has none, adds to each measure."""
    first = or_(_lines.c.line.is_(None), _lines.c.line == 1)
    call = _spans.c.kind == "model_call"
    begins = and_(first, call, _spans.c.attempt == 1, _spans.c.started_at == _traces.c.started_at)
    amount = func.coalesce(_lines.c.amount_nanos, 0)
    return {
        "traces": _one_if(begins),
        "conversations": _one_if(and_(begins, _conversations.c.created_at == _traces.c.started_at)),
        "calls": _one_if(and_(first, call)),
        "unpriced_calls": _one_if(and_(first, _spans.c.cost_basis == "unpriced")),
        "spend_nanos": amount,
        "estimated_nanos": case((_lines.c.estimated, amount), else_=0),
        "saved_nanos": func.coalesce(_lines.c.uncached_nanos - _lines.c.amount_nanos, 0),
        **{measure: _quantity(units) for measure, units in QUANTITIES.items()},
    }


def _one_if(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return case((condition, 1), else_=0)


def _quantity(units: Iterable[Count]) -> ColumnElement[int]:
    return case((_lines.c.unit.in_([unit.name for unit in units]), _lines.c.quantity), else_=0)


def _whole(number: ColumnElement[Any]) -> ColumnElement[int]:
    return cast(number, BigInteger)


def quarter(dialect: str, at: ColumnElement[datetime] = _traces.c.started_at) -> ColumnElement[int]:
    """Return in SQL what ``quarter_of`` returns; by default the quarter that a trace began in."""
    if dialect == "sqlite":
        # Whole seconds as they are written: strftime rounds the last half millisecond of a second up to the next.
        seconds = cast(func.strftime("%s", func.substr(at, 1, 19)), BigInteger)
        return seconds // 900
    return _whole(func.floor(extract("epoch", at) / 900))
