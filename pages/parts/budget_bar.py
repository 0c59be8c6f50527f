"""How full a budget is, as a bar."""

import altair as alt

from core.budgets.views import BudgetView
from pages.parts.budget_words import Fullness, fullness
from pages.parts.figures import usd

_COLORS: dict[Fullness, str] = {"room": "#0072b2", "little": "#e69f00", "none": "#cf3a2b"}
_PALE, _PALER, _TRACK = "b0", "70", "#8b93a340"
_HEIGHT = 14


def budget_bar(view: BudgetView) -> alt.LayerChart:
    """What is spent and, paler, what is held, on a track as long as the limit; a tick marks a limit that is passed."""
    taken, known = view.taken, view.spent + view.held_as_spent
    whole = max(taken, view.limit)
    edges = {
        "spent": (0, view.spent),
        "held as spent": (view.spent, known),
        "held": (known, taken),
        "left": (taken, whole),
    }
    parts = [
        {"part": part, "from": start / whole, "to": end / whole, "usd": usd(end - start)}
        for part, (start, end) in edges.items()
        if end > start
    ]
    color = _COLORS[fullness(view)]
    colors = [color, color + _PALE, color + _PALER, _TRACK]
    bar = (
        alt.Chart(alt.InlineData(values=parts))
        .mark_bar(height=_HEIGHT)
        .encode(
            x=alt.X("from:Q", scale=alt.Scale(domain=[0, 1], nice=False), axis=None),
            x2="to:Q",
            color=alt.Color("part:N", scale=alt.Scale(domain=list(edges), range=colors), legend=None),
            tooltip=[alt.Tooltip("part:N", title="part"), alt.Tooltip("usd:N", title="dollars")],
        )
    )
    passed = [{"limit": view.limit / whole}] if taken > view.limit else []
    tick = alt.Chart(alt.InlineData(values=passed)).mark_tick(thickness=2, size=_HEIGHT, color="white")
    return alt.LayerChart(layer=[bar, tick.encode(x="limit:Q")], height=_HEIGHT)
