"""When a trace did what: its steps below each other on one axis of time, as a tree."""

from collections.abc import Iterator

import altair as alt

from core.analytics.trace_detail import Phase, TraceDetail
from core.analytics.trace_row import TraceRow
from core.analytics.trace_tree import SessionRow
from pages.parts.figures import seconds
from pages.parts.trace_labels import labels_of

# Told apart by the colour-blind, and on a light ground as well as on a dark one.
PHASES: dict[Phase, str] = {
    "queue": "#8b93a3",
    "first token": "#e69f00",
    "streaming": "#0072b2",
    "waiting for approval": "#b35900",
    "tool": "#56b4e9",
}
MOST_ROWS = 60
"""So many are drawn at most; the tables have them all."""
_WHOLE = "whole"
_WHOLE_COLOUR = "#8b93a34d"
_AROUND, _LONGEST = 110, 640
_HIGHEST_ROW, _LOWEST_ROW = 30, 18
_NARROWEST_NAME, _WIDEST_NAME, _LETTER = 120, 160, 7
_VISIBLE = 0.003
"""The part of the axis that a bar takes at least."""


def waterfall(detail: TraceDetail) -> alt.LayerChart | alt.FacetChart | None:
    """Return the chart; None while there is nothing to draw yet."""
    names = _as_tree(detail)
    rows = list(_rows(detail, names))
    if not rows:
        return None
    labels, row_height = list(names.values()), _row_height(len(names))
    bars = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X("start:Q", axis=alt.Axis(title="Seconds since it was sent", format="~r", tickCount=6)),
        x2="end:Q",
        y=alt.Y("step:O", sort=labels, scale=alt.Scale(domain=labels), axis=_axis(labels)),
        tooltip=[alt.Tooltip("step:N"), alt.Tooltip("phase:N"), alt.Tooltip("from:N"), alt.Tooltip("took:N")],
    )
    whole = bars.transform_filter(f"datum.phase == '{_WHOLE}'").mark_bar(
        height=row_height // 5, cornerRadius=3, color=_WHOLE_COLOUR
    )
    phases = bars.transform_filter(f"datum.phase != '{_WHOLE}'").mark_bar(
        height=row_height * 16 // 30, cornerRadius=2, minBandSize=2
    )
    chart = alt.layer(whole, phases.encode(color=_colour(rows)))
    return chart.properties(height=row_height * len(labels) + _AROUND)


def _as_tree(detail: TraceDetail) -> dict[str, str]:
    """Return the names of the rows with branches in front, as a chart's axis takes no indentation."""
    depths = {place.of.id: place.depth for place in detail.tree}
    shown = list(labels_of(detail).items())[:MOST_ROWS]
    return {each: f"{_branch(depths[each])}{name}" if each in depths else name for each, name in shown}


def _branch(depth: int) -> str:
    return f"└{'─' * (depth - 1)} "


def _row_height(rows: int) -> int:
    return max(_LOWEST_ROW, min(_HIGHEST_ROW, _LONGEST // rows))


def _axis(labels: list[str]) -> alt.Axis:
    width = min(max(_LETTER * max(map(len, labels)), _NARROWEST_NAME), _WIDEST_NAME)
    return alt.Axis(
        title=None,
        labelAlign="left",
        labelPadding=width,
        labelLimit=width - 8,
        labelOverlap=False,
        ticks=False,
        domain=False,
    )


def _colour(rows: list[dict[str, object]]) -> alt.Color:
    """Colour the phases, with a legend of those that occur."""
    present = {row["phase"] for row in rows}
    phases = {phase: colour for phase, colour in PHASES.items() if phase in present}
    columns = 3 if len(phases) <= 3 else 2
    return alt.Color(
        "phase:N",
        scale=alt.Scale(domain=list(phases), range=list(phases.values())),
        legend=alt.Legend(title=None, orient="top", labelFontSize=11, symbolSize=70, columnPadding=8, columns=columns),
    )


def _rows(detail: TraceDetail, names: dict[str, str]) -> Iterator[dict[str, object]]:
    sent_at = detail.trace.started_at
    wholes: list[TraceRow | SessionRow] = [detail.trace, *detail.sessions]
    for whole in wholes:
        if whole.id in names and whole.duration_ms is not None:
            start = round((whole.started_at - sent_at).total_seconds() * 1_000)
            yield _row(names[whole.id], _WHOLE, start, whole.duration_ms)
    stretches = detail.stretches()
    shortest = _VISIBLE * max((each.end for each in stretches), default=0)
    for each in stretches:
        if each.span_id in names:
            least = shortest if each.phase == "tool" else 0
            yield _row(names[each.span_id], each.phase, each.start, each.end - each.start, least)


def _row(label: str, phase: str, start: int, took: int, least: float = 0) -> dict[str, object]:
    return {
        "step": label,
        "phase": phase,
        "start": start / 1_000,
        "end": (start + max(took, least)) / 1_000,
        "from": seconds(start),
        "took": seconds(took),
    }
