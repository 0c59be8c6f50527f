"""Model calls that were sent, or may have been, and of whose usage the provider told nothing: for reconciliation."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from core.access.roles import Scope
from core.analytics.filters import TraceFilter, conditions, within
from core.money import Nanos
from core.store.tables import TaskTrace, TraceSpan

_traces, _spans = TaskTrace.__table__, TraceSpan.__table__


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """Only the provider's own report can tell what it cost; ``reason`` says what happened.

    ``most`` is what it can have cost at the most, None if no price was known.
    """

    trace_id: str
    span_id: str
    model: str
    request_id: str | None
    started_at: datetime
    sent_at: datetime | None
    answered_at: datetime | None
    status: str
    reason: str | None
    most: Nanos | None


def read_unconfirmed(connection: Connection, limits: Scope, chosen: TraceFilter, most: int) -> list[Unconfirmed]:
    """Return the newest first; of the chosen traces, whatever words are looked for."""
    query = (
        select(_spans, _traces.c.id.label("trace_id"))
        .join(_traces, _traces.c.id == _spans.c.task_trace_id)
        .where(_spans.c.kind == "model_call", _spans.c.status != "running")
        .where(_spans.c.cost_basis == "estimated", _spans.c.usage.is_(None))
        .where(_traces.c.cost_basis.is_distinct_from("computed"), *conditions(within(limits, chosen)))
        .order_by(_spans.c.started_at.desc(), _spans.c.id.desc())
        .limit(most)
    )
    return [
        Unconfirmed(
            trace_id=row.trace_id,
            span_id=row.id,
            model=row.model,
            request_id=row.request_id,
            started_at=row.started_at,
            sent_at=row.sent_at,
            answered_at=row.answered_at,
            status=row.status,
            reason=row.cost_reason,
            most=row.most_nanos,
        )
        for row in connection.execute(query)
    ]
