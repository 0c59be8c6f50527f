"""Sums of the books over some time."""

from dataclasses import dataclass, fields
from typing import Protocol

from core.money import Nanos


class Billed(Protocol):
    """Anything that sums calls up; those without a known price are not in ``spend``."""

    @property
    def spend(self) -> Nanos: ...

    @property
    def unpriced_calls(self) -> int: ...


def known(sums: Billed) -> Nanos | None:
    """What was spent as far as prices are known; None if that is nothing because they are not: it is no zero."""
    return None if sums.unpriced_calls and not sums.spend else sums.spend


@dataclass(frozen=True, slots=True)
class Spend:
    """Sums over some time; money in nano-dollars. ``estimated`` is the part of ``spend`` that is not exact."""

    traces: int = 0
    conversations: int = 0
    calls: int = 0
    unpriced_calls: int = 0
    spend: Nanos = 0
    estimated: Nanos = 0
    saved: Nanos = 0
    input_tokens: int = 0
    cache_write_tokens: int = 0
    cache_read_tokens: int = 0
    output_tokens: int = 0

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.cache_write_tokens + self.cache_read_tokens + self.output_tokens

    def __add__(self, other: "Spend") -> "Spend":
        return Spend(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))
