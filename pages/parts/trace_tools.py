"""The tools that a trace called: how each call went, who let it run, and for some readers what went in and came out."""

import json
from collections.abc import Mapping
from contextlib import nullcontext

import streamlit as st

from core.access.roles import Permission
from core.analytics.trace_detail import TraceDetail
from core.analytics.trace_parts import SpanRow
from core.wiring import Services
from pages.parts.asking import asks
from pages.parts.figures import byte_size, seconds
from pages.parts.markdown import as_cell, as_text
from pages.parts.problems import told
from pages.parts.wide import table_height

_COLUMNS = {
    "Iteration": st.column_config.NumberColumn(width=65),
    **{name: st.column_config.TextColumn(width=75) for name in ("Status", "Time", "Waited")},
}
_TEXTS_AT_ONCE = 10
_DECISIONS = {
    "approved": "approved by {who}",
    "denied": "denied by {who}",
    "expired": "nobody answered in time",
    None: "waiting for an answer",
}


def draw_tools(services: Services, detail: TraceDetail, labels: Mapping[str, str]) -> None:
    """Draw the tools; nothing if none was called."""
    if not detail.tools:
        return
    may_see = detail.texts and not detail.deleted
    st.subheader("Tool calls", anchor=False)
    rows = [
        {
            "Tool": as_cell(labels[span.id]),
            **_call(span),
            **_consent(detail, span, with_reason=may_see),
            **({"Agent": as_cell(labels[span.session_id])} if len(detail.sessions) > 1 else {}),
        }
        for span in detail.tools
    ]
    st.dataframe(rows, hide_index=True, height=table_height(len(rows)), column_config=_COLUMNS)
    if may_see:
        with st.container(height=400) if len(rows) > _TEXTS_AT_ONCE else nullcontext():
            _draw_texts(services, detail, labels)


def _call(span: SpanRow) -> dict[str, object]:
    return {
        "Iteration": span.iteration,
        "Status": span.status,
        "Time": seconds(span.own_ms),
        "Waited": seconds(span.waited_ms) if span.waited_ms else "",
        "Result": _size(span),
        "Error": as_cell(": ".join(filter(None, (span.error_type, span.error_text)))),
    }


def _size(span: SpanRow) -> str:
    if span.output_size is None:
        return ""
    cut = span.output_kept is not None and span.output_kept < span.output_size
    return byte_size(span.output_size) + (f", cut at {byte_size(span.output_kept or 0)}" if cut else "")


def _consent(detail: TraceDetail, span: SpanRow, *, with_reason: bool) -> dict[str, str]:
    """Say who decided, nothing if nobody was asked; a reason that the model was given belongs to the conversation."""
    if not detail.approvals:
        return {}
    asked = detail.approvals.get(span.id)
    if asked is None:
        return {"Consent": ""}
    told = _DECISIONS[asked.decision].format(who=asked.person or "an unknown person")
    return {"Consent": as_cell(f"{told}: {asked.reason}" if asked.reason and with_reason else told)}


# Opening one reads its words and draws nothing else again.
@st.fragment
@asks(Permission.OWN_TRACES)
def _draw_texts(services: Services, detail: TraceDetail, labels: Mapping[str, str]) -> None:
    """Drawn as the plain text that they are."""
    for span in detail.tools:
        label = f"{as_text(labels[span.id])}: input and output"
        opened = st.expander(label, icon=":material/build:", type="compact", key=f"tool-{span.id}", on_change="rerun")
        if opened.open:
            with opened, told():
                text = services.traces.tool_texts(services.me, detail.trace.id)[span.id]
                st.caption("Input")
                st.code(_indented(text.input), language=None, wrap_lines=True)
                st.caption("Output")
                st.code(text.output or "nothing", language=None, wrap_lines=True)


def _indented(given: str) -> str:
    """As it is where it was cut."""
    try:
        return json.dumps(json.loads(given), indent=2, ensure_ascii=False)
    except ValueError:
        return given or "nothing"
