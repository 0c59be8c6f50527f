"""Sums of spend as a table of text that a model can read and quote exactly."""

from collections.abc import Sequence

from core.analytics.spend import Spend, known
from core.money import exact_usd
from core.units import QUANTITIES, words_for

_MOST_ROWS = 100
_COLUMNS = (
    "of",
    "US dollars",
    "of them estimated",
    "model calls",
    "of them without a known price",
    *(words_for(measure) for measure in QUANTITIES),
)


def spend_table(rows: Sequence[tuple[str, Spend]]) -> str:
    """A line each, those beyond the first hundred as one, and a line for the total."""
    total = _added_up(rows)
    rest = rows[_MOST_ROWS:]
    shown = [*rows[:_MOST_ROWS], *([(f"{len(rest)} others", _added_up(rest))] if rest else [])]
    lines = [_COLUMNS, *(_cells(*row) for row in [*shown, ("total", total)])]
    table = "\n".join(" | ".join(cells) for cells in lines)
    if not total.unpriced_calls:
        return table
    return f"{table}\nCalls without a known price cost something too; the dollars leave them out."


def _added_up(rows: Sequence[tuple[str, Spend]]) -> Spend:
    return sum((spend for _, spend in rows), Spend())


def _cells(name: str, spend: Spend) -> tuple[str, ...]:
    counts = (spend.calls, spend.unpriced_calls, *spend.quantities)
    spent = known(spend)
    dollars = "unknown" if spent is None else exact_usd(spent)
    one_line = " ".join(name.replace("|", "/").split())
    return (one_line, dollars, exact_usd(spend.estimated), *map(str, counts))
