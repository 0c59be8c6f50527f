"""Traces: every turn, newest first, with what it used and cost."""

import streamlit as st

from core.analytics.traces import TraceRow
from core.money import usd_from_nanos
from core.wiring import Services
from pages.parts.frame import page
from pages.parts.markdown import as_cell

STATUSES = ("completed", "failed", "stopped", "interrupted", "running")
PAGE_ROWS = 50
_PAGES = "traces-pages"
_TIME = "YYYY-MM-DD HH:mm:ss"


def as_row(trace: TraceRow) -> dict[str, object]:
    return {
        "Started (UTC)": trace.started_at,
        "Status": trace.status,
        "Agent": as_cell(trace.agent_name),
        "Model": as_cell(trace.model),
        "Person": as_cell(trace.person),
        "Cost, USD": "unknown" if trace.total is None and trace.basis else _dollars(trace),
        "Basis": trace.basis or "not known yet",
        "Input": trace.usage.input,
        "Cache write": trace.usage.cache_write,
        "Cache read": trace.usage.cache_read,
        "Output": trace.usage.output,
        "First token, ms": trace.time_to_first_token_ms,
        "Duration, ms": trace.duration_ms,
        "Attempts": trace.attempts,
        "Error": as_cell(trace.error_type or ""),
        "Trace": trace.id,
    }


def _dollars(trace: TraceRow) -> str:
    return "" if trace.total is None else f"{usd_from_nanos(trace.total):.9f}"


def read(services: Services, status: str | None, pages: int) -> list[TraceRow]:
    rows: list[TraceRow] = []
    for _ in range(pages):
        before = (rows[-1].started_at, rows[-1].id) if rows else None
        more = services.traces.page(before=before, limit=PAGE_ROWS, status=status)
        rows.extend(more)
        if len(more) < PAGE_ROWS:
            break
    return rows


def draw_export(services: Services, status: str | None) -> None:
    st.download_button(
        "Download CSV",
        lambda: "".join(services.traces.csv(status=status)).encode(),
        file_name="traces.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        help="All traces of this status, with exact costs; times in UTC",
    )


def main() -> None:
    st.set_page_config(layout="wide")
    with page("Traces", "Every turn, newest first. Costs are exact to the nano-dollar; times are UTC.") as services:
        with st.container(horizontal=True, vertical_alignment="bottom"):
            chosen = st.selectbox("Status", ("all", *STATUSES), width=200)
            status = None if chosen == "all" else chosen
            draw_export(services, status)
            st.button("Refresh", icon=":material/refresh:")
        total = services.traces.count(status=status)
        rows = read(services, status, st.session_state.get(_PAGES, 1))
        if not rows:
            st.info(_nothing(status), icon=":material/receipt_long:")
            return
        st.caption(f"{len(rows):,} of {total:,}")
        st.dataframe(
            [as_row(row) for row in rows],
            hide_index=True,
            height="content",
            column_config={"Started (UTC)": st.column_config.DatetimeColumn(format=_TIME, timezone="UTC")},
        )
        if len(rows) < total:
            st.button("Show more", icon=":material/expand_more:", on_click=_show_more)


def _nothing(status: str | None) -> str:
    if status:
        return f"No turn is {status}. Choose another status."
    return "No turns yet. Send a message on Chat and its trace appears here."


def _show_more() -> None:
    st.session_state[_PAGES] = st.session_state.get(_PAGES, 1) + 1


main()
