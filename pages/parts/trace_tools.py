"""The tools that a trace called: how each call went, who let it run, and for some readers what went in and came out."""

import json
from collections.abc import Mapping

import streamlit as st

from core.analytics.trace_detail import TraceDetail
from core.analytics.trace_parts import ApprovalRow, SpanRow
from core.chat.ownership import may_read
from core.wiring import Services
from pages.parts.figures import byte_size, seconds
from pages.parts.markdown import as_cell, as_text
from pages.parts.wide import table_height

_DECISIONS = {
    "approved": "approved by {who}",
    "denied": "denied by {who}",
    "expired": "nobody answered in time",
    None: "waiting for an answer",
}


def draw_tools(services: Services, detail: TraceDetail, labels: Mapping[str, str]) -> None:
    """Nothing if none was called."""
    if not detail.tools:
        return
    may_see = may_read(services.me, detail.owner_id) and not detail.deleted
    st.subheader("Tool calls", anchor=False)
    agents = {session.id: labels[session.id] for session in detail.sessions}
    rows = [
        {
            "Tool": as_cell(labels[span.id]),
            **({"Agent": as_cell(agents[span.session_id])} if len(agents) > 1 else {}),
            **_call(span),
            "Consent": as_cell(_consent(detail.approvals.get(span.id), with_reason=may_see)),
        }
        for span in detail.tools
    ]
    if not detail.approvals:
        for row in rows:
            del row["Consent"]
    st.dataframe(rows, hide_index=True, height=table_height(len(rows)))
    if may_see:
        _draw_texts(services, detail, labels)


def _call(span: SpanRow) -> dict[str, object]:
    return {
        "Iteration": span.iteration,
        "Status": span.status,
        "Time": seconds(span.duration_ms),
        "Waited": seconds(span.waited_ms) if span.waited_ms else "",
        "Result": _size(span),
        "Error": as_cell(": ".join(filter(None, (span.error_type, span.error_text)))),
    }


def _size(span: SpanRow) -> str:
    if span.output_size is None:
        return ""
    cut = span.output_kept is not None and span.output_kept < span.output_size
    return byte_size(span.output_size) + (f", cut at {byte_size(span.output_kept or 0)}" if cut else "")


def _consent(asked: ApprovalRow | None, *, with_reason: bool) -> str:
    if asked is None:
        return ""
    told = _DECISIONS[asked.decision].format(who=asked.person or "an unknown person")
    return f"{told}: {asked.reason}" if asked.reason and with_reason else told


# Opening one reads its words and draws nothing else anew.
@st.fragment
def _draw_texts(services: Services, detail: TraceDetail, labels: Mapping[str, str]) -> None:
    """Drawn as the plain text that they are."""
    for span in detail.tools:
        label = f"{as_text(labels[span.id])}: input and output"
        opened = st.expander(label, icon=":material/build:", type="compact", key=f"tool-{span.id}", on_change="rerun")
        if opened.open:
            text = services.traces.tool_texts(detail.trace.id)[span.id]
            with opened:
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
