"""How long answers took: a table of percentiles."""

import streamlit as st

from core.analytics.choice import Choice
from core.analytics.costs import CostsView, Took
from core.analytics.rollups.histogram import ERROR_PER_MILLE
from pages.parts.figures import NOTHING
from pages.parts.markdown import as_cell

_PERCENTS = (50, 95)
_TIMES = ("Duration", "First token")
_COUNTS = ("Messages", "With a first token")


def draw_latencies(choice: Choice, view: CostsView) -> None:
    """Draw latencies in total, and for each group that the chart over time tells apart."""
    st.subheader("How long answers took", anchor=False)
    group = choice.by.capitalize()
    counts, seconds = (st.column_config.NumberColumn(format=format_) for format_ in ("localized", "%.2f s"))
    st.dataframe(
        [_row(took, group) for took in view.latencies],
        hide_index=True,
        placeholder=NOTHING,
        height="content",
        column_config={
            group: st.column_config.TextColumn(pinned=True),
            **dict.fromkeys(_COUNTS, counts),
            **dict.fromkeys((f"{name} p{percent}" for name in _TIMES for percent in _PERCENTS), seconds),
        },
    )
    st.caption(
        f"Counts are exact, percentiles within {ERROR_PER_MILLE / 10} %.",
        help="Each message counts once, for the agent that it was sent to and the model that answered (the one asked "
        "where that is not known), however it ended; those still being answered are left out. One that failed before "
        "its first token has only a duration.",
    )


def _row(took: Took, group: str) -> dict[str, object]:
    row: dict[str, object] = {group: as_cell(took.name)}
    for time, count, histogram in zip(
        _TIMES, _COUNTS, (took.latency.durations, took.latency.first_tokens), strict=True
    ):
        row[count] = histogram.count
        row |= {f"{time} p{percent}": _seconds(histogram.percentile(percent)) for percent in _PERCENTS}
    return row


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1_000
