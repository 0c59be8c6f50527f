"""How long answers took: a table of percentiles."""

import streamlit as st

from core.analytics.choice import Choice
from core.analytics.costs import CostsView, Took
from core.analytics.rollups.histogram import ERROR_PER_MILLE, Histogram
from pages.parts.markdown import as_cell

_PERCENTS = (50, 95)


def draw_latencies(choice: Choice, view: CostsView) -> None:
    """In total, and for each group that the chart over time tells apart."""
    st.subheader("How long answers took", anchor=False)
    seconds = st.column_config.NumberColumn(format="%.2f s")
    counts = st.column_config.NumberColumn(format="localized")
    rows = [_row(took, choice.by.capitalize()) for took in view.latencies]
    st.dataframe(
        rows,
        hide_index=True,
        height="content",
        column_config={name: seconds if "p" in name.split()[-1] else counts for name in list(rows[0])[1:]},
    )
    st.caption(
        f"Counts are exact, percentiles within {ERROR_PER_MILLE / 10} %.",
        help="Each message counts once, for the agent and the model that it was sent to, however it ended; "
        "those still being answered are left out. One that failed before its first token has only a duration.",
    )


def _row(took: Took, group: str) -> dict[str, object]:
    return {
        group: as_cell(took.name),
        "Messages": took.latency.durations.count,
        **_percentiles("Duration", took.latency.durations),
        "With a first token": took.latency.first_tokens.count,
        **_percentiles("First token", took.latency.first_tokens),
    }


def _percentiles(name: str, histogram: Histogram) -> dict[str, float | None]:
    found = {f"{name} p{percent}": histogram.percentile(percent) for percent in _PERCENTS}
    return {label: None if value is None else value / 1_000 for label, value in found.items()}
