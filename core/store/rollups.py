"""Tables of sums, a cache beside the books: each row is the sums of one bucket of time for one group of calls.

``at`` is the bucket's start in quarters of an hour since 1970 (UTC). Quarters are whole in every zone and serve them
all; hours, days and months are the organisation's. A trace counts when it began, with its status and basis.

Tables of latencies hold packed histograms, as core/analytics/rollups/histogram.py has them, in place of sums.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import BigInteger, Column, Index, LargeBinary, String, Table, Text, TextClause, text
from sqlmodel.sql.sqltypes import UTCDateTime

from core.store.tables import Row
from core.store.text import StorableText
from core.units import COUNTS, FIRST, QUANTITIES

MEASURES = (
    "traces",
    "conversations",
    "calls",
    "unpriced_calls",
    "spend_nanos",
    "estimated_nanos",
    "saved_nanos",
    *QUANTITIES,
)
"""``conversations`` are those that began with one of the traces; money and quantities are sums of ledger lines."""

LATENCIES = ("durations", "first_tokens")
"""Of whole traces, in milliseconds; those that are not known, and those of traces that run, are left out."""

OUTCOME = ("status", "basis", "provenance", "key_source")
"""Of the trace; ``basis`` is empty while it is not known, ``key_source`` where no key paid."""


UNASSIGNED = "unassigned"
"""The agent or person of a trace from elsewhere that is of none that is known here: a word that is nobody's id."""


def _rollup(name: str, *dimensions: str) -> Table:
    measures = (Column(measure, BigInteger, nullable=False, server_default=_default(measure)) for measure in MEASURES)
    return _table(name, dimensions, measures, dimensions)


def _default(measure: str) -> TextClause | None:
    """Of a measure that tables with rows in them were given later."""
    later = QUANTITIES.get(measure, ())
    return text("0") if later and later[0] in COUNTS[FIRST:] else None


def _latency(name: str, *dimensions: str) -> Table:
    """Hours are indexed by person alone: longer times are read from them only where a person is looked for too."""
    histograms = (Column(latency, LargeBinary, nullable=False) for latency in LATENCIES)
    return _table(name, dimensions, histograms, ("person",) if name.endswith("_hours") else dimensions)


def _table(name: str, dimensions: tuple[str, ...], measures: Iterable[Column[Any]], indexed: tuple[str, ...]) -> Table:
    return Table(
        name,
        Row.metadata,
        Column("at", BigInteger, primary_key=True, autoincrement=False),
        *(Column(dimension, Text, primary_key=True) for dimension in dimensions),
        *(Column(part, String, primary_key=True) for part in OUTCOME),
        *measures,
        *(Index(f"ix_{name}_{dimension}", dimension, "at") for dimension in indexed),
        sqlite_with_rowid=False,
    )


def _key(*dimensions: str) -> frozenset[str]:
    return frozenset(dimensions)


# Tables by the dimensions that their rows tell apart.
QUARTERS = {
    _key(): _rollup("rollup_quarters"),
    _key("agent"): _rollup("rollup_quarters_agent", "agent"),
    _key("model"): _rollup("rollup_quarters_model", "model"),
    _key("person"): _rollup("rollup_quarters_person", "person"),
}
HOURS = {_key("agent", "model", "person"): _rollup("rollup_hours", "agent", "model", "person")}
DAYS = {
    _key(): _rollup("rollup_days"),
    _key("agent"): _rollup("rollup_days_agent", "agent"),
    _key("model"): _rollup("rollup_days_model", "model"),
    _key("person"): _rollup("rollup_days_person", "person"),
    _key("agent", "model"): _rollup("rollup_days_agent_model", "agent", "model"),
    _key("agent", "person"): _rollup("rollup_days_agent_person", "agent", "person"),
    _key("model", "person"): _rollup("rollup_days_model_person", "model", "person"),
}
MONTHS = {
    _key(): _rollup("rollup_months"),
    _key("agent"): _rollup("rollup_months_agent", "agent"),
    _key("model"): _rollup("rollup_months_model", "model"),
    _key("person"): _rollup("rollup_months_person", "person"),
}
LATENCY_HOURS = {_key("agent", "model", "person"): _latency("rollup_latency_hours", "agent", "model", "person")}
LATENCY_DAYS = {
    _key(): _latency("rollup_latency_days"),
    _key("agent"): _latency("rollup_latency_days_agent", "agent"),
    _key("model"): _latency("rollup_latency_days_model", "model"),
    _key("person"): _latency("rollup_latency_days_person", "person"),
    _key("agent", "model"): _latency("rollup_latency_days_agent_model", "agent", "model"),
    _key("agent", "person"): _latency("rollup_latency_days_agent_person", "agent", "person"),
    _key("model", "person"): _latency("rollup_latency_days_model_person", "model", "person"),
}
LATENCY_MONTHS = {
    _key(): _latency("rollup_latency_months"),
    _key("agent"): _latency("rollup_latency_months_agent", "agent"),
    _key("model"): _latency("rollup_latency_months_model", "model"),
    _key("person"): _latency("rollup_latency_months_person", "person"),
}
ROLLUPS = tuple(
    table
    for tables in (QUARTERS, HOURS, DAYS, MONTHS, LATENCY_HOURS, LATENCY_DAYS, LATENCY_MONTHS)
    for table in tables.values()
)
"""All of them."""
SERVED = Table(
    "served_models",
    Row.metadata,
    Column("model", StorableText, primary_key=True),
    Column("trace_started_at", UTCDateTime, primary_key=True),
    Column("task_trace_id", Text, primary_key=True),
    Column("agent_id", Text, primary_key=True),
    Index("ix_served_models_task_trace_id", "task_trace_id"),
)
"""Which traces were billed for models that were not asked, and for whose calls; the ledger says it too, but slowly."""
STATE = Table("rollup_state", Row.metadata, Column("zone", Text, primary_key=True))
"""One row: the zone whose hours and days the tables hold."""
