"""Budgets: limits on what may be spent, how full they are, and for finance setting them."""

from collections.abc import Callable
from functools import partial

import streamlit as st

from core.budgets.views import BudgetView
from core.wiring import Services
from pages.parts.budget_card import draw_budget
from pages.parts.budget_form import change_budget, new_budget
from pages.parts.budget_words import subject
from pages.parts.frame import page

_MANY = 8
_AT_ONCE = 20
_ALL = "budgets-all"

_EMPTY = (
    "A budget is a limit on what the organisation, a person or an agent may cost in a day, a week or a month. "
    "One that blocks refuses what it has no room for before a model is asked; one that only warns shows how full it is."
)
_CAPTION = "Limits on spending, the fullest first. What answers under way may still cost is held for them."
_OWN = "Your own limits on spending. Those of the organisation and of agents hold for you, too; finance sees them."


def draw_list(services: Services, views: list[BudgetView], change: Callable[[BudgetView], None] | None) -> None:
    found = views
    if len(views) > _MANY:
        sought = st.text_input("Find", placeholder="Find by name", label_visibility="collapsed").casefold()
        found = [view for view in views if sought in subject(view).casefold()]
        if not found:
            st.caption("No budget has that name.")
    shown = found if st.session_state.get(_ALL) else found[:_AT_ONCE]
    services.bounds.refresh()
    agents = services.agents.list(services.me)
    for view in shown:
        draw_budget(services, view, agents, change)
    if len(found) > len(shown):
        st.button(f"Show all {len(found)}", icon=":material/expand_more:", on_click=_show_all)


def _show_all() -> None:
    st.session_state[_ALL] = True


def main() -> None:
    with page("Budgets", _CAPTION, own=_OWN) as services:
        views = services.budgets.list(services.me)
        changeable = services.budgets.may_change(services.me)
        if changeable and st.button("New budget", icon=":material/add:", type="primary"):
            new_budget(services)
        if views:
            demo = " The demo month does not count." if services.demo.phase(services.me) else ""
            st.caption(f"Days, weeks and months are those of {services.settings.time_zone}.{demo}")
            draw_list(services, views, partial(change_budget, services) if changeable else None)
        else:
            st.info(_EMPTY if changeable else f"You have no budgets yet. {_EMPTY}", icon=":material/savings:")


main()
