"""Costs: what was spent, on whom and when, exact to the nano-dollar."""

from zoneinfo import ZoneInfo

import streamlit as st

from core.analytics.choice import Choice
from core.analytics.costs import CostsView
from core.clock import now
from core.wiring import Services
from pages.parts.charts import hours_of_week
from pages.parts.cost_figures import draw_certainty, draw_headline, draw_month
from pages.parts.cost_groups import draw_steps, draw_top
from pages.parts.demo_month import draw_label, draw_offer
from pages.parts.export_buttons import draw_exports
from pages.parts.filter_bar import draw_filters
from pages.parts.frame import page
from pages.parts.latency_table import draw_latencies


def draw(services: Services, choice: Choice, view: CostsView) -> None:
    zone = ZoneInfo(services.settings.time_zone)
    draw_headline(view)
    draw_certainty(choice, view, zone, services.costs.accuracy() if view.total.estimated else None)
    draw_month(choice, view)
    draw_steps(choice, view, zone)
    draw_details(choice, view, zone)
    draw_latencies(choice, view)


def draw_details(choice: Choice, view: CostsView, zone: ZoneInfo) -> None:
    """Two by two; below each other on a phone."""
    agents, models = st.columns(2)
    people, week = st.columns(2)
    with agents:
        draw_top(choice, view, "agent", zone)
    with models:
        draw_top(choice, view, "model", zone)
    with people:
        draw_top(choice, view, "person", zone)
    with week:
        st.subheader("Hours of the week", anchor=False)
        st.altair_chart(hours_of_week(view.week, choice.zone.key), alt="Spend by weekday and hour")


def main() -> None:
    st.set_page_config(layout="wide")
    exact = "exact to the nano-dollar."
    with page("Costs", f"What was spent, {exact}", own=f"What you spent, {exact}", knows=None) as services:
        draw_label(services)
        names = services.costs.names(services.me)
        choice = draw_filters(services, names, "costs", lambda choice: draw_exports(services, choice))
        view = services.costs.view(services.me, choice, names, now())
        if view.total.calls == 0:
            draw_nothing(choice)
            draw_offer(services)
        else:
            draw(services, choice, view)


def draw_nothing(choice: Choice) -> None:
    days = f"from {choice.first} to {choice.last} ({choice.zone.key})"
    st.info(f"Nothing matching was spent {days}. Choose other days or fewer filters.", icon=":material/savings:")


main()
