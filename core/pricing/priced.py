"""What pricing a reply yields: ledger lines, their sum and how sure it is."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from core.events import CostBasis
from core.money import Nanos


@dataclass(frozen=True, slots=True)
class PricedLine:
    """One billed quantity; ``unit`` is the name of what it is of.

    ``unit_price_usd`` is the exact price of one of them with every modifier in it, ``amount`` the two multiplied and
    rounded once; both are None where no price is known. ``price_from`` is when that price took effect, in UTC.
    ``uncached`` is what tokens written to or read from the cache would have cost as plain input, None for others.
    """

    unit: str
    quantity: int
    unit_price_usd: Decimal | None
    amount: Nanos | None
    model: str
    source: str | None
    price_from: datetime | None
    uncached: Nanos | None = None


@dataclass(frozen=True, slots=True)
class Priced:
    """A reply's cost: ``total`` is the sum of the lines, or None if any of it has no known price.

    ``reason`` says in plain words why there is no price, why it is an estimate, or what is unusual about it.
    """

    total: Nanos | None
    lines: tuple[PricedLine, ...]
    basis: CostBasis
    reason: str | None


class NoPrice(Exception):
    """No price is known for something; the text says for what."""
