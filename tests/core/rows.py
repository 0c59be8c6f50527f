"""Rows put straight into the tables: people, agents, conversations, messages and traces as a test needs them."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Insert, Integer, Table, Text, cast, insert, literal, select, true
from sqlalchemy.exc import IntegrityError

from core.access.roles import Person
from core.clock import new_id
from core.store.access import User
from core.store.database import Store
from core.store.tables import Agent, AgentVersion, Conversation, Message, Row, TaskTrace, TraceSession, TraceSpan

AT = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
MODEL = "claude-sonnet-5-5"
ADMIN = Person("an admin", "Admin", "admin")
"""Who may do everything; in the database after ``Rows.admin``."""


@dataclass(frozen=True)
class Rows:
    """Every method adds one thing, commits it and returns its id; keyword arguments are columns."""

    store: Store

    def person(self, name: str = "Ada") -> str:
        row = {"id": new_id(), "name": name, "role": "operator", "created_at": AT}
        return self._add(User, {**row, "email": f"{row['id']}@example.org"})

    def admin(self) -> None:
        """ADMIN, once."""
        row = {"id": ADMIN.id, "name": ADMIN.name, "role": ADMIN.role, "email": "admin@example.org", "created_at": AT}
        with suppress(IntegrityError):
            self._add(User, row)

    def agent(self, by: str, name: str = "Helper") -> str:
        agent = {"id": new_id(), "name": name, "active": True, "current_version": 1, "created_at": AT}
        version = {"agent_id": agent["id"], "number": 1, "name": name, "description": "", "model": MODEL}
        limits = {"system_prompt": "", "max_output_tokens": 100, "thinking": False, "starters": []}
        self._add(Agent, agent)
        self._put(AgentVersion, [{**version, **limits, "created_at": AT, "created_by": by}])
        return str(agent["id"])

    def conversation(self, owner: str, agent: str, title: str = "A talk", **columns: Any) -> str:
        row = {"id": new_id(), "owner_id": owner, "agent_id": agent, "title": title}
        return self._add(Conversation, {**row, "created_at": AT, "updated_at": AT, **columns})

    def message(self, conversation: str, role: str, text: str, trace: str | None = None, **columns: Any) -> str:
        row = {"id": new_id(), "conversation_id": conversation, "task_trace_id": trace, "role": role}
        said = {"status": "complete", "content": [{"type": "text", "text": text}], "text": text, "created_at": AT}
        return self._add(Message, {**row, **said, **columns})

    def trace(
        self, owner: str, agent: str, conversation: str, *, spans: int = 1, simulated: bool = True, **tally: Any
    ) -> str:
        return self.traces(owner, agent, conversation, [tally], spans=spans, simulated=simulated)[0]

    def traces(
        self,
        owner: str,
        agent: str,
        conversation: str,
        tallies: list[dict[str, Any]],
        *,
        spans: int = 1,
        simulated: bool = True,
    ) -> list[str]:
        """Completed ones unless a tally says otherwise, each with one session and so many spans."""
        whole = [{**_tally(), **tally} for tally in tallies]
        ids = [tally.pop("id", None) or new_id() for tally in whole]
        usual = "simulated" if simulated else "real"
        paid = [
            {"provenance": tally.pop("provenance", usual), "key_source": tally.pop("key_source", "")} for tally in whole
        ]
        pairs = list(zip(ids, whole, strict=True))
        who = {"owner_id": owner, "master_agent_id": agent, "conversation_id": conversation}
        how = {
            "instruction": "What was asked",
            "model": MODEL,
            "source": "chat",
            "instance_id": "test:1:a",
            "heartbeat_at": AT,
        }
        ran = {"agent_id": agent, "agent_version": 1, "model": MODEL}
        kind = {"session_type": "simulated" if simulated else "command-center"}
        begun = zip(pairs, paid, strict=True)
        self._put(TaskTrace, [{"id": trace, **who, **how, **tally, **by} for (trace, tally), by in begun])
        sessions = [{"id": new_id(), "task_trace_id": trace, **ran, **kind, **_step(tally)} for trace, tally in pairs]
        self._put(TraceSession, sessions)
        self._put(TraceSpan, [_span(session, number) for session in sessions for number in range(1, spans + 1)])
        return ids

    def copies(self, traces: Sequence[str], count: int) -> None:
        """So many more of each, made by the database itself: thousands take a moment, if not all began in the same."""
        keys: dict[type[Row], list[str]] = {TaskTrace: ["id"], TraceSession: ["id", "task_trace_id"]}
        keys[TraceSpan] = ["id", "task_trace_id", "trace_session_id"]

        def job(connection: Connection) -> None:
            for each, names in keys.items():
                table = each.__table__
                own = table.c.id if each is TaskTrace else table.c.task_trace_id
                connection.execute(copied(table, own.in_(traces), count, names))

        self.store.write(job).result()

    def _add(self, table: type[Row], row: dict[str, Any]) -> str:
        self._put(table, [row])
        return str(row["id"])

    def _put(self, table: type[Row], rows: list[dict[str, Any]]) -> None:
        def job(connection: Connection) -> None:
            connection.execute(insert(table.__table__), rows)

        if rows:
            self.store.write(job).result()


def copied(table: Table, chosen: ColumnElement[bool], count: int, keys: Sequence[str]) -> Insert:
    """Puts rows that are there in so many times more, with keys of their own."""
    first = select(literal(1).label("number")).cte("numbers", recursive=True)
    numbers = first.union_all(select(first.c.number + 1).where(first.c.number < count))
    number = numbers.c.number

    def value(column: ColumnElement[Any]) -> ColumnElement[Any]:
        if column.name not in keys:
            return column
        return column + number if isinstance(column.type, Integer) else column + ("-" + cast(number, Text))

    copies = select(*map(value, table.c)).join_from(table, numbers, true()).where(chosen)
    return insert(table).from_select([column.name for column in table.c], copies)


def _tally() -> dict[str, Any]:
    tokens = ("cache_write_5m", "cache_write_1h", "cache_read", "thinking")
    return {
        "status": "completed",
        "cost_nanos": 1_000,
        "cost_basis": "computed",
        "input_tokens": 10,
        "output_tokens": 20,
        "web_searches": 0,
        "started_at": AT,
        "ended_at": AT + timedelta(seconds=3),
        "duration_ms": 3_000,
        "time_to_first_token_ms": 400,
        "error_type": None,
        "error_text": None,
        **{f"{name}_tokens": 0 for name in tokens},
    }


def _step(tally: dict[str, Any]) -> dict[str, Any]:
    return {**tally, "status": "success" if tally["status"] == "completed" else tally["status"]}


def _span(session: dict[str, Any], number: int) -> dict[str, Any]:
    own = {"id": new_id(), "trace_session_id": session["id"], "kind": "model_call", "attempt": number}
    kept = {name: value for name, value in session.items() if name in {*_tally(), "task_trace_id", "model"}}
    return {**kept, **own}
