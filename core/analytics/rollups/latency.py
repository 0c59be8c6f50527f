"""How long traces took: histograms from their tables, and from the traces themselves where the tables lag behind."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Result, func, literal, or_, select

from core.analytics.filters import EVERYTHING, TraceFilter, asked
from core.analytics.rollups.histogram import NOTHING, Histogram
from core.analytics.rollups.pieces import Interval, Pieces, joined
from core.analytics.rollups.question import Question
from core.analytics.rollups.tables import read_rows
from core.quarters import start_of
from core.store.rollups import LATENCY_DAYS, LATENCY_HOURS, LATENCY_MONTHS, UNASSIGNED
from core.store.tables import TaskTrace
from core.store.text import storable

_traces = TaskTrace.__table__
(_hours,) = LATENCY_HOURS.values()

GROUP: Mapping[str, ColumnElement[str]] = {
    "agent": func.coalesce(_traces.c.master_agent_id, UNASSIGNED),
    "model": func.coalesce(_traces.c.answered_model, _traces.c.model),
    "person": func.coalesce(_traces.c.owner_id, UNASSIGNED),
    "status": _traces.c.status,
    "basis": func.coalesce(_traces.c.cost_basis, ""),
    "provenance": _traces.c.provenance,
    "key_source": _traces.c.key_source,
}
"""What a trace is told apart by: who was asked and which model answered, whatever other agents took part.

How long an answer took says something of the model that wrote it; where that is not known it is the one asked.
"""


@dataclass(frozen=True, slots=True)
class Latency:
    """Of some traces, in milliseconds from when they began: to their end, and to the first token of the answer."""

    durations: Histogram = NOTHING
    first_tokens: Histogram = NOTHING

    def __sub__(self, part: "Latency") -> "Latency":
        return Latency(self.durations - part.durations, self.first_tokens - part.first_tokens)


NO_TIME = Latency()


class Gathered(defaultdict[Any, tuple[list[bytes], list[bytes]]]):
    """Packed histograms by what they are of, to be united at the end."""

    def __init__(self) -> None:
        super().__init__(lambda: ([], []))

    def take(self, key: object, durations: bytes, first_tokens: bytes) -> None:
        both = self[key]
        both[0].append(durations)
        both[1].append(first_tokens)

    def united(self) -> dict[Any, Latency]:
        return {key: Latency(*map(Histogram.united, both)) for key, both in self.items()}


def latencies(connection: Connection, pieces: Pieces, question: Question) -> dict[str, Latency]:
    """Read latencies by group; ``pieces`` may have days and months only if there are tables of such that will do."""
    found, key = Gathered(), question.dimensions
    for table, parts in (
        (LATENCY_MONTHS.get(key), pieces.months),
        (LATENCY_DAYS.get(key), pieces.days),
        (_hours, pieces.fine),
    ):
        if table is not None:
            for group, durations, first_tokens in read_rows(connection, table, parts, question):
                found.take(group, durations, first_tokens)
    by = GROUP[question.by] if question.by else literal("")
    for interval in joined((piece.start, piece.end) for piece in pieces.raw):
        for (group,), latency in grouped(timings(connection, interval, [by], question.chosen)).items():
            found.take(group, latency.durations.packed, latency.first_tokens.packed)
    return found.united()


def timings(
    connection: Connection, within: Interval, columns: Iterable[ColumnElement[Any]], chosen: TraceFilter = EVERYTHING
) -> Result[Any]:
    """Return the columns, duration and time to first token of each ended trace that began in the interval."""
    duration, first_token = _traces.c.duration_ms, _traces.c.time_to_first_token_ms
    start, end = map(start_of, within)
    answered = [GROUP["model"].in_([storable(model) for model in chosen.models])] if chosen.models else []
    return connection.execute(
        select(*columns, duration, first_token).where(
            *asked(replace(chosen, start=start, end=end, models=())),
            *answered,
            _traces.c.status != "running",
            or_(duration.is_not(None), first_token.is_not(None)),
        )
    )


def grouped(traces: Iterable[Any]) -> dict[tuple[Any, ...], Latency]:
    """Histograms of timings, by all that stands before them in a row."""
    found = defaultdict[tuple[Any, ...], tuple[list[int], list[int]]](lambda: ([], []))
    for *group, duration, first_token in traces:
        both = found[tuple(group)]
        if duration is not None:
            both[0].append(duration)
        if first_token is not None:
            both[1].append(first_token)
    return {group: Latency(*map(Histogram.of, both)) for group, both in found.items()}
