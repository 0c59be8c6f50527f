"""Who and what the spend was for: over time, and the top of each kind. A click filters."""

from zoneinfo import ZoneInfo

import streamlit as st

from core.analytics.choice import DIMENSIONS, Choice
from core.analytics.costs import OTHERS, CostsView, Group, Step
from core.analytics.rollups.question import Dimension
from core.money import exact_usd
from pages.parts.charts import PICKED, groups_of, spend_over_time, step_labels
from pages.parts.filter_bar import choose, toggle
from pages.parts.markdown import as_cell

PLURAL: dict[Dimension, str] = {"agent": "Agents", "model": "Models", "person": "People"}
_BY = "costs-by"
_ROWS_WITHOUT_SCROLLING = 8


def draw_steps(choice: Choice, view: CostsView, default_zone: ZoneInfo) -> None:
    """Spend over time, stacked by what the reader picks."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("Spend over time", anchor=False, width="content")
        st.session_state[_BY] = choice.by
        st.segmented_control(
            "Stacked by",
            DIMENSIONS,
            key=_BY,
            required=True,
            format_func=lambda by: f"By {by}",
            label_visibility="collapsed",
            on_change=lambda: choose(choice.stacked(st.session_state[_BY]), default_zone),
        )
    begins = [at for at, _ in view.course]
    key = f"costs-steps-{hash(choice)}"
    st.altair_chart(
        spend_over_time(view.steps, begins, choice.range.step, choice.zone.key),
        key=key,
        on_select=lambda: _take_mark(choice, default_zone, key),
        selection_mode=PICKED,
        alt="Spend over time; click a bar to filter by it",
    )
    with st.expander("As a table", icon=":material/table:"):
        st.caption(f"US dollars, exact; each {choice.range.step} begins as clocks show it in {choice.zone.key}.")
        st.dataframe(_as_table(view, choice), hide_index=True)


def _take_mark(choice: Choice, default_zone: ZoneInfo, key: str) -> None:
    picked = st.session_state[key]["selection"].get(PICKED) or [{}]
    id_ = picked[0].get("id", OTHERS)
    if id_ != OTHERS:
        choose(toggle(choice, choice.by, (id_,)), default_zone)


def _as_table(view: CostsView, choice: Choice) -> list[dict[str, str]]:
    begins = [at for at, _ in view.course]
    names = groups_of(view.steps)
    cells: dict[tuple[object, str], Step] = {(step.begins, step.name): step for step in view.steps}
    return [
        {
            choice.range.step.capitalize(): label,
            "Total": exact_usd(sums.spend),
            **{as_cell(name): exact_usd(cells[at, name].spend) if (at, name) in cells else "" for name in names},
        }
        for label, (at, sums) in zip(step_labels(begins, choice.range.step), view.course, strict=True)
    ]


def draw_tops(choice: Choice, view: CostsView, default_zone: ZoneInfo) -> None:
    """Three lists side by side; a click on a row filters by it, or takes that filter away again."""
    for dimension, column in zip(DIMENSIONS, st.columns(3), strict=True):
        with column:
            st.subheader(PLURAL[dimension], anchor=False)
            _draw_top(choice, view.tops[dimension], dimension, default_zone)


def _draw_top(choice: Choice, groups: list[Group], dimension: Dimension, default_zone: ZoneInfo) -> None:
    whole = sum(group.spend for group in groups)
    key = f"costs-top-{dimension}-{hash(choice)}"

    def take() -> None:
        rows = st.session_state[key]["selection"]["rows"]
        if rows:
            choose(toggle(choice, dimension, (groups[rows[0]].id,)), default_zone)

    st.dataframe(
        [_row(group, whole) for group in groups],
        key=key,
        hide_index=True,
        height="content" if len(groups) <= _ROWS_WITHOUT_SCROLLING else 320,
        on_select=take,
        selection_mode="single-row",
        column_config={
            "Name": st.column_config.TextColumn(width=128),
            "USD": st.column_config.TextColumn(width=112, alignment="right"),
            "Share": st.column_config.NumberColumn(width=58, format="percent"),
            "Calls": st.column_config.NumberColumn(width=65, format="localized"),
        },
    )


def _row(group: Group, whole: int) -> dict[str, object]:
    return {
        "Name": as_cell(group.name),
        "USD": exact_usd(group.spend),
        "Share": group.spend / whole if whole > 0 else 0.0,
        "Calls": group.calls,
    }
