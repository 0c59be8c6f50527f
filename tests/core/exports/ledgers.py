"""Traces with ledger lines put straight into the tables, holding whatever a test likes."""

import csv
import io
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, get_args

from sqlalchemy import Connection, insert, select, update

from core.analytics.filters import TraceFilter
from core.clock import new_id
from core.exports.columns import FileName
from core.exports.exports import Exports
from core.exports.links import Order
from core.store.database import Store
from core.store.tables import LedgerLine, TaskTrace, TraceSession, TraceSpan
from tests.core.rows import ADMIN, AT, MODEL, Rows, copied

KEY = b"k" * 32
EVERY_FILE: tuple[FileName, ...] = get_args(FileName)
_spans, _sessions, _traces = TraceSpan.__table__, TraceSession.__table__, TaskTrace.__table__


@dataclass
class Ledgers:
    """``people``, ``agents`` and ``models`` are those of the traces so far."""

    store: Store
    people: list[str] = field(default_factory=list)
    agents: list[str] = field(default_factory=list)
    models: list[str] = field(default_factory=list)

    @property
    def rows(self) -> Rows:
        return Rows(self.store)

    def names(self, person: str, agent: str) -> None:
        """What traces from now on belong to; an agent's name is given an ending that no other has."""
        self.people.append(self.rows.person(person))
        self.agents.append(self.rows.agent(self.people[-1], f"{agent}{new_id()}"))

    def trace(self, lines: list[dict[str, Any]], **tally: Any) -> str:
        """Its cost is the sum of its lines' amounts, None if one of them is."""
        conversation = self.rows.conversation(self.people[-1], self.agents[-1])
        self.models.append(tally.get("model", MODEL))
        amounts = [line.get("amount_nanos") for line in lines]
        cost = None if None in amounts else sum(amount or 0 for amount in amounts)
        trace = self.rows.trace(self.people[-1], self.agents[-1], conversation, **{"cost_nanos": cost, **tally})
        self.lines(trace, lines)
        return trace

    def delegated(self, trace: str, agent: str, model: str, amount: int) -> None:
        """A session that the trace's first step asked for, with one line of that amount."""
        self.models.append(model)
        with self.store.read() as connection:
            first = connection.execute(select(_spans).where(_spans.c.task_trace_id == trace)).mappings().first()
        assert first is not None
        names = {column.name for column in _sessions.c} & {column.name for column in _spans.c}
        shared = {name: first[name] for name in names} | {"model": model, "cost_nanos": amount, "id": new_id()}
        who = {"agent_id": agent, "agent_version": 1, "session_type": "simulated", "parent_span_id": first["id"]}
        who["trace_started_at"] = first["started_at"]
        span = {**first, **shared, "id": new_id(), "trace_session_id": shared["id"]}
        line = {**_line(0), "span_id": span["id"], "task_trace_id": trace, "amount_nanos": amount, "model": model}
        whole = update(_traces).where(_traces.c.id == trace).values(cost_nanos=_traces.c.cost_nanos + amount)

        def job(connection: Connection) -> None:
            connection.execute(insert(_sessions), {**shared, **who})
            connection.execute(insert(_spans), span)
            connection.execute(insert(LedgerLine.__table__), line)
            connection.execute(whole)

        self.store.write(job).result()

    def lines(self, trace: str, lines: list[dict[str, Any]]) -> None:
        with self.store.read() as connection:
            span = connection.execute(select(_spans).where(_spans.c.task_trace_id == trace)).mappings().first()
        assert span is not None
        key = {"span_id": span["id"], "task_trace_id": trace, "model": span["model"]}
        written = [{**_line(number), **key, **line} for number, line in enumerate(lines)]

        def job(connection: Connection) -> None:
            connection.execute(insert(LedgerLine.__table__), written)

        if written:
            self.store.write(job).result()

    def more_lines(self, trace: str, count: int) -> None:
        """So many more of the trace's line 0."""
        table = LedgerLine.__table__
        statement = copied(table, table.c.task_trace_id == trace, count, ["line"])
        self.store.write(lambda connection: connection.execute(statement).rowcount).result()


def _line(number: int) -> dict[str, Any]:
    price = {"unit_price_usd": "0.000003", "amount_nanos": 30_000, "uncached_nanos": None}
    source = {"price_source": "https://example.org/prices", "price_from": AT - timedelta(days=300)}
    times = {"billed_at": AT, "recorded_at": AT + timedelta(seconds=3)}
    marks = {"estimated": False, "correction": False}
    return {"line": number + 1, "model": MODEL, "unit": "input", "quantity": 10, **price, **source, **times, **marks}


def an_order(file: FileName, chosen: TraceFilter | None = None, zone: str = "UTC", rows: int | None = None) -> Order:
    return Order(new_id(), ADMIN.id, file, chosen or TraceFilter(), zone, rows)


def exports_on(store: Store) -> Exports:
    """Which the one who orders may have."""
    Rows(store).admin()
    return Exports(store, KEY)


def exported(store: Store, file: FileName, chosen: TraceFilter | None = None) -> bytes:
    download = exports_on(store).begin(an_order(file, chosen))
    try:
        return b"".join(download.pieces)
    finally:
        download.close()


def rows_of(file: bytes) -> list[dict[str, str]]:
    """As a program would read the file."""
    assert file.endswith(b"\r\n")
    return list(csv.DictReader(io.StringIO(file.decode(), newline=""), strict=True))
