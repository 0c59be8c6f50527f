"""What is asked: which sums, over which buckets of time, of which traces, by what."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sqlalchemy import ColumnElement, FromClause

from core.analytics.filters import EVERYTHING, TraceFilter
from core.analytics.rollups.facts import Fact
from core.analytics.rollups.pieces import Piece

Dimension: TypeAlias = Literal["agent", "model", "person"]

Sums: TypeAlias = dict[tuple[int, str], tuple[int, ...]]
"""By slot and group; the values are in the order of the question's measures."""

HOURS_A_WEEK = 168


@dataclass(frozen=True, slots=True)
class Question:
    """``measures`` summed in each bucket's slot and, if ``by`` is given, for each agent, model or person.

    Of ``chosen`` all but its times and its text count. ``by_hour_of_week``: slots are hours of the week instead, 0
    being Thursday's first; the buckets' slots are then the zone's distance from UTC, in quarters.
    """

    buckets: tuple[Piece, ...]
    measures: tuple[str, ...]
    chosen: TraceFilter = EVERYTHING
    by: Dimension | None = None
    by_hour_of_week: bool = False

    @property
    def dimensions(self) -> frozenset[str]:
        """Those that must be told apart."""
        filtered = (name for name, values in self._dimension_values() if values)
        return frozenset([*filtered, self.by] if self.by else filtered)

    @property
    def narrowest(self) -> str | None:
        """The filtered dimension of which one value has the fewest rows, as a rule: there are most of it."""
        filtered = {name for name, values in self._dimension_values() if values}
        return next((name for name in ("person", "agent", "model") if name in filtered), None)

    def conditions(self, table: FromClause) -> Iterator[ColumnElement[bool]]:
        for name, values in self._values():
            if values:
                yield table.c[name].in_(values)

    def holds(self, fact: Fact) -> bool:
        return all(not values or getattr(fact, name) in values for name, values in self._values())

    def slot_of(self, at: int, slot: int) -> int:
        return (at + slot) // 4 % HOURS_A_WEEK if self.by_hour_of_week else slot

    def _dimension_values(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        yield "agent", self.chosen.agents
        yield "model", self.chosen.models
        yield "person", self.chosen.people

    def _values(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        yield from self._dimension_values()
        yield "status", self.chosen.statuses
        yield "basis", self.chosen.bases
        yield "provenance", self.chosen.provenances
        yield "key_source", self.chosen.key_sources
