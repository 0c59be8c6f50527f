"""Who and what the spend was for: over time, and the top of each kind. A click filters."""

from zoneinfo import ZoneInfo

import streamlit as st

from core.analytics.choice import DIMENSIONS, Choice
from core.analytics.costs import OTHERS, CostsView, Group, Step
from core.analytics.rollups.question import Dimension
from core.analytics.spend import known
from pages.parts.amount_column import amount_column
from pages.parts.charts import PICKED, groups_of, spend_over_time, step_labels
from pages.parts.figures import NOTHING, in_short, same_length, usd
from pages.parts.filter_bar import choose, toggle
from pages.parts.markdown import as_cell

PLURAL: dict[Dimension, str] = {"agent": "Agents", "model": "Models", "person": "People"}
_BY = "costs-by"
_ROWS_WITHOUT_SCROLLING = 8
_EXACTLY = "Open a cell or download the table for all nine decimals."
_TOP_COLUMNS = {
    "Name": st.column_config.TextColumn(width=160),
    "Share": st.column_config.NumberColumn(format="percent"),
    "Change": st.column_config.NumberColumn(
        format="%+.1f %%", help="Against as many days just before; empty if nothing was spent then."
    ),
    "Calls": st.column_config.NumberColumn(format="localized"),
    "Unpriced": st.column_config.NumberColumn(
        format="localized", help="Calls without a known price, which are in no sum."
    ),
}


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
    if groups_of(view.steps):
        _draw_chart(choice, view, default_zone)
    else:
        st.info("None of it has a known cost, so there are no bars.", icon=":material/help:")
    _draw_table(choice, view, default_zone)


def _draw_chart(choice: Choice, view: CostsView, default_zone: ZoneInfo) -> None:
    key = f"costs-steps-{hash(choice)}"
    st.altair_chart(
        spend_over_time(view.steps, [at for at, _ in view.course], choice.range.step, choice.zone.key),
        key=key,
        on_select=lambda: _take_mark(choice, default_zone, key),
        selection_mode=PICKED,
        alt="Spend over time; click a bar to filter by it",
    )


def _draw_table(choice: Choice, view: CostsView, default_zone: ZoneInfo) -> None:
    """Draw the table; of several days each row leads to its own."""
    step, several = choice.range.step, choice.range.days > 1
    key = f"costs-table-{hash(choice)}"

    def take() -> None:
        rows = st.session_state[key]["selection"]["rows"]
        if rows:
            choose(choice.with_days(*choice.range.days_in(rows[0])), default_zone)

    label = f"Each {step} as a table{'; tick one to look into it' if several else ''}"
    with st.expander(label, icon=":material/table:"):
        st.caption(f"US dollars. {_EXACTLY} Each {step} begins as clocks show it in {choice.zone.key}.")
        table = _as_table(view, choice)
        amounts = [*table[0]][1:]
        st.dataframe(
            in_short(table, *amounts),
            key=key,
            hide_index=True,
            on_select=take if several else "ignore",
            selection_mode="single-row",
            column_config={name: amount_column([row[name] for row in table]) for name in amounts},
            placeholder="",
        )


def _take_mark(choice: Choice, default_zone: ZoneInfo, key: str) -> None:
    picked = st.session_state[key]["selection"].get(PICKED) or [{}]
    id_ = picked[0].get("id", OTHERS)
    if id_ != OTHERS:
        choose(toggle(choice, choice.by, (id_,)), default_zone)


def _as_table(view: CostsView, choice: Choice) -> list[dict[str, str]]:
    """Make cells whose amounts have the same length, so that sorting them as text sorts them right."""
    begins = [at for at, _ in view.course]
    cells: dict[tuple[object, str], Step] = {(step.begins, step.id): step for step in view.steps}
    columns = {
        choice.range.step.capitalize(): step_labels(begins, choice.range.step),
        "Total": same_length(usd(known(sums)) for _, sums in view.course),
    }
    for id_, label in groups_of(view.steps).items():
        of_group = (cells.get((at, id_)) for at in begins)
        columns[as_cell(label)] = same_length("" if cell is None else usd(known(cell)) for cell in of_group)
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def draw_top(choice: Choice, view: CostsView, dimension: Dimension, default_zone: ZoneInfo) -> None:
    """Draw the dearest; a click on a row filters by it, or takes that filter away again."""
    st.subheader(PLURAL[dimension], anchor=False)
    groups = view.tops[dimension]
    key = f"costs-top-{dimension}-{hash(choice)}"

    def take() -> None:
        ticked = st.session_state[key]["selection"]["rows"]
        if ticked:
            choose(toggle(choice, dimension, (groups[ticked[0]].id,)), default_zone)

    rows = _top_rows(groups, compared=view.before.calls > 0)
    st.dataframe(
        in_short(rows, "USD"),
        key=key,
        hide_index=True,
        height="content" if len(groups) <= _ROWS_WITHOUT_SCROLLING else 320,
        on_select=take,
        selection_mode="single-row",
        column_config={**_TOP_COLUMNS, "USD": amount_column([row["USD"] for row in rows])},
        placeholder=NOTHING,
    )


def _top_rows(groups: list[Group], *, compared: bool) -> list[dict[str, object]]:
    """What is the same for all of them is left out."""
    whole = sum(group.spend for group in groups)
    unpriced = any(group.unpriced_calls for group in groups)
    amounts = same_length(usd(known(group)) for group in groups)
    return [
        {
            "Name": as_cell(group.name),
            "USD": amount,
            **({"Share": None if known(group) is None else group.spend / whole} if whole > 0 else {}),
            **({"Change": _change(group)} if compared else {}),
            **({"Unpriced": group.unpriced_calls} if unpriced else {}),
            "Calls": group.calls,
        }
        for group, amount in zip(groups, amounts, strict=True)
    ]


def _change(group: Group) -> float | None:
    """Write the change in per cent of what was spent before; only for reading."""
    spent = known(group)
    return None if spent is None or group.before <= 0 else (spent - group.before) * 100 / group.before
