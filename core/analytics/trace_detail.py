"""All that lies behind a trace: sessions, steps, ledger lines, when what happened, and that it all adds up."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias

from sqlalchemy import Connection, Row, func, select

from core.access.roles import Scope
from core.analytics.figures import usage_of
from core.analytics.filters import one
from core.analytics.trace_parts import ApprovalRow, LedgerRow, SpanRow, read_approvals, read_ledger, read_spans
from core.analytics.trace_row import NO_AGENT, TRACES, TraceRow, trace_row
from core.analytics.trace_tree import Place, SessionRow, in_order
from core.money import Nanos
from core.store.tables import Agent, Conversation, TaskTrace, TraceSession
from core.store.text import storable

Phase: TypeAlias = Literal["queue", "first token", "streaming", "waiting for approval", "tool"]

_traces, _sessions = TaskTrace.__table__, TraceSession.__table__
_agents, _conversations = Agent.__table__, Conversation.__table__
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Sum:
    """One level of the trace: what its parts come to, beside what the books say of it; None is not known."""

    level: Literal["span", "session", "trace"]
    id: str
    parts: int
    come_to: Nanos | None
    booked: Nanos | None

    @property
    def adds_up(self) -> bool:
        return self.come_to == self.booked


@dataclass(frozen=True, slots=True)
class Stretch:
    """What a span was doing from ``start`` to ``end``, in milliseconds since the message was sent."""

    span_id: str
    phase: Phase
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class TraceDetail:
    """``deleted``: the conversation's words are gone; ``texts``: else the reader may see them.

    All is in the order of the tree: things as they happened, and below each call of a tool what another agent did that
    it asked. ``approvals`` are by the tool's span.
    """

    trace: TraceRow
    owner_id: str | None
    deleted: bool
    texts: bool
    tree: tuple[Place, ...]
    ledger: tuple[LedgerRow, ...]
    approvals: Mapping[str, ApprovalRow]

    @property
    def sessions(self) -> list[SessionRow]:
        """The first one is the master agent's."""
        return [place.of for place in self.tree if isinstance(place.of, SessionRow)]

    @property
    def spans(self) -> list[SpanRow]:
        return [place.of for place in self.tree if isinstance(place.of, SpanRow)]

    @property
    def tools(self) -> list[SpanRow]:
        return [span for span in self.spans if span.is_tool]

    def lines_of(self, span_id: str) -> list[LedgerRow]:
        return [line for line in self.ledger if line.span_id == span_id]

    def sums(self) -> list[Sum]:
        """Compare sums level by level from the ledger lines up; a running trace's costs are not booked yet."""
        found = [_sum("span", span.id, self.lines_of(span.id), span.total) for span in self.spans]
        found += [_sum("session", each.id, each.spans, each.total) for each in self.sessions]
        return [*found, _sum("trace", self.trace.id, self.sessions, self.trace.total)]

    def stretches(self) -> list[Stretch]:
        """Return what each span did when; a step that still runs has none after its queue."""
        return [each for span in self.spans for each in _stretches(span, self.trace.started_at)]


def _sum(level: Literal["span", "session", "trace"], id_: str, parts: Sequence[Any], booked: Nanos | None) -> Sum:
    """Parts have ``total``, but ledger lines ``amount``."""
    amounts = [part.amount if isinstance(part, LedgerRow) else part.total for part in parts]
    known = [amount for amount in amounts if amount is not None]
    unknown = len(known) < len(amounts) or (booked is None and not amounts)
    return Sum(level, id_, len(parts), None if unknown else sum(known), booked)


def _stretches(span: SpanRow, sent_at: datetime) -> list[Stretch]:
    """Return the stretches; an interrupted span's end is when that was noticed, so its duration decides."""
    begin = max((span.started_at - sent_at) // _MILLISECOND, 0)
    if span.ended_at is None or span.duration_ms is None:
        return []
    end = begin + span.duration_ms
    if span.status != "interrupted":
        end = max((span.ended_at - sent_at) // _MILLISECOND, begin)
    return list(_of_tool(span, begin, end) if span.is_tool else _of_call(span, begin, end, span.duration_ms))


def _of_call(span: SpanRow, begin: int, end: int, took: int) -> Iterator[Stretch]:
    """Its row begins when it is its turn; the call, whose duration is known, may have to wait after that."""
    called = min(max(end - took, begin), end)
    first = end if span.time_to_first_token_ms is None else min(called + span.time_to_first_token_ms, end)
    phases: tuple[tuple[Phase, int, int], ...] = (
        ("queue", begin, called),
        ("first token", called, first),
        ("streaming", first, end),
    )
    return (Stretch(span.id, phase, start, stop) for phase, start, stop in phases if stop > start)


def _of_tool(span: SpanRow, begin: int, end: int) -> Iterator[Stretch]:
    """Place a tool on the axis, also one that took no time at all."""
    ran = min(begin + (span.waited_ms or 0), end)
    if ran > begin:
        yield Stretch(span.id, "waiting for approval", begin, ran)
    if end > ran or ran == begin:
        yield Stretch(span.id, "tool", ran, end)


def read_detail(connection: Connection, limits: Scope, task_trace_id: str) -> TraceDetail | None:
    """Read a trace; None also if it lies outside the limits."""
    query = TRACES.add_columns(_traces.c.owner_id, _conversations.c.deleted_at).where(*one(limits, task_trace_id))
    row = connection.execute(query.outerjoin(_conversations, _conversations.c.id == _traces.c.conversation_id)).first()
    if row is None:
        return None
    tree = tuple(in_order(_read_sessions(connection, task_trace_id, texts=limits.texts)))
    order = {place.of.id: number for number, place in enumerate(tree)}
    ledger = sorted(read_ledger(connection, task_trace_id), key=lambda line: (order[line.span_id], line.line))
    return TraceDetail(
        trace=trace_row(row),
        owner_id=row.owner_id,
        deleted=row.deleted_at is not None,
        texts=limits.texts,
        tree=tree,
        ledger=tuple(ledger),
        approvals=read_approvals(connection, task_trace_id, texts=limits.texts),
    )


def _read_sessions(connection: Connection, task_trace_id: str, *, texts: bool) -> list[SessionRow]:
    """Read sessions in the order they began."""
    spans = read_spans(connection, task_trace_id, texts=texts)
    query = (
        select(_sessions, func.coalesce(_agents.c.name, NO_AGENT).label("agent_name"))
        .outerjoin(_agents, _agents.c.id == _sessions.c.agent_id)
        .where(_sessions.c.task_trace_id == storable(task_trace_id))
        .order_by(_sessions.c.started_at, _sessions.c.id)
    )
    return [
        _session(row, [span for span in spans if span.session_id == row.id], tuple(row.notes or ()) if texts else ())
        for row in connection.execute(query)
    ]


def _session(row: Row[Any], spans: list[SpanRow], notes: tuple[str, ...]) -> SessionRow:
    return SessionRow(
        id=row.id,
        parent_span_id=row.parent_span_id,
        agent_name=row.agent_name,
        agent_version=row.agent_version,
        session_type=row.session_type,
        model=row.model,
        status=row.status,
        usage=usage_of(row),
        total=row.cost_nanos,
        basis=row.cost_basis,
        started_at=row.started_at,
        duration_ms=row.duration_ms,
        spans=tuple(spans),
        notes=notes,
    )
