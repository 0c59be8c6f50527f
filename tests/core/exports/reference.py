"""The files once more, slowly and plainly: every table read as it is, filtered and written by Python."""

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, select

from core.analytics.filters import TraceFilter
from core.exports.columns import FILES, FileName
from core.store.access import User
from core.store.database import Store
from core.store.tables import Agent, LedgerLine, Row, TaskTrace, TraceSession, TraceSpan

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def written(store: Store, file: FileName, chosen: TraceFilter) -> bytes:
    """To the byte what the file of that choice, which has no text, must be."""
    with store.read() as connection:
        rows = (_trace_rows if file == "traces" else _ledger_rows)(connection, chosen)
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(column.name for column in FILES[file].columns)
        writer.writerows(rows)
    return text.getvalue().encode()


def chosen_traces(connection: Connection, chosen: TraceFilter) -> list[Any]:
    sessions = _all(connection, TraceSession)
    found = [
        trace
        for trace in _all(connection, TaskTrace)
        if _is_chosen(trace, chosen)
        and (
            _is_session_chosen(trace.master_agent_id, trace.model, chosen)
            or any(
                _is_session_chosen(each.agent_id, each.model, chosen)
                for each in sessions
                if each.task_trace_id == trace.id
            )
        )
    ]
    return sorted(found, key=lambda trace: (trace.started_at, trace.id), reverse=True)


def _is_chosen(trace: Any, chosen: TraceFilter) -> bool:
    among: list[tuple[Any, Iterable[str]]] = [
        (trace.owner_id, chosen.people),
        (trace.status, chosen.statuses),
        (trace.cost_basis, chosen.bases),
        (trace.provenance, chosen.provenances),
        (trace.key_source, chosen.key_sources),
    ]
    in_time = (chosen.start is None or trace.started_at >= chosen.start) and (
        chosen.end is None or trace.started_at < chosen.end
    )
    return in_time and all(not values or value in values for value, values in among)


def _is_session_chosen(agent: str, model: str, chosen: TraceFilter) -> bool:
    return (not chosen.agents or agent in chosen.agents) and (not chosen.models or model in chosen.models)


def _trace_rows(connection: Connection, chosen: TraceFilter) -> Iterable[list[Any]]:
    person, agent = _names(connection)
    attempts = Counter(span.task_trace_id for span in _all(connection, TraceSpan))
    emails = _emails(connection)
    for trace in chosen_traces(connection, chosen):
        who = person(trace.owner_id), agent(trace.master_agent_id), safe(trace.model), safe(trace.conversation_id)
        how = safe(trace.source), flag(trace.provenance != "real"), attempts[trace.id]
        written = trace.cache_write_5m_tokens, trace.cache_write_1h_tokens
        read = trace.cache_read_tokens, trace.output_tokens, trace.thinking_tokens, trace.web_searches
        took = trace.duration_ms, trace.time_to_first_token_ms, safe(trace.error_type)
        yield [
            *(safe(trace.id), time(trace.started_at), safe(trace.status), *who, *how, trace.input_tokens, *written),
            *(*read, usd(trace.cost_nanos), safe(trace.cost_basis), *took),
            *(safe(trace.owner_id), safe(emails[trace.owner_id]), safe(trace.master_agent_id)),
            *(safe(trace.key_source), safe(trace.key_label), safe(trace.provenance)),
        ]


def _ledger_rows(connection: Connection, chosen: TraceFilter) -> Iterable[list[Any]]:
    person, agent = _names(connection)
    lines = sorted(_all(connection, LedgerLine), key=lambda line: (line.span_id, line.line))
    sessions = {each.id: each for each in _all(connection, TraceSession)}
    spans, emails = {span.id: span for span in _all(connection, TraceSpan)}, _emails(connection)
    for trace in chosen_traces(connection, chosen):
        for line in lines:
            span = spans[line.span_id]
            session = sessions[span.trace_session_id]
            if line.task_trace_id != trace.id or not _is_session_chosen(session.agent_id, session.model, chosen):
                continue
            times = time(trace.started_at), time(line.billed_at), time(line.recorded_at)
            who = person(trace.owner_id), agent(session.agent_id), safe(line.model), safe(line.unit)
            money = safe(line.unit_price_usd), usd(line.amount_nanos), usd(line.uncached_nanos)
            price = safe(line.price_source), None if line.price_from is None else time(line.price_from)
            what = safe(trace.id), safe(line.span_id), line.line
            whose = safe(trace.owner_id), safe(emails[trace.owner_id]), safe(session.agent_id), safe(span.request_id)
            how = flag(trace.provenance != "real"), safe(trace.source), safe(trace.key_source)
            said = [safe((span.usage or {}).get(name)) for name in ("service_tier", "inference_geo")]
            certain = flag(line.estimated), flag(line.correction)
            reason = safe(span.cost_reason) if line.estimated or line.amount_nanos is None else None
            yield [
                *(*what, *times, *who, line.quantity, *money, *certain, *price),
                *(*whose, *how, *said, safe(trace.key_label), safe(trace.provenance), reason),
            ]


def _all(connection: Connection, table: type[Row]) -> list[Any]:
    return list(connection.execute(select(table.__table__)))


def _names(connection: Connection) -> tuple[Callable[[str], str | None], Callable[[str], str | None]]:
    people = {each.id: safe(each.name) for each in _all(connection, User)}
    agents = {each.id: safe(each.name) for each in _all(connection, Agent)}
    return people.__getitem__, agents.__getitem__


def _emails(connection: Connection) -> dict[str, str]:
    return {each.id: each.email for each in _all(connection, User)}


def safe(text: str | None) -> str | None:
    return f"'{text}" if text is not None and text.startswith(_FORMULA) else text


def time(at: datetime) -> str:
    return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def usd(nanos: int | None) -> str | None:
    return None if nanos is None else f"{Decimal(nanos).scaleb(-9):.9f}"


def flag(value: bool) -> str:
    return "true" if value else "false"
