"""The dialogs of budgets: a new one, and another limit for one there is."""

from collections.abc import Callable
from typing import Final

import streamlit as st

from core.access.roles import Permission
from core.budgets.budgets import BudgetDraft
from core.budgets.coverage import SCOPES, Scope
from core.budgets.periods import PERIODS, Period
from core.budgets.views import RESERVES, BudgetView, Reserve
from core.errors import AppError, InputError
from core.money import Nanos, nanos_typed, short_usd, why_no_amount
from core.wiring import Services
from pages.parts.asking import asks
from pages.parts.budget_words import period_name, subject
from pages.parts.markdown import as_text
from pages.parts.problems import show_problem

_SCOPES: Final[dict[Scope, str]] = {"organisation": "The organisation", "person": "A person", "agent": "An agent"}
_PERIODS: Final[dict[Period, str]] = {"day": "Each day", "week": "Each week", "month": "Each month"}
_WAYS: Final = {
    True: ("Blocks", "What it has no room for is refused before a model is asked."),
    False: ("Only warns", "Nothing is refused; this page shows how full it is."),
}

_RESERVES: Final[dict[Reserve, tuple[str, str]]] = {
    "strict": ("The worst case", "The limit is never passed; agents with long replies are refused early."),
    "typical": ("A typical reply", "What 99 of 100 replies of the model stay under; the limit may be passed a little."),
}


@st.dialog("New budget")
@asks(Permission.BUDGETS)
def new_budget(services: Services) -> None:
    scope = _scope()
    subject_id = _subject(services, scope)
    periods: list[Period] = [*PERIODS]
    period = st.radio(
        "Period",
        periods,
        periods.index("month"),
        format_func=_PERIODS.__getitem__,
        horizontal=True,
        key="budget-period",
    )
    typed, blocks = _limit(None, blocks=True)
    reserve = _reserve(None) if blocks else "strict"

    def save() -> None:
        draft = BudgetDraft(scope, subject_id, period, limit_from(typed), blocks, reserve)
        services.budgets.create(services.me, draft)

    if st.button("Set the budget", type="primary", icon=":material/savings:"):
        _save(save)


@st.dialog("Change budget")
@asks(Permission.BUDGETS)
def change_budget(services: Services, view: BudgetView) -> None:
    st.caption(f"{as_text(subject(view))} · {period_name(view)}. It counts from the next model call on.")
    typed, blocks = _limit(view, blocks=view.blocks)
    reserve = _reserve(view) if blocks else view.reserve

    def save() -> None:
        services.budgets.change(services.me, view.id, limit_from(typed), blocks=blocks, reserve=reserve)

    if st.button("Save", key=f"save-{view.id}", type="primary", icon=":material/check:"):
        _save(save)


def limit_from(text: str) -> Nanos:
    """Read dollars as a person types them. Raises InputError."""
    nanos = nanos_typed(text)
    if nanos is None:
        raise InputError(f"The limit {why_no_amount(text)}")
    return nanos


def _save(save: Callable[[], None]) -> None:
    """Save the draft; what is wrong is said in the dialog, and nothing typed is lost."""
    try:
        save()
    except AppError as error:
        show_problem(error)
    else:
        st.rerun()


def _scope() -> Scope:
    scopes: list[Scope] = [*SCOPES]
    return st.radio("Whose", scopes, format_func=_SCOPES.__getitem__, horizontal=True, key="budget-scope")


def _subject(services: Services, scope: Scope) -> str | None:
    if scope == "organisation":
        return None
    names = services.costs.names(services.me)
    labels = names.person if scope == "person" else names.agent
    return st.selectbox(
        "Which " + scope,
        labels,
        None,
        format_func=labels.__getitem__,
        placeholder=f"Choose {_SCOPES[scope].lower()}",
        key=f"budget-{scope}",
    )


def _limit(view: BudgetView | None, *, blocks: bool) -> tuple[str, bool]:
    key = f"budget-{view.id if view else 'new'}"
    typed = st.text_input(
        "Limit in US dollars",
        short_usd(view.limit) if view else "",
        placeholder="Such as 250",
        max_chars=40,
        key=f"{key}-limit",
    )
    ways = [*_WAYS]
    way = st.radio(
        "When it is full",
        ways,
        ways.index(blocks),
        format_func=lambda each: _WAYS[each][0],
        captions=[about for _, about in _WAYS.values()],
        key=f"{key}-blocks",
    )
    return typed, way


def _reserve(view: BudgetView | None) -> Reserve:
    """Ask what each call holds of it."""
    reserves: list[Reserve] = [*RESERVES]
    return st.radio(
        "What each reply holds",
        reserves,
        reserves.index(view.reserve if view else "strict"),
        format_func=lambda each: _RESERVES[each][0],
        captions=[about for _, about in _RESERVES.values()],
        key=f"budget-{view.id if view else 'new'}-reserve",
    )
