"""Money, tokens and times as people read them."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation

import pandas as pd  # type: ignore[import-untyped]
from pandas.io.formats.style import Styler  # type: ignore[import-untyped]

from core.events import CostSoFar
from core.money import Nanos, exact_usd, nanos_from_usd, show_usd
from core.units import COUNTS, Usage

BASIS = {
    "computed": ("computed", "Every token was counted by the provider and has a known price."),
    "estimated": (
        "estimate",
        "Not all of it was reported, so what was seen is counted; its trace says at least if more is hidden.",
    ),
    "unpriced": (
        "no price known",
        "No price is known for this model or these terms, so the cost is unknown, not zero.",
    ),
}


NOTHING = "–"
"""In a table, where there is no value."""
LARGEST_NUMBER = 8_000_000
"""In dollars: up to here a browser's numbers keep all nine decimals."""


def seconds(milliseconds: int | None) -> str:
    if milliseconds is None:
        return NOTHING
    return f"{milliseconds} ms" if milliseconds < 1_000 else f"{milliseconds / 1_000:.1f} s"


def byte_size(count: int) -> str:
    """Write the size in thousands, as disks are sold."""
    for size, unit in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"


def money(total: Nanos | None, basis: str | None) -> str:
    """Write dollars for reading, as Markdown: an estimate says so, an unknown cost is never shown as a figure."""
    shown = show_usd(total).replace("$", r"\$")
    if total is None:
        return "cost unknown"
    return f"≈ {shown}" if basis == "estimated" else shown


def tokens(usage: Usage) -> str:
    """Return the prompt, how much of it came from the cache, and the answer."""
    parts = [f"{usage.prompt:,} in"]
    if usage.cache_read:
        parts.append(f"{usage.cache_read:,} cached")
    return " · ".join([*parts, f"{usage.output:,} out"])


def so_far(cost: CostSoFar | None) -> str:
    """Return the line beside an answer that is being written."""
    if cost is None:
        return "Waiting for the first token …"
    waited = cost.time_to_first_token_ms
    first = " · waiting for the first token …" if waited is None else f" · first token {seconds(waited)}"
    return f"**{money(cost.total, 'estimated')}** so far (estimate) · {tokens(cost.usage)}{first}"


def token_rows(usage: Usage) -> list[tuple[str, int]]:
    """Return every bucket that has something in it, under the name of its price."""
    return [(count.label, number) for count in COUNTS if (number := usage.of(count))]


def usd(nanos: Nanos | None) -> str:
    """Write exact dollars for a table, without their sign; an unknown amount is never a figure."""
    return "unknown" if nanos is None else exact_usd(nanos)


def same_length(amounts: Iterable[str]) -> list[str]:
    """Return a column of amounts, each with so many spaces before it that sorting them as text sorts them right."""
    amounts = list(amounts)
    longest = max(map(len, amounts), default=0)
    return [each and each.rjust(longest) for each in amounts]


def in_short(rows: Sequence[Mapping[str, object]], *columns: str) -> Styler:
    """Return a table whose amounts read short, two decimals from a dollar on, else four digits.

    What is opened, copied, sorted by or downloaded is the exact one, which the rows have. A browser copies a number as
    it is and a text as it is shown, so a column whose amounts are not all numbers shows them exactly.
    """
    table = pd.DataFrame(list(rows))
    shown = {column: _short if are_numbers(table[column]) else _whole for column in columns if column in table}
    return table.style.format(shown)


def are_numbers(amounts: Iterable[object]) -> bool:
    """Return whether a browser's numbers hold them all exactly; a blank one is none, but no hindrance."""
    return all(map(_is_number, amounts))


def _is_number(amount: object) -> bool:
    text = str(amount).strip()
    try:
        return not text or abs(Decimal(text)) <= LARGEST_NUMBER
    except InvalidOperation:
        return False


def _whole(cell: object) -> str:
    return str(cell).strip()


def _short(cell: object) -> str:
    try:
        nanos = nanos_from_usd(Decimal(str(cell).strip()))
    except InvalidOperation:
        return str(cell).strip()
    return show_usd(nanos).replace("$", "")


def exact(total: Nanos | None) -> str:
    """Return all nine decimals, as Markdown."""
    return "unknown" if total is None else rf"\${exact_usd(total)}"
