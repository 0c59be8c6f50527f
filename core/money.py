"""Money: whole nano-dollars (1 USD = 10^9) everywhere, decimal text only at the edges."""

from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import TypeAlias

Nanos: TypeAlias = int

NANOS_PER_USD = 10**9
_PRECISION = 60


def nanos_from_usd(usd: Decimal) -> Nanos:
    """Round once, half to even, to the nearest nano-dollar."""
    with localcontext() as context:
        context.prec = _PRECISION
        return int((usd * NANOS_PER_USD).quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


def usd_from_nanos(nanos: Nanos) -> Decimal:
    """The exact dollars: nine decimals, never a float."""
    return Decimal(nanos).scaleb(-9)


def exact_usd(nanos: Nanos) -> str:
    """Plain decimal dollars without exponent or sign of currency, as files carry them: ``0.000000110``."""
    return f"{usd_from_nanos(nanos):.9f}"


def show_usd(nanos: Nanos | None) -> str:
    """Dollars for reading: two decimals from a dollar up, else four significant ones; unknown is never zero."""
    if nanos is None:
        return "unknown"
    sign, size = ("-" if nanos < 0 else ""), abs(nanos)
    if size >= NANOS_PER_USD or size == 0:
        return f"{sign}${usd_from_nanos(size):,.2f}"
    usd = usd_from_nanos(size)
    digits = min(9, 3 - usd.adjusted())
    return f"{sign}${usd:.{digits}f}"
