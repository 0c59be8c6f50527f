"""Traces: every turn, newest first, with what it used and cost, and all that lies behind it."""

from zoneinfo import ZoneInfo

import streamlit as st

from core.access.roles import scope
from core.analytics.choice import LISTS, PARTS, Choice, read_address
from core.analytics.names import Names
from core.analytics.spend import Spend, known
from core.analytics.trace_row import TraceRow
from core.analytics.traces import Key
from core.clock import now
from core.errors import NotFound
from core.money import show_usd
from core.wiring import Services
from pages.parts.demo_month import draw_label, draw_offer
from pages.parts.export_buttons import draw_exports
from pages.parts.filter_bar import draw_filters
from pages.parts.frame import page
from pages.parts.problems import show_problem
from pages.parts.trace_detail import draw_trace
from pages.parts.trace_list import TRACE, draw_traces, open_trace

PAGE_ROWS = 50
_BEFORE = "traces-before"


def draw_list(services: Services, choice: Choice, names: Names) -> None:
    """Draw one page of the list; the pages before are remembered by the places they ended at."""
    before = _pages_before(choice)
    rows = services.traces.page(services.me, choice.filter, before=before[-1] if before else None, limit=PAGE_ROWS + 1)
    shown = rows[:PAGE_ROWS]
    if not shown:
        draw_nothing(choice, texts=scope(services.me).texts)
        draw_offer(services)
    else:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"{_where(services, choice, len(before) * PAGE_ROWS, len(shown))} · tick a row to open it")
            st.button("Refresh", icon=":material/refresh:", type="tertiary")
        draw_traces(shown, names, choice.zone)
        draw_unconfirmed(services, choice)
    draw_pager(before, shown, more=len(rows) > PAGE_ROWS)


def _pages_before(choice: Choice) -> list[Key]:
    """Return the pages before of this choice: another one begins at its first page."""
    kept, before = st.session_state.get(_BEFORE, (None, []))
    if kept != choice.filter:
        before = []
        st.session_state[_BEFORE] = (choice.filter, before)
    return list(before)


def _where(services: Services, choice: Choice, skipped: int, shown: int) -> str:
    place = f"{skipped + 1:,}–{skipped + shown:,}"
    if choice.text:
        return f"{place}, newest first"
    ended = services.costs.total(services.me, choice)
    whole = " (a row is a whole turn)" if choice.agents or choice.models else ""
    parts = [f"{place} · {_sums(choice, ended)}", f"{show_usd(known(ended))} in all{whole}"]
    if ended.estimated:
        parts.append(f"{show_usd(ended.estimated)} of it estimated")
    if ended.unpriced_calls:
        parts.append(f"{ended.unpriced_calls:,} unpriced, not in the sum")
    return ", ".join(parts).replace("$", r"\$")


def _sums(choice: Choice, ended: Spend) -> str:
    """Of agents and models it is their own calls that are summed up: rows are whole turns, with what others did."""
    if not choice.agents and not choice.models:
        return f"{ended.traces:,} ended turn{'' if ended.traces == 1 else 's'}"
    whose = " and ".join(
        f"the chosen {name}{'' if len(ids) == 1 else 's'}"
        for name, ids in (("agent", choice.agents), ("model", choice.models))
        if ids
    )
    return f"{ended.calls:,} model call{'' if ended.calls == 1 else 's'} of {whose}"


def draw_unconfirmed(services: Services, choice: Choice) -> None:
    """List what to look up in the provider's own report; nothing while there is no such call."""
    calls = services.traces.unconfirmed(services.me, choice.filter)
    if not calls:
        return
    title = f"{len(calls):,} calls to reconcile" if len(calls) != 1 else "1 call to reconcile"
    with st.expander(title, icon=":material/rule:"):
        st.caption("They were sent, or may have been, and no usage came back: only the provider's report can tell.")
        st.dataframe(
            [
                {
                    "Sent": (call.sent_at or call.started_at).astimezone(choice.zone),
                    "Model": call.model,
                    "Request id": call.request_id or "",
                    "At most": "unknown" if call.most is None else show_usd(call.most),
                    "Why": call.reason or "",
                    "Trace": call.trace_id,
                }
                for call in calls
            ],
            hide_index=True,
        )


def draw_pager(before: list[Key], shown: list[TraceRow], *, more: bool) -> None:
    if not before and not more:
        return
    with st.container(horizontal=True):
        last = (shown[-1].started_at, shown[-1].id) if shown else None
        st.button("Newest", icon=":material/first_page:", disabled=not before, on_click=_go, args=([],))
        st.button("Newer", icon=":material/chevron_left:", disabled=not before, on_click=_go, args=(before[:-1],))
        st.button("Older", icon=":material/chevron_right:", disabled=not more, on_click=_go, args=([*before, last],))


def _go(before: list[Key]) -> None:
    kept, _ = st.session_state[_BEFORE]
    st.session_state[_BEFORE] = (kept, before)


def draw_nothing(choice: Choice, *, texts: bool) -> None:
    days = f"from {choice.first} to {choice.last} ({choice.zone.key})"
    found = f"No matching turn began {days}. Choose other days or fewer filters; what is sent on Chat appears here."
    if choice.text and not texts:
        found = f"No trace that began {days} has this id. You can search for ids, but not for words."
    st.info(found, icon=":material/receipt_long:")


def draw_one(services: Services, trace_id: str) -> None:
    """Draw the trace that the address names; the way back keeps the filter."""
    st.button("All traces", icon=":material/arrow_back:", type="tertiary", on_click=open_trace, args=(None,))
    try:
        detail = services.traces.detail(services.me, trace_id)
    except NotFound as unknown:
        show_problem(unknown)
        return
    draw_trace(services, detail, reader_zone(services))


def reader_zone(services: Services) -> ZoneInfo:
    """Return the one in the address, where it is one, else the organisation's."""
    asked = {"zone": st.query_params.get_all("zone")}
    choice, _ = read_address(asked, ZoneInfo(services.settings.time_zone), now(), dict.fromkeys(LISTS, ()))
    return choice.zone


def main() -> None:
    st.set_page_config(layout="wide")
    asked_for = st.query_params.get(TRACE)
    if asked_for:
        with page("Trace", knows=(TRACE, *PARTS)) as services:
            draw_one(services, asked_for)
        return
    order = "newest first. Costs are exact to the nano-dollar."
    with page("Traces", f"Every turn, {order}", own=f"Every turn of yours, {order}", knows=None) as services:
        draw_label(services)
        names = services.costs.names(services.me)
        choice = draw_filters(services, names, "traces", lambda choice: draw_exports(services, choice), search=True)
        draw_list(services, choice, names)


main()
