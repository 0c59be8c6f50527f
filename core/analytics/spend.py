"""Sums of the books over some time."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from operator import add, attrgetter
from typing import Protocol

from core.money import Nanos
from core.units import QUANTITIES

_PLACES = {measure: place for place, measure in enumerate(QUANTITIES)}


class Billed(Protocol):
    """Anything that sums calls up; those without a known price are not in ``spend``."""

    @property
    def spend(self) -> Nanos: ...

    @property
    def unpriced_calls(self) -> int: ...


def known(sums: Billed) -> Nanos | None:
    """Return what was spent as far as prices are known; None if no part is: unknown is no zero."""
    return None if sums.unpriced_calls and not sums.spend else sums.spend


@dataclass(frozen=True, slots=True)
class Spend:
    """Sums over some time; money in nano-dollars. ``estimated`` is the part of ``spend`` that is not exact.

    ``quantities`` are what the tables of sums count, in the order of QUANTITIES.
    """

    traces: int = 0
    conversations: int = 0
    calls: int = 0
    unpriced_calls: int = 0
    spend: Nanos = 0
    estimated: Nanos = 0
    saved: Nanos = 0
    quantities: tuple[int, ...] = (0,) * len(QUANTITIES)

    @classmethod
    def of(cls, sums: Sequence[int]) -> "Spend":
        """Sums in the order of MEASURES."""
        if not sums:
            return cls()
        traces, conversations, calls, unpriced_calls, spend, estimated, saved, *quantities = sums
        return cls(traces, conversations, calls, unpriced_calls, spend, estimated, saved, tuple(quantities))

    def quantity(self, measure: str) -> int:
        """Return how much of one of QUANTITIES."""
        return self.quantities[_PLACES[measure]]

    @property
    def tokens(self) -> int:
        return sum(self.quantity(measure) for measure, units in QUANTITIES.items() if units[0].is_tokens)

    def sums(self) -> tuple[int, ...]:
        """Return all sums in the order of MEASURES."""
        return (*_amounts(self), *self.quantities)

    def __add__(self, other: "Spend") -> "Spend":
        return Spend.of(tuple(map(add, self.sums(), other.sums())))


_amounts = attrgetter(*(each.name for each in fields(Spend) if each.name != "quantities"))
