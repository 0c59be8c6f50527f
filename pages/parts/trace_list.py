"""The traces of a choice as a table: a page at a time, newest first; to tick a row opens its trace."""

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import streamlit as st

from core.analytics.names import Names
from core.analytics.trace_row import TraceRow
from pages.parts.amount_column import amount_column
from pages.parts.figures import NOTHING, in_short, same_length, usd
from pages.parts.markdown import as_cell

TRACE = "trace"
_TABLE, _SHOWN = "traces-table", "traces-shown"
_TIME = "YYYY-MM-DD HH:mm:ss"


def as_row(trace: TraceRow, cost: str, names: Names) -> dict[str, object]:
    return {
        "Started": trace.started_at,
        "Cost, USD": cost,
        "Status": trace.status,
        "Agent": as_cell(trace.agent_name),
        "Model": as_cell(trace.model),
        "Person": as_cell(names.person.get(trace.person_id or "", trace.person)),
        "Basis": trace.basis or "not known yet",
        "Input": trace.usage.input,
        "Cache write": trace.usage.cache_write,
        "Cache read": trace.usage.cache_read,
        "Output": trace.usage.output,
        "First token, ms": trace.time_to_first_token_ms,
        "Duration, ms": trace.duration_ms,
        "Attempts": trace.attempts,
        "Money": trace.provenance,
        "Error": as_cell(trace.error_type or ""),
        "Trace": trace.id,
    }


def _dollars(trace: TraceRow) -> str:
    """Exact; an unknown cost is never a figure, nor is one that is still growing."""
    return usd(trace.total) if trace.basis else ""


def draw_traces(traces: Sequence[TraceRow], names: Names, zone: ZoneInfo) -> None:
    """Draw traces; a click on a row puts its trace into the address."""
    st.session_state[_SHOWN] = [trace.id for trace in traces]
    costs = same_length(map(_dollars, traces))
    st.dataframe(
        in_short([as_row(trace, cost, names) for trace, cost in zip(traces, costs, strict=True)], "Cost, USD"),
        key=_TABLE,
        hide_index=True,
        height="content",
        column_config=_columns(zone) | {"Cost, USD": amount_column(costs)},
        placeholder=NOTHING,
        on_select=_open_selected,
        selection_mode="single-row",
    )


def _columns(zone: ZoneInfo) -> dict[str, Any]:
    column = st.column_config
    return {
        "Started": column.DatetimeColumn(format=_TIME, timezone=zone.key, help=f"In {zone.key}"),
        "Input": column.NumberColumn(
            format="localized", help="Input tokens neither written to nor read from the cache"
        ),
        "Cache write": column.NumberColumn(format="localized"),
        "Cache read": column.NumberColumn(format="localized"),
        "Output": column.NumberColumn(format="localized", help="Output tokens, thinking included"),
        "First token, ms": column.NumberColumn(format="localized"),
        "Duration, ms": column.NumberColumn(format="localized"),
        "Attempts": column.NumberColumn(help="Calls to the provider, repeated ones included"),
    }


def _open_selected() -> None:
    rows = st.session_state[_TABLE].selection.rows
    if rows:
        open_trace(st.session_state[_SHOWN][rows[0]])


def open_trace(trace_id: str | None) -> None:
    """Make it the one the page shows; None goes back to the list. The filter stays in the address."""
    if trace_id is None:
        st.query_params.pop(TRACE, None)
    else:
        st.query_params[TRACE] = trace_id
