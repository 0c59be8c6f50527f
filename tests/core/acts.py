"""Turns in which agents act, put straight into the tables: calls of models and tools, consent, other agents."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert

from core.clock import new_id
from core.store.database import Store
from core.store.tables import LedgerLine, Row, TaskTrace, TraceSession, TraceSpan
from core.store.tool_tables import ToolApproval
from tests.core.rows import AT, MODEL

_TOKENS = ("input", "cache_write_5m", "cache_write_1h", "cache_read", "output", "thinking")
_NONE: dict[str, int] = {f"{name}_tokens": 0 for name in _TOKENS} | {"web_searches": 0}
_PRICE = {"unit_price_usd": "0.000003", "price_source": "https://example.org/prices", "price_from": AT}


@dataclass
class Acts:
    """Times are milliseconds since the turn began; ``write`` adds up the costs and puts it all into the books."""

    store: Store
    owner: str
    agent: str
    conversation: str
    at: datetime = AT
    trace: str = field(default_factory=new_id)
    rows: dict[type[Row], list[dict[str, Any]]] = field(default_factory=dict)

    def session(self, agent: str, begin: int, took: int, *, parent: str | None = None, **columns: Any) -> str:
        kind = {"session_type": "simulated", "model": MODEL, "parent_span_id": parent}
        who = {"task_trace_id": self.trace, "agent_id": agent, "agent_version": 1}
        who["trace_started_at"] = self.at if parent else None
        return self._add(TraceSession, {**self._step(begin, took), **who, **kind, **columns})

    def call(self, session: str, iteration: int, begin: int, took: int, *, cost: int = 1_000, **columns: Any) -> str:
        """Of a model, with one ledger line."""
        model = next(each["model"] for each in self.rows[TraceSession] if each["id"] == session)
        first = {"time_to_first_token_ms": took // 3, "input_tokens": 10, "output_tokens": 20}
        kind = {"kind": "model_call", "attempt": 1, "iteration": iteration, "model": model, "cost_nanos": cost}
        span = self._span(session, begin, took, {**first, **kind, **columns})
        key = {"span_id": span, "line": 1, "task_trace_id": self.trace, "model": model, "unit": "input"}
        times = {"billed_at": self._time(begin), "recorded_at": self._time(begin + took)}
        amount = {"quantity": 10, "amount_nanos": cost, "uncached_nanos": None, "estimated": False, "correction": False}
        self.rows.setdefault(LedgerLine, []).append({**key, **amount, **times, **_PRICE})
        return span

    def tool(self, session: str, iteration: int, name: str, begin: int, took: int, **columns: Any) -> str:
        texts = {"input": '{"expression": "6*7"}', "output": "42", "output_size": 2}
        kind = {"kind": "tool", "attempt": 1, "iteration": iteration, "model": "", "tool_name": name}
        return self._span(session, begin, took, {**kind, "tool_use_id": new_id(), **texts, **columns})

    def consent(self, span: str, decision: str | None, by: str | None = None, reason: str = "") -> None:
        tool = next(each["tool_name"] for each in self.rows[TraceSpan] if each["id"] == span)
        asked = {"span_id": span, "task_trace_id": self.trace, "tool_name": tool, "asked_at": self.at}
        answer = {"decision": decision, "decided_by": by, "decided_at": self.at, "reason": reason}
        self.rows.setdefault(ToolApproval, []).append({**asked, **answer, "expires_at": self.at + timedelta(hours=1)})

    def write(self, took: int = 9_000, **columns: Any) -> str:
        """The trace's id."""
        self._add_up()
        sessions = self.rows[TraceSession]
        who = {"owner_id": self.owner, "master_agent_id": self.agent, "conversation_id": self.conversation}
        how = {"instruction": "What was asked", "source": "chat", "instance_id": "test:1:a", "heartbeat_at": self.at}
        how["provenance"] = "simulated"
        model = {"model": sessions[0]["model"], "status": "completed"}
        whole = {**self._step(0, took), **who, **how, **model, **_sums(sessions), **columns, "id": self.trace}
        self.rows[TaskTrace] = [whole]
        self.add()
        return self.trace

    def add(self) -> None:
        """Put it into the books, beside what they have of the trace."""
        self._add_up()
        self.store.write(self._put).result()

    def _add_up(self) -> None:
        for session in self.rows[TraceSession]:
            own = [span for span in self.rows[TraceSpan] if span["trace_session_id"] == session["id"]]
            session.update(_sums(own))

    def _put(self, connection: Connection) -> None:
        for table in (TaskTrace, TraceSession, TraceSpan, LedgerLine, ToolApproval):
            for row in self.rows.get(table, ()):
                connection.execute(insert(table.__table__), row)

    def _span(self, session: str, begin: int, took: int, columns: dict[str, Any]) -> str:
        own = {"trace_session_id": session, "task_trace_id": self.trace}
        return self._add(TraceSpan, {**self._step(begin, took), **own, **columns})

    def _add(self, table: type[Row], row: dict[str, Any]) -> str:
        self.rows.setdefault(table, []).append(row)
        return str(row["id"])

    def _step(self, begin: int, took: int) -> dict[str, Any]:
        times = {"started_at": self._time(begin), "ended_at": self._time(begin + took), "duration_ms": took}
        cost = {"cost_nanos": 0, "cost_basis": "computed", "time_to_first_token_ms": None}
        return {"id": new_id(), "status": "success", **_NONE, **cost, **times}

    def _time(self, milliseconds: int) -> datetime:
        return self.at + timedelta(milliseconds=milliseconds)


def _sums(parts: list[dict[str, Any]]) -> dict[str, Any]:
    costs = [part["cost_nanos"] for part in parts]
    tokens = {name: sum(part[name] for part in parts) for name in _NONE}
    return {**tokens, "cost_nanos": None if None in costs else sum(costs)}


@dataclass(frozen=True)
class Errand:
    """A turn in which everything occurs; ``spans`` and ``sessions`` by what they are."""

    trace: str
    spans: dict[str, str]
    sessions: dict[str, str]


def an_errand(acts: Acts, researcher: str, archivist: str, *, output: str = "42") -> Errand:
    """The agent calls two tools at once, one after consent, then asks a researcher, who asks an archivist."""
    session = {"master": acts.session(acts.agent, 0, 9_000)}
    span = {
        "refused": acts.call(session["master"], 1, 0, 300, cost=0, status="failed", error_type="overloaded_error"),
        "first": acts.call(session["master"], 1, 800, 1_200, attempt=2, cost=5_000),
        "calculator": acts.tool(session["master"], 1, "calculator", 2_000, 0, output=output, output_size=len(output)),
        "fetch": acts.tool(
            session["master"],
            1,
            "fetch_url",
            2_010,
            2_400,
            waited_ms=1_500,
            output="x" * 20_001,
            output_size=52_400_000,
        ),
        "denied": acts.tool(
            session["master"], 1, "fetch_url", 2_020, 900, waited_ms=900, status="failed", error_type="denied"
        ),
    }
    span["ask"] = acts.tool(session["master"], 1, "ask_researcher", 2_030, 5_000)
    session["researcher"] = acts.session(researcher, 2_040, 4_980, parent=span["ask"], model="claude-haiku-5-5")
    span["research"] = acts.call(session["researcher"], 1, 2_040, 1_000, cost=300)
    span["ask further"] = acts.tool(session["researcher"], 1, "ask_archivist", 3_060, 2_000)
    session["archivist"] = acts.session(archivist, 3_070, 1_980, parent=span["ask further"], model="claude-opus-5-5")
    span["archive"] = acts.call(session["archivist"], 1, 3_070, 1_980, cost=40)
    span["report"] = acts.call(session["researcher"], 2, 5_080, 1_900, cost=2)
    span["last"] = acts.call(session["master"], 2, 7_100, 1_900, cost=7_000)
    acts.consent(span["fetch"], "approved", acts.owner)
    acts.consent(span["denied"], "denied", acts.owner, "Not <b>this</b> site")
    return Errand(acts.write(), span, session)
