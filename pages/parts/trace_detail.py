"""One trace: what happened when, what each step cost and why, and that it all adds up."""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

import streamlit as st

from core.analytics.trace_detail import TraceDetail
from core.analytics.trace_parts import SpanRow
from core.analytics.trace_row import TraceRow
from core.analytics.trace_tree import SessionRow
from core.money import Nanos
from core.wiring import Services
from pages.parts.amount_column import amount_column
from pages.parts.figures import BASIS, NOTHING, exact, in_short, money, seconds, tokens, usd
from pages.parts.markdown import as_cell, as_text
from pages.parts.trace_labels import labels_of
from pages.parts.trace_ledger import draw_ledger
from pages.parts.trace_tools import draw_tools
from pages.parts.waterfall import MOST_ROWS, waterfall
from pages.parts.wide import table_height

STATUS = {
    "completed": ("green", ":material/check_circle:"),
    "running": ("blue", ":material/hourglass:"),
    "failed": ("red", ":material/error:"),
    "stopped": ("gray", ":material/stop_circle:"),
    "interrupted": ("orange", ":material/power_off:"),
}
_TIME = "%Y-%m-%d %H:%M:%S"


def draw_trace(services: Services, detail: TraceDetail, zone: ZoneInfo) -> None:
    trace, labels = detail.trace, labels_of(detail)
    _draw_head(trace, zone)
    _draw_asked(services, detail)
    _draw_figures(detail)
    _draw_steps(detail, labels)
    draw_tools(services, detail, labels)
    draw_ledger(detail, labels, zone)
    _draw_usage(detail, labels)
    _draw_ids(detail, labels)


def _draw_head(trace: TraceRow, zone: ZoneInfo) -> None:
    color, icon = STATUS.get(trace.status, ("gray", None))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.badge(trace.status.capitalize(), color=color, icon=icon)  # type: ignore[arg-type]
        if trace.simulated:
            st.badge("Simulated", color="gray")
        at = trace.started_at.astimezone(zone).strftime(_TIME)
        st.caption(
            f"{as_text(trace.agent_name)} · {as_text(trace.model)} · {as_text(trace.person)} · {at} {zone.key}",
            width="content",
        )


def first_line_asked(services: Services, trace_id: str) -> str:
    """But for what tools were given and gave, the only words of a conversation on this page."""
    return services.traces.asked(services.me, trace_id)


def _draw_asked(services: Services, detail: TraceDetail) -> None:
    if detail.deleted:
        st.caption(":material/delete: The conversation was deleted; what it cost stays in the books.")
        return
    if not detail.texts:
        st.caption(":material/visibility_off: Finance cannot read what was said in it.")
        return
    asked = first_line_asked(services, detail.trace.id)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"“{as_text(asked)}”", width="stretch")
        if detail.trace.conversation_id is not None and detail.owner_id == services.me.id:
            st.page_link(
                "pages/chat.py",
                label="Open the conversation",
                icon=":material/chat:",
                query_params={"conversation": detail.trace.conversation_id, "trace": detail.trace.id},
            )


def _draw_figures(detail: TraceDetail) -> None:
    trace, known = detail.trace, sum(line.amount or 0 for line in detail.ledger)
    figures = {
        "Cost": _cost(trace, known),
        "Tokens in": f"{trace.usage.prompt:,}",
        "Tokens out": f"{trace.usage.output:,}",
        "First token": seconds(trace.time_to_first_token_ms),
        "Duration": seconds(trace.duration_ms),
        **_calls(trace.attempts, len(detail.tools)),
    }
    with st.container(horizontal=True):
        for label, value in figures.items():
            st.metric(label, value, border=True, width="content")
    if trace.basis is None:
        st.caption(f"**{exact(known)}** is booked so far. What the turn costs is known when it has ended.")
        return
    part = f" Booked with a price: {exact(known)}." if trace.total is None and known else ""
    word, why = BASIS[trace.basis]
    st.caption(f"**{exact(trace.total)}** — {word}. {why}{part}")


def _cost(trace: TraceRow, known: Nanos) -> str:
    """Say the cost; of a running turn what is booked by now: an unknown cost is never shown as a figure."""
    if trace.basis is None:
        return f"{money(known, trace.basis)} so far" if known else "not known yet"
    return "unknown" if trace.total is None else money(trace.total, trace.basis)


def _calls(attempts: int, tools: int) -> dict[str, str]:
    """Count calls of models, repeated ones included, and of tools where there were any."""
    return {"Calls + tools": f"{attempts:,} + {tools:,}"} if tools else {"Attempts": f"{attempts:,}"}


def _draw_steps(detail: TraceDetail, labels: Mapping[str, str]) -> None:
    st.subheader("Steps", anchor=False)
    chart = waterfall(detail)
    if chart is not None:
        st.altair_chart(chart, alt="When each step waited, got its first token, and streamed, and when tools ran")
    if len(labels) > MOST_ROWS:
        st.caption(f"The first {MOST_ROWS} of {len(labels):,} rows are drawn; the tables below have them all.")
    for note in dict.fromkeys(note for session in detail.sessions for note in session.notes):
        st.warning(as_text(note), icon=":material/warning:")
    if len(detail.sessions) > 1:
        _draw_sessions(detail, labels)
    calls = [span for span in detail.spans if not span.is_tool]
    st.dataframe(
        in_short([_step(labels[span.id], span) for span in calls], "Cost, USD"),
        hide_index=True,
        height=table_height(len(calls)),
        column_config={
            "HTTP": st.column_config.NumberColumn(format="%d"),
            "Cost, USD": amount_column(usd(span.total) for span in calls),
        },
        placeholder=NOTHING,
    )
    for span in calls:
        notes = [as_text(note) for note in (span.error_text, span.cost_reason) if note]
        if notes:
            st.caption(f"**{as_text(labels[span.id])}.** {' — '.join(notes)}")


def _draw_sessions(detail: TraceDetail, labels: Mapping[str, str]) -> None:
    """Draw who was asked first, and by which step each of the others was."""
    st.dataframe(
        in_short([_session(detail, labels, session) for session in detail.sessions], "Cost, USD"),
        hide_index=True,
        height=table_height(len(detail.sessions)),
        column_config={"Cost, USD": amount_column(usd(session.total) for session in detail.sessions)},
    )


def _session(detail: TraceDetail, labels: Mapping[str, str], session: SessionRow) -> dict[str, object]:
    step = session.parent_span_id
    asked_by = detail.trace.person if step is None else labels.get(step, "an unknown step")
    return {
        "Agent": as_cell(labels[session.id]),
        "Asked by": as_cell(asked_by),
        "Status": session.status,
        "Cost, USD": usd(session.total),
        "Basis": session.basis or "not known yet",
        "Tokens": tokens(session.usage),
        "Duration": seconds(session.duration_ms),
        "Model": as_cell(session.model),
        "Version": session.agent_version,
    }


def _step(label: str, span: SpanRow) -> dict[str, object]:
    return {
        "Step": as_cell(label),
        "Status": span.status,
        "Cost, USD": usd(span.total),
        "Basis": span.basis or "not known yet",
        "Tokens": tokens(span.usage),
        "Sent": _sent(span),
        "First token": seconds(span.time_to_first_token_ms),
        "Duration": seconds(span.duration_ms),
        "HTTP": span.http_status,
        "Error": as_cell(span.error_type or ""),
        "Stop reason": as_cell(span.stop_reason or ""),
        "Model": as_cell(span.response_model or span.model),
        "Request id": as_cell(span.request_id or ""),
    }


def _sent(span: SpanRow) -> str:
    """Return how far the request is known to have come."""
    if span.sent_at is not None:
        return "no answer" if span.answered_at is None else "answered"
    answered = span.usage_json or span.request_id or span.http_status
    if answered or span.basis is None:
        return ""
    return "not known" if span.basis == "estimated" else "no"


def _draw_usage(detail: TraceDetail, labels: Mapping[str, str]) -> None:
    with st.expander("Usage as the provider reported it", icon=":material/data_object:"):
        for span in detail.spans:
            if span.usage_json:
                st.caption(as_text(labels[span.id]))
                st.json(span.usage_json)
            elif not span.is_tool:
                st.caption(f"{as_text(labels[span.id])}: nothing was reported.")


def _draw_ids(detail: TraceDetail, labels: Mapping[str, str]) -> None:
    trace = detail.trace
    ids = {"Trace": trace.id} | ({"Conversation": trace.conversation_id} if trace.conversation_id else {})
    ids |= {labels[span.id]: span.request_id for span in detail.spans if span.request_id}
    width = max(12, *map(len, ids)) + 2
    with st.expander("Ids", icon=":material/tag:"):
        st.code("\n".join(f"{name:<{width}}{value}" for name, value in ids.items()), language=None)
