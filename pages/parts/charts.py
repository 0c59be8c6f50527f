"""Charts of spend: few points, colours that the colour-blind tell apart, readable in light and dark."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

import altair as alt
import streamlit as st

from core.analytics import calendar
from core.analytics.costs import OTHERS, HourOfWeek, Step
from core.analytics.spend import Billed, known
from core.money import Nanos
from pages.parts.figures import usd
from pages.parts.markdown import as_cell

PALETTE = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8f7fe8", "#a39b2f")
REST = "#8b93a3"
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
PICKED = "picked"
_LABELS: dict[calendar.Step, str] = {"hour": "%b %-d %H:%M", "day": "%a %b %-d", "week": "%b %-d", "month": "%b %Y"}
_DAYS_WITH_NAMES = 14
_LEGEND_COLUMNS = alt.ExprRef("max(2, floor(width / 175))")
_COLD_TO_HOT = {"light": ["#eef2fb", "#2f5bd7"], "dark": ["#1b202b", "#8fabff"]}


def step_labels(begins: Sequence[datetime], step: calendar.Step) -> list[str]:
    """Return one label for each step, all different, also where clocks show an hour twice."""
    labels: list[str] = []
    for at in begins:
        label = at.strftime(_LABELS[step])
        labels.append(label if label not in labels[-2:] else f"{label} again")
    return labels


def groups_of(steps: Sequence[Step]) -> dict[str, str]:
    """Return labels by id of those that anything was spent on, most first, all others last, no two alike."""
    spent, names = Counter[str](), {each.id: each.name for each in steps}
    for each in steps:
        spent[each.id] += each.spend
    ids = sorted((id_ for id_ in spent if spent[id_]), key=lambda id_: (id_ == OTHERS, -spent[id_]))
    often = Counter(names[id_] for id_ in ids)
    return {id_: names[id_] if often[names[id_]] == 1 else f"{names[id_]} ({id_[-6:] or '-'})" for id_ in ids}


def spend_over_time(steps: Sequence[Step], begins: Sequence[datetime], step: calendar.Step, zone: str) -> alt.Chart:
    """Bars stacked by group, the largest at the bottom; a click picks the group's id under PICKED."""
    labels, groups = step_labels(begins, step), groups_of(steps)
    label_of = dict(zip(begins, labels, strict=True))
    places = {id_: place for place, id_ in enumerate(groups)}
    rows = [
        {
            "step": label_of[each.begins],
            "group": as_cell(groups[each.id]),
            "id": each.id,
            "place": places[each.id],
            "usd": _dollars(each.spend),
            "spend": _exactly(each),
            "calls": each.calls,
        }
        for each in steps
        if each.id in groups and each.spend
    ]
    picked = alt.selection_point(name=PICKED, fields=["id"], on="click", clear="dblclick")
    chart: alt.Chart = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_bar(cursor="pointer")
        .encode(
            x=alt.X(
                "step:O",
                sort=labels,
                scale=alt.Scale(domain=labels),
                axis=_time_axis(f"Each {step} in {zone}", short=step == "day" and len(begins) > _DAYS_WITH_NAMES),
            ),
            y=alt.Y("usd:Q", axis=alt.Axis(title="US dollars", format="$,.4~r", tickCount=5)),
            color=alt.Color(
                "group:N",
                scale=alt.Scale(domain=[*map(as_cell, groups.values())], range=_colours(groups)),
                legend=alt.Legend(title=None, orient="bottom", columns=_LEGEND_COLUMNS, labelLimit=150, offset=4),
            ),
            order=alt.Order("place:Q"),
            tooltip=[
                alt.Tooltip("group:N", title="of"),
                alt.Tooltip("step:O", title=step),
                alt.Tooltip("spend:N", title="spend"),
                alt.Tooltip("calls:Q", title="calls", format=","),
            ],
        )
        .add_params(picked)
        .properties(height=360)
    )
    return chart


def hours_of_week(cells: Sequence[HourOfWeek], zone: str) -> alt.Chart:
    dearest = max(_dollars(cell.spend) for cell in cells)
    rows = [
        {
            "day": WEEKDAYS[cell.weekday],
            "hour": f"{cell.hour:02}",
            "usd": _dollars(cell.spend),
            "spend": _exactly(cell),
            "calls": cell.calls,
        }
        for cell in cells
    ]
    chart: alt.Chart = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_rect(cornerRadius=2)
        .encode(
            x=alt.X("hour:O", axis=alt.Axis(title=f"Hour in {zone}", labelAngle=0, ticks=False)),
            y=alt.Y("day:O", sort=list(WEEKDAYS), axis=alt.Axis(title=None, ticks=False, labelOverlap=False)),
            color=alt.Color(
                "usd:Q",
                scale=alt.Scale(range=_COLD_TO_HOT[_theme()], domain=[0, dearest or 1]),
                legend=alt.Legend(title="US dollars", orient="bottom", format="$,.3~r", gradientLength=180),
            ),
            tooltip=[
                alt.Tooltip("day:O", title="day"),
                alt.Tooltip("hour:O", title="hour"),
                alt.Tooltip("spend:N", title="spend"),
                alt.Tooltip("calls:Q", title="calls", format=","),
            ],
        )
        .properties(height=340)
    )
    return chart


def _time_axis(title: str, *, short: bool) -> alt.Axis:
    """Short: a day without its weekday, which it still has wherever it is told in full."""
    shown = "slice(datum.label, 4)" if short else "datum.label"
    return alt.Axis(title=title, labelAngle=0, labelOverlap="greedy", ticks=False, labelExpr=shown)


def _colours(ids: Iterable[str]) -> list[str]:
    return [REST if id_ == OTHERS else PALETTE[place % len(PALETTE)] for place, id_ in enumerate(ids)]


def _exactly(sums: Billed) -> str:
    spent = known(sums)
    return usd(spent) if spent is None else f"${usd(spent)}"


def _dollars(nanos: Nanos) -> float:
    """Return dollars for the length of a bar alone: what is read is exact."""
    return nanos / 1e9


def _theme() -> str:
    return "dark" if st.context.theme.type == "dark" else "light"
