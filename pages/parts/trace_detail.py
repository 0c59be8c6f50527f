"""One trace: what happened when, what each step cost and why, and that it all adds up."""

import re
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

import streamlit as st

from core.analytics.trace_detail import Sum, TraceDetail
from core.analytics.trace_parts import LedgerRow, SpanRow
from core.analytics.trace_row import TraceRow
from core.money import exact_usd
from core.wiring import Services
from pages.parts.figures import BASIS, exact, money, seconds, tokens
from pages.parts.markdown import as_cell, as_text
from pages.parts.waterfall import labels_of, waterfall

STATUS = {
    "completed": ("green", ":material/check_circle:"),
    "running": ("blue", ":material/hourglass:"),
    "failed": ("red", ":material/error:"),
    "stopped": ("gray", ":material/stop_circle:"),
    "interrupted": ("orange", ":material/power_off:"),
}
_UNITS = {
    "input": "Input",
    "cache_write_5m": "Cache write, 5 min",
    "cache_write_1h": "Cache write, 1 h",
    "cache_read": "Cache read",
    "output": "Output",
    "web_search": "Web searches",
}
_LEVELS = {"span": "ledger line", "session": "step", "trace": "session"}
_TIME = "%Y-%m-%d %H:%M:%S"


def draw_trace(services: Services, detail: TraceDetail, zone: ZoneInfo) -> None:
    trace = detail.trace
    _draw_head(trace, zone)
    _draw_asked(services, detail)
    _draw_figures(trace)
    _draw_steps(detail)
    _draw_cost(detail, zone)
    _draw_usage(detail)
    _draw_ids(detail)


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
    """The only words of a conversation on this page, and the only place they are read."""
    return services.traces.asked(trace_id)


def _draw_asked(services: Services, detail: TraceDetail) -> None:
    if detail.deleted:
        st.caption(":material/delete: The conversation was deleted; what it cost stays in the books.")
        return
    asked = first_line_asked(services, detail.trace.id)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"“{as_text(asked)}”", width="stretch")
        if detail.owner_id == services.me.id:
            st.page_link(
                "pages/chat.py",
                label="Open the conversation",
                icon=":material/chat:",
                query_params={"conversation": detail.trace.conversation_id},
            )


def _draw_figures(trace: TraceRow) -> None:
    figures = {
        "Cost": "unknown" if trace.total is None else money(trace.total, trace.basis),
        "Tokens in": f"{trace.usage.prompt:,}",
        "Tokens out": f"{trace.usage.output:,}",
        "First token": seconds(trace.time_to_first_token_ms),
        "Duration": seconds(trace.duration_ms),
        "Attempts": f"{trace.attempts:,}",
    }
    with st.container(horizontal=True):
        for label, value in figures.items():
            st.metric(label, value, border=True, width=210 if label == "Cost" else 130)
    word, why = BASIS.get(trace.basis or "", ("not known yet", "This turn has not ended."))
    st.caption(f"**{exact(trace.total)}** — {word}. {why}")


def _draw_steps(detail: TraceDetail) -> None:
    st.subheader("Steps", anchor=False)
    chart = waterfall(detail)
    if chart is not None:
        st.altair_chart(chart, alt="When each step waited, got its first token, and streamed")
    labels = labels_of(detail)
    st.dataframe(
        [_step(labels[span.id], span) for span in detail.spans],
        hide_index=True,
        height="content",
        column_config={
            "HTTP": st.column_config.NumberColumn(format="%d"),
            "Cost, USD": st.column_config.TextColumn(alignment="right"),
        },
    )
    for span in detail.spans:
        notes = [as_text(note) for note in (span.error_text, span.cost_reason) if note]
        if notes:
            st.caption(f"**{labels[span.id]}.** {' — '.join(notes)}")


def _step(label: str, span: SpanRow) -> dict[str, object]:
    return {
        "Step": label,
        "Status": span.status,
        "Cost, USD": _usd(span.total),
        "Basis": span.basis or "not known yet",
        "Tokens": tokens(span.usage),
        "First token": seconds(span.time_to_first_token_ms),
        "Duration": seconds(span.duration_ms),
        "HTTP": span.http_status,
        "Error": as_cell(span.error_type or ""),
        "Stop reason": as_cell(span.stop_reason or ""),
        "Model": as_cell(span.response_model or span.model),
        "Request id": as_cell(span.request_id or ""),
    }


def _usd(nanos: int | None) -> str:
    return "unknown" if nanos is None else exact_usd(nanos)


def _draw_cost(detail: TraceDetail, zone: ZoneInfo) -> None:
    st.subheader("Ledger", anchor=False)
    labels = labels_of(detail)
    if detail.ledger:
        st.dataframe(
            [_line(labels, line, zone) for line in detail.ledger],
            hide_index=True,
            height="content",
            column_config={
                "Quantity": st.column_config.NumberColumn(format="localized"),
                "Unit price, USD": st.column_config.TextColumn(alignment="right"),
                "Amount, USD": st.column_config.TextColumn(alignment="right"),
                "Price source": st.column_config.LinkColumn(width="medium"),
            },
        )
    else:
        st.caption("Nothing was billed." if detail.trace.basis else "Nothing is booked before the turn ends.")
    st.markdown("  \n".join(_check(labels, each) for each in detail.sums()))


def _line(labels: Mapping[str, str], line: LedgerRow, zone: ZoneInfo) -> dict[str, object]:
    marks = [word for word, marked in (("correction", line.correction), ("estimate", line.estimated)) if marked]
    return {
        "Step": labels[line.span_id],
        "Billed": _UNITS.get(line.unit, as_cell(line.unit)),
        "Quantity": line.quantity,
        "Unit price, USD": _price(line),
        "Amount, USD": _usd(line.amount),
        "Mark": ", ".join(marks),
        "Price of": as_cell(line.model),
        "Price from": line.price_from.strftime("%Y-%m-%d") if line.price_from else "",
        "Price source": _address_in(line.price_source or ""),
        "Recorded": line.recorded_at.astimezone(zone).strftime(_TIME),
    }


def _price(line: LedgerRow) -> str:
    """Exact; of tokens by the million, as price lists have it."""
    if line.unit_price_usd is None:
        return "unknown"
    if line.unit == "web_search":
        return f"{line.unit_price_usd.normalize():f} each"
    return f"{(line.unit_price_usd * 1_000_000).normalize():f} per million"


def _check(labels: Mapping[str, str], sums: Sum) -> str:
    parts = f"{sums.parts} {_LEVELS[sums.level]}{'' if sums.parts == 1 else 's'}" if sums.parts else "nothing billed"
    name = f"**{as_text(labels[sums.id])}**"
    if not sums.adds_up:
        return (
            f":red[:material/error:] {name}: {parts} come to {exact(sums.come_to)}, but {exact(sums.booked)} is booked"
        )
    if sums.booked is None:
        return f":gray[:material/help:] {name}: {parts}, not all of known cost"
    return f":green[:material/check_circle:] {name}: {parts} = {exact(sums.booked)}"


def _address_in(source: str) -> str | None:
    found = re.search(r"https://\S+", source)
    return found.group() if found else None


def _draw_usage(detail: TraceDetail) -> None:
    labels = labels_of(detail)
    reported: list[tuple[str, Any]] = [(labels[span.id], span.usage_json) for span in detail.spans]
    with st.expander("Usage as the provider reported it", icon=":material/data_object:"):
        for label, usage in reported:
            st.caption(label if usage else f"{label}: nothing was reported.")
            if usage:
                st.json(usage)


def _draw_ids(detail: TraceDetail) -> None:
    trace = detail.trace
    ids = {"Trace": trace.id, "Conversation": trace.conversation_id}
    ids |= {labels_of(detail)[span.id]: span.request_id for span in detail.spans if span.request_id}
    with st.expander("Ids", icon=":material/tag:"):
        st.code("\n".join(f"{name:<14}{value}" for name, value in ids.items()), language=None)
