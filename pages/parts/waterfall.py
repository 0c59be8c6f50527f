"""When a trace did what: its steps below each other on one axis of time, as a tree."""

import altair as alt

from core.analytics.trace_detail import SessionRow, TraceDetail
from core.analytics.trace_row import TraceRow
from pages.parts.figures import seconds

# Told apart by the colour-blind, and on a light ground as well as on a dark one.
PHASES = {"queue": "#8b93a3", "first token": "#e69f00", "streaming": "#0072b2"}
_WHOLE = "whole"
_WHOLE_COLOUR = "#8b93a34d"
_ROW_HEIGHT, _AROUND, _NAME = 30, 110, 120


def labels_of(detail: TraceDetail) -> dict[str, str]:
    """A name for the trace, each session and each span by id, all different."""
    labels = {detail.trace.id: "Request"}
    several = len(detail.sessions) > 1
    for place, session in enumerate(detail.sessions, 1):
        labels[session.id] = f"{session.agent_name}{f' ({place})' if several else ''}"
        for span in session.spans:
            labels[span.id] = f"Attempt {span.attempt}{f' ({place})' if several else ''}"
    return labels


def _as_tree(detail: TraceDetail) -> dict[str, str]:
    """The names with branches in front, as a chart's axis takes no indentation."""
    spans = {span.id for span in detail.spans}
    return {
        each: name if each == detail.trace.id else f"{'└─' if each in spans else '└'} {name}"
        for each, name in labels_of(detail).items()
    }


def waterfall(detail: TraceDetail) -> alt.LayerChart | alt.FacetChart | None:
    """None while there is nothing to draw yet."""
    rows = _rows(detail)
    if not rows:
        return None
    labels = list(_as_tree(detail).values())
    bars = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X("start:Q", axis=alt.Axis(title="Seconds since it was sent", format="~r", tickCount=6)),
        x2="end:Q",
        y=alt.Y("step:O", sort=labels, scale=alt.Scale(domain=labels), axis=_NAMES),
        tooltip=[alt.Tooltip("step:N"), alt.Tooltip("phase:N"), alt.Tooltip("from:N"), alt.Tooltip("took:N")],
    )
    whole = bars.transform_filter(f"datum.phase == '{_WHOLE}'").mark_bar(height=6, cornerRadius=3, color=_WHOLE_COLOUR)
    colour = alt.Color(
        "phase:N",
        scale=alt.Scale(domain=list(PHASES), range=list(PHASES.values())),
        legend=alt.Legend(title=None, orient="top", labelFontSize=11, symbolSize=70, columnPadding=8),
    )
    phases = bars.transform_filter(f"datum.phase != '{_WHOLE}'").mark_bar(height=16, cornerRadius=2, minBandSize=2)
    return alt.layer(whole, phases.encode(color=colour)).properties(height=height_of(len(labels)))


def height_of(rows: int) -> int:
    """In pixels, with the legend above the rows and the axis below them."""
    return _ROW_HEIGHT * rows + _AROUND


_NAMES = alt.Axis(
    title=None,
    labelAlign="left",
    labelPadding=_NAME,
    labelLimit=_NAME - 8,
    labelOverlap=False,
    ticks=False,
    domain=False,
)


def _rows(detail: TraceDetail) -> list[dict[str, object]]:
    labels, sent_at = _as_tree(detail), detail.trace.started_at
    wholes: list[TraceRow | SessionRow] = [detail.trace, *detail.sessions]
    rows = [
        _row(labels[whole.id], _WHOLE, round((whole.started_at - sent_at).total_seconds() * 1_000), whole.duration_ms)
        for whole in wholes
        if whole.duration_ms is not None
    ]
    parts = [_row(labels[each.span_id], each.phase, each.start, each.end - each.start) for each in detail.stretches()]
    return rows + parts


def _row(label: str, phase: str, start: int, took: int) -> dict[str, object]:
    return {
        "step": label,
        "phase": phase,
        "start": start / 1_000,
        "end": (start + took) / 1_000,
        "from": seconds(start),
        "took": seconds(took),
    }
