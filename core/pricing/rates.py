"""Rates: what one unit costs, and from when to when."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType

from core.pricing.priced import NoPrice
from core.units import BY_NAME

ALWAYS = datetime.min.replace(tzinfo=UTC)
FOR_EVER = datetime.max.replace(tzinfo=UTC)
PER_MILLION = 6


@dataclass(frozen=True, slots=True)
class Rates:
    """Exact US dollars for one of each unit, where they were published and since when they hold (None: not known)."""

    usd: Mapping[str, Decimal]
    source: str
    since: datetime | None

    def of(self, unit: str, model: str) -> Decimal:
        """Raises NoPrice if there is none for that unit."""
        if unit not in self.usd:
            raise NoPrice(f"{self.source} has no price for {unit.replace('_', ' ')} of {model}")
        return self.usd[unit]


@dataclass(frozen=True, slots=True)
class Row:
    """Rates and when they apply: ``since`` <= time < ``until``, at that speed, for prompts over that many tokens."""

    rates: Rates
    since: datetime = ALWAYS
    until: datetime = FOR_EVER
    speed: str = "standard"
    prompt_over: int = 0

    def holds(self, at: datetime, speed: str) -> bool:
        return self.since <= at < self.until and self.speed == speed


@dataclass(frozen=True, slots=True)
class ModelRates:
    """A model's price history; ``inference_geo`` False: its price is the same in every region."""

    rows: tuple[Row, ...]
    inference_geo: bool = True
    retires: datetime | None = None


@dataclass(frozen=True, slots=True)
class RateCard:
    """A model's list price at some time, in US dollars per million tokens of each kind it has a rate for.

    ``long_prompts`` is the card that replaces this one for prompts of more than its ``prompt_over`` tokens.
    """

    model: str
    usd_per_million: Mapping[str, Decimal]
    source: str
    since: datetime | None
    prompt_over: int = 0
    long_prompts: "RateCard | None" = None


def rate_card(model: str, rates: Rates, *, prompt_over: int = 0, long_prompts: RateCard | None = None) -> RateCard:
    tokens = ((unit, price) for unit, price in rates.usd.items() if BY_NAME[unit].is_tokens)
    per_million = {unit: price.scaleb(PER_MILLION) for unit, price in tokens}
    return RateCard(model, MappingProxyType(per_million), rates.source, rates.since, prompt_over, long_prompts)


def in_order(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Longest prompts first, newest first, as ``find_row`` wants them."""
    return tuple(sorted(rows, key=lambda row: (row.prompt_over, row.since), reverse=True))


def find_row(rows: Iterable[Row], at: datetime, speed: str = "standard", prompt: int = 0) -> Row | None:
    """Return the first row that holds then, at that speed, for a prompt of that many tokens."""
    for row in rows:
        if row.holds(at, speed) and (not row.prompt_over or prompt > row.prompt_over):
            return row
    return None
