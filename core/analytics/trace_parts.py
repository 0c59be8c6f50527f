"""What lies behind a trace: its spans, and the ledger lines that its cost is the sum of."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Connection, LargeBinary, Row, Select, cast, func, literal, null, select

from core.analytics.figures import usage_of
from core.money import Nanos
from core.store.access import User
from core.store.tables import LedgerLine, TraceSpan
from core.store.text import storable
from core.store.tool_tables import ToolApproval
from core.usage import Usage

_spans, _lines = TraceSpan.__table__, LedgerLine.__table__
_approvals, _users = ToolApproval.__table__, User.__table__
_WORDS = frozenset({"input", "output", "error_text"})


@dataclass(frozen=True, slots=True)
class SpanRow:
    """One step; ``cost_reason`` says why it cost what it did where that is not plain.

    ``usage_json`` is what the provider reported, None if it never did. ``kind`` is model_call or tool; only a tool
    has a ``tool_name``, a ``tool_use_id``, an ``output_size`` of which ``output_kept`` are kept, both in bytes, and
    ``waited_ms``, the first part of its duration, if somebody was asked for consent. What it was given and gave is a
    ToolText. A model call was sent at ``sent_at``, as far as is known; its answer's headers came at ``answered_at``.
    """

    id: str
    session_id: str
    kind: str
    attempt: int
    status: str
    model: str
    response_model: str | None
    request_id: str | None
    http_status: int | None
    stop_reason: str | None
    usage: Usage
    usage_json: dict[str, Any] | None
    total: Nanos | None
    basis: str | None
    cost_reason: str | None
    started_at: datetime
    ended_at: datetime | None
    duration_ms: int | None
    time_to_first_token_ms: int | None
    error_type: str | None
    error_text: str | None
    iteration: int
    tool_name: str | None
    tool_use_id: str | None
    output_size: int | None
    output_kept: int | None
    waited_ms: int | None
    sent_at: datetime | None
    answered_at: datetime | None

    @property
    def own_ms(self) -> int | None:
        """What a tool itself took, without the wait for somebody's consent."""
        return None if self.duration_ms is None else max(0, self.duration_ms - (self.waited_ms or 0))

    @property
    def is_tool(self) -> bool:
        return self.kind == "tool"


@dataclass(frozen=True, slots=True)
class ToolText:
    """What a tool was given, as JSON, and what it gave, both cut to a length that can be looked at.

    These are words of the conversation: only for those who may read it, and gone when it is deleted.
    """

    input: str
    output: str


@dataclass(frozen=True, slots=True)
class ApprovalRow:
    """What became of asking for consent to a tool; ``decision`` is approved, denied or expired, None while it is open.

    ``person`` is who decided, by today's name; ``reason`` is what they told the model.
    """

    span_id: str
    decision: str | None
    person: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One billed quantity; ``amount`` None means that no price is known, ``unit_price_usd`` is for one unit."""

    span_id: str
    line: int
    model: str
    unit: str
    quantity: int
    unit_price_usd: Decimal | None
    amount: Nanos | None
    price_source: str | None
    price_from: datetime | None
    estimated: bool
    correction: bool
    billed_at: datetime
    recorded_at: datetime


def read_spans(connection: Connection, task_trace_id: str, *, texts: bool) -> list[SpanRow]:
    """Read spans in the order they began, without a word of what tools were given and gave.

    Without ``texts`` also without the texts of errors, which may quote what was said, nor is an output measured.
    """
    columns = [column for column in _spans.c if column.name not in _WORDS]
    kept = _bytes_of(_spans.c.output, connection.dialect.name) if texts else null()
    error = _spans.c.error_text if texts else null()
    texts_or_none = error.label("error_text"), kept.label("output_kept")
    its_spans: Select[Any] = select(*columns, *texts_or_none).where(_spans.c.task_trace_id == storable(task_trace_id))
    return [_span(row) for row in connection.execute(its_spans.order_by(_spans.c.started_at, _spans.c.id))]


def _bytes_of(text: ColumnElement[Any], dialect: str) -> ColumnElement[int]:
    return func.length(cast(text, LargeBinary)) if dialect == "sqlite" else func.octet_length(text)


def read_approvals(connection: Connection, task_trace_id: str, *, texts: bool) -> dict[str, ApprovalRow]:
    """Read approvals by the id of the tool's span; without ``texts`` no reasons."""
    reason = _approvals.c.reason if texts else literal("")
    query = (
        select(_approvals.c.span_id, _approvals.c.decision, _users.c.name.label("person"), reason)
        .outerjoin(_users, _users.c.id == _approvals.c.decided_by)
        .where(_approvals.c.task_trace_id == storable(task_trace_id))
    )
    return {row.span_id: ApprovalRow(*row) for row in connection.execute(query)}


def read_tool_texts(connection: Connection, task_trace_id: str) -> dict[str, ToolText]:
    """Read what tools were given and gave, by the id of the tool's span."""
    query = select(_spans.c.id, _spans.c.input, _spans.c.output).where(
        _spans.c.task_trace_id == storable(task_trace_id), _spans.c.kind == "tool"
    )
    return {row.id: ToolText(row.input or "", row.output or "") for row in connection.execute(query)}


def read_ledger(connection: Connection, task_trace_id: str) -> list[LedgerRow]:
    """Span by span, line by line."""
    its_lines = select(_lines).where(_lines.c.task_trace_id == storable(task_trace_id))
    in_order = its_lines.order_by(_lines.c.billed_at, _lines.c.span_id, _lines.c.line)
    return [_line(row) for row in connection.execute(in_order)]


def _span(row: Row[Any]) -> SpanRow:
    return SpanRow(
        id=row.id,
        session_id=row.trace_session_id,
        kind=row.kind,
        attempt=row.attempt,
        status=row.status,
        model=row.model,
        response_model=row.response_model,
        request_id=row.request_id,
        http_status=row.http_status,
        stop_reason=row.stop_reason,
        usage=usage_of(row),
        usage_json=row.usage,
        total=row.cost_nanos,
        basis=row.cost_basis,
        cost_reason=row.cost_reason,
        started_at=row.started_at,
        ended_at=row.ended_at,
        duration_ms=row.duration_ms,
        time_to_first_token_ms=row.time_to_first_token_ms,
        error_type=row.error_type,
        error_text=row.error_text,
        iteration=row.iteration,
        tool_name=row.tool_name,
        tool_use_id=row.tool_use_id,
        output_size=row.output_size,
        output_kept=row.output_kept,
        waited_ms=row.waited_ms,
        sent_at=row.sent_at,
        answered_at=row.answered_at,
    )


def _line(row: Row[Any]) -> LedgerRow:
    return LedgerRow(
        span_id=row.span_id,
        line=row.line,
        model=row.model,
        unit=row.unit,
        quantity=row.quantity,
        unit_price_usd=None if row.unit_price_usd is None else Decimal(row.unit_price_usd),
        amount=row.amount_nanos,
        price_source=row.price_source,
        price_from=row.price_from,
        estimated=row.estimated,
        correction=row.correction,
        billed_at=row.billed_at,
        recorded_at=row.recorded_at,
    )
