"""Money: whole nano-dollars (1 USD = 10^9) everywhere, decimal text only at the edges."""

import re
from decimal import Context, Decimal
from typing import TypeAlias

Nanos: TypeAlias = int

NANOS_PER_USD = 10**9
_FOUR_DIGITS = Context(prec=4)
_TYPED = re.compile(r"\$?\s*([0-9]{1,10}(?:\.[0-9]{0,9})?|\.[0-9]{1,9})")


def nanos_from_usd(usd: Decimal) -> Nanos:
    """Round once, half to even, to the nearest nano-dollar; exact whatever the decimal context."""
    numerator, denominator = usd.as_integer_ratio()
    nanos, remainder = divmod(numerator * NANOS_PER_USD, denominator)
    twice = 2 * remainder
    return nanos + (twice > denominator or (twice == denominator and nanos % 2 == 1))


def nanos_typed(text: str) -> Nanos | None:
    """Read dollars as a person types them, exactly: ``0.25``, ``$ 3``. None if that is no amount.

    A comma is none: where some write thousands with it, others write cents.
    """
    found = _TYPED.fullmatch(text.strip())
    return None if found is None else nanos_from_usd(Decimal(found[1]))


def usd_from_nanos(nanos: Nanos) -> Decimal:
    """Return the exact dollars: nine decimals, never a float."""
    return Decimal(nanos).scaleb(-9)


def exact_usd(nanos: Nanos) -> str:
    """Plain decimal dollars without exponent or sign of currency, as files carry them: ``0.000000110``."""
    return f"{usd_from_nanos(nanos):.9f}"


def short_usd(nanos: Nanos) -> str:
    """Return the same without zeros at its end, as a person types it: ``0.25``."""
    return exact_usd(nanos).rstrip("0").rstrip(".")


def show_usd(nanos: Nanos | None) -> str:
    """Write dollars for reading: two decimals from a dollar up, else four significant ones; unknown is never zero."""
    if nanos is None:
        return "unknown"
    sign, size = ("-" if nanos < 0 else ""), abs(nanos)
    short = _FOUR_DIGITS.plus(usd_from_nanos(size))
    if size == 0 or short >= 1:
        return f"{sign}${usd_from_nanos(size):,.2f}"
    return f"{sign}${short:.{min(9, 3 - short.adjusted())}f}"


def why_no_amount(text: str) -> str:
    """Say, after the name of what was typed, what is wrong with what ``nanos_typed`` does not take."""
    typed = text.strip()
    shown = f"is “{typed[:40]}{'…' if len(typed) > 40 else ''}”"
    number = typed.removeprefix("$").strip()
    whole, _, decimals = number.partition(".")
    enter = "Enter dollars such as 250 or 0.25"
    if not number:
        return f"is empty. {enter}."
    if number.startswith(("-", "−")):
        return f"{shown}, below zero. {enter}."
    if "," in number and _TYPED.fullmatch(number.replace(",", "")):
        return f"{shown}. {enter}, without a comma: some write thousands with it, others cents."
    if not (whole + decimals).isdecimal() or not number.isascii():
        return f"{shown}, which is no amount. {enter}: digits and a point."
    if len(decimals) > 9:
        return f"{shown}, with {len(decimals)} digits after the point. Round it: nine are the most that are counted."
    return f"{shown}, which is too large. Enter at most {10**10 - 1} dollars."
