"""A budget on its page: whose, for when, and how full; and what can be done with it."""

from collections.abc import Callable, Sequence
from zoneinfo import ZoneInfo

import altair as alt
import streamlit as st

from core.budgets.views import BudgetView
from core.chat.budget_room import rooms
from core.clock import now
from core.registry.agents import AgentView
from core.wiring import Services
from pages.parts.budget_words import (
    Fullness,
    badge,
    beyond,
    consequence,
    costs_address,
    exact_sums,
    fullness,
    money_counted,
    no_room,
    overrun,
    percent,
    period_name,
    refusals,
    refused_from,
    subject,
    sums,
    unpriced,
)
from pages.parts.confirm import confirm
from pages.parts.figures import usd
from pages.parts.markdown import as_text

_ICONS = {"organisation": ":material/domain:", "person": ":material/person:", "agent": ":material/smart_toy:"}


def draw_budget(
    services: Services, view: BudgetView, agents: Sequence[AgentView], change: Callable[[BudgetView], None] | None
) -> None:
    """``agents`` are those it may refuse; ``change`` opens what changes it, None for those who only look."""
    zone = ZoneInfo(services.settings.time_zone)
    with st.container(border=True, gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.subheader(f"{_ICONS[view.scope]} {as_text(subject(view))}", anchor=False, width="stretch")
            st.markdown(f"{badge(view)} {_kind(view)}", width="content")
        clocks = "" if view.time_zone == zone.key else f" on the clocks of {view.time_zone}"
        st.caption(f"{period_name(view)}{clocks} · {money_counted(view)}")
        st.altair_chart(budget_bar(view), key=f"bar-{view.id}", alt=f"{percent(view):,} % of the limit")
        st.markdown(sums(view), help=exact_sums(view))
        found = rooms(view, agents, services.bounds, services.provider, now())
        for notice in filter(None, (consequence(view), *no_room(found), unpriced(view), overrun(view, found))):
            st.markdown(f":orange[:material/warning: {notice}]")
        if ahead := refused_from(found):
            st.caption(ahead, help="Once so much is spent or held, a message to it is refused.")
        for line in beyond(view, found):
            st.caption(line)
        if view.refusals:
            _draw_refusals(view)
        with st.container(horizontal=True, vertical_alignment="center"):
            if change is not None:
                _draw_steps(services, view, change)
            st.page_link(
                "pages/costs.py",
                label="Its costs",
                icon=":material/payments:",
                query_params=costs_address(view, zone),
            )


def _draw_refusals(view: BudgetView) -> None:
    times = sum(each.refused for each in view.refusals)
    with st.expander(f"Refused {times:,} time{'' if times == 1 else 's'}", icon=":material/block:"):
        for line in refusals(view):
            st.markdown(line)


def _kind(view: BudgetView) -> str:
    if view.blocks:
        return ":blue-badge[:material/front_hand: blocks]"
    return ":gray-badge[:material/notifications: warns only]"


def _draw_steps(services: Services, view: BudgetView, change: Callable[[BudgetView], None]) -> None:
    if st.button("Change", key=f"change-{view.id}", icon=":material/edit:"):
        change(view)
    confirm(
        "End",
        "It limits nothing any more, at once. What was spent stays in the books.",
        "End it",
        lambda: services.budgets.end(services.me, view.id),
        key=f"end-{view.id}",
        icon=":material/event_busy:",
    )


_COLORS: dict[Fullness, str] = {"room": "#0072b2", "little": "#e69f00", "none": "#cf3a2b"}
_PALE, _PALER, _TRACK = "b0", "70", "#8b93a340"
_HEIGHT = 14


def budget_bar(view: BudgetView) -> alt.LayerChart:
    """Draw what is spent and, paler, held, on a track as long as the limit; a tick marks a limit that is passed."""
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
