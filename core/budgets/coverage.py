"""Which model calls a budget is for."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias, get_args

from sqlalchemy import Connection, RowMapping, select

from core.money import Nanos
from core.store.demo import DEMO_SOURCE
from core.store.tables import TaskTrace, TraceSession, TraceSpan

Scope: TypeAlias = Literal["organisation", "person", "agent"]

SCOPES: tuple[Scope, ...] = get_args(Scope)

_traces, _sessions, _spans = TaskTrace.__table__, TraceSession.__table__, TraceSpan.__table__


@dataclass(frozen=True, slots=True)
class Origin:
    """Who a model call was made for and by which agent, in a trace that began when, and with whose money.

    Of a trace from elsewhere person and agent may be none that is known here. ``most`` it could cost, if known.
    """

    person: str | None
    agent: str | None
    trace_started_at: datetime
    provenance: str = "real"
    most: Nanos | None = None

    def is_under(self, budget: RowMapping, counts: str) -> bool:
        """``counts`` is whose money the budget is about."""
        scope, subject = budget["scope"], budget["subject_id"]
        if counts == "real" and self.provenance != "real":
            return False
        return bool(scope == "organisation" or subject == (self.person if scope == "person" else self.agent))


def origins(connection: Connection, span_ids: Collection[str]) -> dict[str, Origin]:
    """Return origins by span; those of the demo month are left out."""
    query = (
        select(_spans.c.id, _traces.c.owner_id, _sessions.c.agent_id, _traces.c.started_at, _traces.c.provenance)
        .add_columns(_spans.c.most_nanos)
        .join(_sessions, _sessions.c.id == _spans.c.trace_session_id)
        .join(_traces, _traces.c.id == _spans.c.task_trace_id)
        .where(_spans.c.id.in_(span_ids), _traces.c.source != DEMO_SOURCE)
    )
    found = connection.execute(query)
    return {row.id: Origin(row.owner_id, row.agent_id, row.started_at, row.provenance, row.most_nanos) for row in found}
