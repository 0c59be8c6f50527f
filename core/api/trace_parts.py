"""A trace on the wire: the row of the list, its sessions, steps and ledger lines."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import Field

from core.analytics import trace_detail, trace_parts, trace_row, trace_tree
from core.analytics.unconfirmed import Unconfirmed
from core.api.wire import Money, Tokens, Wire, money, sendable, tokens
from core.units import unit_names


class Trace(Wire):
    """``agent`` and ``person`` are today's names; ``cost`` null is not known, or not yet while it runs."""

    id: str
    started_at: datetime
    status: str
    agent: str
    model: str
    person: str
    conversation_id: str | None
    source: str
    simulated: bool
    usage: Tokens
    cost: Money | None
    basis: str | None
    duration_ms: int | None
    time_to_first_token_ms: int | None
    error_type: str | None
    attempts: int
    provenance: str = Field(description="Whose money: `real`, `simulated` or `demo`.")
    key_source: str = Field(description="Whose key paid: `own`, `organisation` or `environment`; empty if none did.")
    key_label: str | None = Field(description="The last characters of that key.")
    agent_id: str | None
    person_id: str | None


class Call(Wire):
    """Of a tool; ``input`` and ``output`` are cut, and null where the caller may not read them."""

    name: str
    id: str | None
    input: str | None
    output: str | None
    output_size: int | None
    waited_ms: int | None
    decision: str | None = Field(description="What became of asking for consent: approved, denied or expired.")
    decided_by: str | None


class Span(Wire):
    """One step: a call to the provider, or of a tool."""

    id: str
    kind: str
    iteration: int
    attempt: int
    status: str
    model: str
    response_model: str | None
    request_id: str | None
    http_status: int | None
    stop_reason: str | None
    usage: Tokens
    cost: Money | None
    basis: str | None
    cost_reason: str | None
    started_at: datetime
    sent_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    duration_ms: int | None
    time_to_first_token_ms: int | None
    error_type: str | None
    error_text: str | None
    tool: Call | None


class UnconfirmedCall(Wire):
    """``sentAt`` null: the server stopped before it was written down whether it was sent.

    Whatever it counts as here, it can have cost so much ``atMost``; null if no price was known.
    """

    trace_id: str
    span_id: str
    model: str
    request_id: str | None
    started_at: datetime
    sent_at: datetime | None
    answered_at: datetime | None
    status: str
    reason: str | None
    at_most: Money | None


class TraceSession(Wire):
    """One agent's run on one model; ``parentSpanId`` is the call of a tool by which another agent asked for it."""

    id: str
    parent_span_id: str | None
    agent: str
    agent_version: int
    session_type: str
    model: str
    status: str
    usage: Tokens
    cost: Money | None
    basis: str | None
    started_at: datetime
    duration_ms: int | None
    spans: list[Span]


class LedgerLine(Wire):
    """One billed quantity; a correction is a line of its own, which may take some back."""

    span_id: str
    line: int
    model: str
    unit: str = Field(description=f"What was billed: {unit_names()}.")
    quantity: int
    unit_price_usd: str | None = Field(description="Exact, of one unit; null if no price is known.")
    amount: Money | None
    price_source: str | None
    price_from: datetime | None
    estimated: bool
    correction: bool
    billed_at: datetime
    recorded_at: datetime


class TraceDetail(Trace):
    """``asked`` is the first line of the message; null where the caller may not read it or it was deleted."""

    asked: str | None
    deleted: bool = Field(description="The conversation's words are gone; what they cost stays.")
    sessions: list[TraceSession]
    ledger: list[LedgerLine]


def unconfirmed(of: Unconfirmed) -> UnconfirmedCall:
    return UnconfirmedCall(**{**_own(of, UnconfirmedCall), "at_most": money(of.most)})


def row(of: trace_row.TraceRow) -> Trace:
    return Trace(**_row(of))


def detail(of: trace_detail.TraceDetail, asked: str, texts: Mapping[str, trace_parts.ToolText]) -> TraceDetail:
    return TraceDetail(
        **_row(of.trace),
        asked=sendable(asked) or None,
        deleted=of.deleted,
        sessions=[_session(each, of, texts) for each in of.sessions],
        ledger=[_line(each) for each in of.ledger],
    )


def _row(of: trace_row.TraceRow) -> dict[str, Any]:
    return {**_own(of, Trace), "agent": of.agent_name, **_sums(of)}


def _session(
    of: trace_tree.SessionRow, whole: trace_detail.TraceDetail, texts: Mapping[str, trace_parts.ToolText]
) -> TraceSession:
    spans = [_span(each, whole.approvals.get(each.id), texts.get(each.id)) for each in of.spans]
    return TraceSession(**{**_own(of, TraceSession), "agent": of.agent_name, **_sums(of), "spans": spans})


def _span(of: trace_parts.SpanRow, approval: trace_parts.ApprovalRow | None, text: trace_parts.ToolText | None) -> Span:
    return Span(**{**_own(of, Span), **_sums(of), "tool": _call(of, approval, text) if of.is_tool else None})


def _call(of: trace_parts.SpanRow, approval: trace_parts.ApprovalRow | None, text: trace_parts.ToolText | None) -> Call:
    return Call(
        name=of.tool_name or "",
        id=of.tool_use_id,
        input=None if text is None else sendable(text.input),
        output=None if text is None else sendable(text.output),
        output_size=of.output_size,
        waited_ms=of.waited_ms,
        decision=None if approval is None else approval.decision,
        decided_by=None if approval is None else approval.person,
    )


def _line(of: trace_parts.LedgerRow) -> LedgerLine:
    price = None if of.unit_price_usd is None else format(of.unit_price_usd, "f")
    return LedgerLine(**{**_own(of, LedgerLine), "unit_price_usd": price, "amount": money(of.amount)})


def _own(of: object, kind: type[Wire]) -> dict[str, Any]:
    """Return what the object has under the names of the fields."""
    return {name: sendable(getattr(of, name)) for name in kind.model_fields if hasattr(of, name)}


def _sums(of: trace_row.TraceRow | trace_tree.SessionRow | trace_parts.SpanRow) -> dict[str, Any]:
    return {"usage": tokens(of.usage), "cost": money(of.total)}
