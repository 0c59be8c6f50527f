"""The tables; their names are part of the product's contract.

Money is BIGINT nano-dollars, times are UTC and refuse naive values, ids are UUIDv7 text. What people and
providers write is kept whatever it holds (see text.py). Token columns hold disjoint buckets: ``input_tokens`` are the
uncached ones, ``thinking_tokens`` are a part of ``output_tokens``.
"""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, Column, Integer, MetaData, Table, text
from sqlalchemy import Index as SqlIndex
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from core.store.text import StorableText
from core.units import COUNTS, FIRST

NAMING = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Row(SQLModel, registry=registry(metadata=MetaData(naming_convention=NAMING))):
    """A base of our own: a hot reload that keeps SQLModel but drops this module can define the tables again."""

    __table__: ClassVar[Table]


class Tally(Row):
    """What a trace, a session and a span all carry; a parent's figures are the sums of its children's.

    ``cost_nanos`` is None while it is unknown: still running, or a part of it has no known price. ``add_counts`` gives
    it a column for each count of core/units.py.
    """

    status: str = "running"
    cost_nanos: int | None = Field(None, sa_type=BigInteger)
    cost_basis: str | None = None
    started_at: datetime
    ended_at: datetime | None = None
    duration_ms: int | None = Field(None, sa_type=BigInteger)
    time_to_first_token_ms: int | None = Field(None, sa_type=BigInteger)
    error_type: str | None = Field(None, sa_type=StorableText)
    error_text: str | None = Field(None, sa_type=StorableText)


class Agent(Row, table=True):
    """An agent's lasting identity; all that can change about it lives in its versions."""

    __tablename__ = "agents"
    id: str = Field(primary_key=True)
    name: str = Field(unique=True, sa_type=StorableText)
    active: bool = True
    current_version: int
    created_at: datetime


class AgentVersion(Row, table=True):
    """One immutable state of an agent; the database refuses changes to it.

    ``tools`` and ``ask_first`` are names, ``delegates`` ids of agents; None is as good as none. The limits hold for
    one answer; None sets none of its own.
    """

    __tablename__ = "agent_versions"
    agent_id: str = Field(primary_key=True, foreign_key="agents.id")
    number: int = Field(primary_key=True)
    name: str = Field(sa_type=StorableText)
    description: str = Field(sa_type=StorableText)
    model: str = Field(sa_type=StorableText)
    system_prompt: str = Field(sa_type=StorableText)
    max_output_tokens: int
    thinking: bool
    starters: list[str] = Field(sa_type=JSON)
    tools: list[str] | None = Field(None, sa_type=JSON(none_as_null=True))
    ask_first: list[str] | None = Field(None, sa_type=JSON(none_as_null=True))
    delegates: list[str] | None = Field(None, sa_type=JSON(none_as_null=True))
    max_iterations: int | None = None
    max_cost_nanos: int | None = Field(None, sa_type=BigInteger)
    max_seconds: int | None = None
    max_answer_tokens: int | None = Field(None, sa_type=BigInteger)
    created_at: datetime
    created_by: str = Field(foreign_key="users.id")


class Conversation(Row, table=True):
    """A deleted one keeps its row, without title and messages, because the books point at it."""

    __tablename__ = "conversations"
    __table_args__ = (SqlIndex("ix_conversations_owner_updated", "owner_id", "updated_at"),)
    id: str = Field(primary_key=True)
    owner_id: str = Field(foreign_key="users.id")
    agent_id: str = Field(foreign_key="agents.id")
    title: str = Field(sa_type=StorableText)
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None = None
    deleted_at: datetime | None = None


class Message(Row, table=True):
    """``content`` is the provider's content blocks, byte for byte; ``text`` is their plain text for search.

    An answer that used tools holds their results as well, each after the calls it was asked for with.

    ``status`` is complete, running, or partial for an answer that was cut short. A message that an edit or a retry
    replaced stays, with ``replaced_at`` set.
    """

    __tablename__ = "messages"
    __table_args__ = (SqlIndex("ix_messages_conversation", "conversation_id", "id"),)
    id: str = Field(primary_key=True)
    conversation_id: str = Field(foreign_key="conversations.id")
    task_trace_id: str | None = Field(None, index=True)
    role: str
    status: str
    content: list[dict[str, Any]] = Field(sa_type=JSON)
    text: str = Field(sa_type=StorableText)
    created_at: datetime
    replaced_at: datetime | None = None


USUAL = {"status": "completed", "cost_basis": "computed"}
"""What nearly every trace has: only the others are indexed, and found by saying that they are others."""
_FOUND_BY = ("master_agent_id", "model", "owner_id", "provenance")


def _exceptions(column: str, usual: str) -> SqlIndex:
    where = text(f"{column} <> '{usual}'")
    name = f"ix_task_trace_{column}_started"
    return SqlIndex(name, column, "started_at", "id", sqlite_where=where, postgresql_where=where)


class TaskTrace(Tally, table=True):
    """One request, which came from ``source``. Only one that runs here has an instance; one from elsewhere may be of no
    person, agent or conversation that is known here.

    ``status``: running, completed, failed, stopped or interrupted; ``model`` is the one asked, ``answered_model`` the
    one that wrote the last reply, where it is known to be another. ``stop_asked_at`` is set where another process
    shall stop it than the one that was asked to, and ``watched_at`` now and then while another process than its own
    has readers of it. ``provenance``: real, simulated or demo; ``key_source`` is whose key paid (own, organisation or
    environment) and ``key_label`` its last characters.
    """

    __tablename__ = "task_trace"
    __table_args__ = (
        SqlIndex(
            "uq_task_trace_running_conversation",
            "conversation_id",
            unique=True,
            sqlite_where=text("status = 'running'"),
            postgresql_where=text("status = 'running'"),
        ),
        SqlIndex(
            "ix_task_trace_running",
            "instance_id",
            sqlite_where=text("status = 'running'"),
            postgresql_where=text("status = 'running'"),
        ),
        SqlIndex("ix_task_trace_started", "started_at", "id"),
        *(SqlIndex(f"ix_task_trace_{by}_started", by, "started_at", "id") for by in _FOUND_BY),
        *(_exceptions(column, usual) for column, usual in USUAL.items()),
    )
    id: str = Field(primary_key=True)
    owner_id: str | None = Field(None, foreign_key="users.id")
    master_agent_id: str | None = Field(None, foreign_key="agents.id")
    conversation_id: str | None = Field(None, foreign_key="conversations.id", index=True)
    model: str = Field("", sa_type=StorableText, sa_column_kwargs={"server_default": text("''")})
    instruction: str = Field(sa_type=StorableText)
    source: str
    instance_id: str | None = None
    heartbeat_at: datetime | None = None
    stop_asked_at: datetime | None = None
    watched_at: datetime | None = None
    provenance: str = Field("real", sa_column_kwargs={"server_default": text("'real'")})
    key_source: str = Field("", sa_column_kwargs={"server_default": text("''")})
    key_label: str | None = None
    answered_model: str | None = Field(None, sa_type=StorableText)


def _delegated(name: str, *columns: str) -> SqlIndex:
    where = text("parent_span_id IS NOT NULL")
    return SqlIndex(name, *columns, sqlite_where=where, postgresql_where=where)


class TraceSession(Tally, table=True):
    """One agent's run on one model. ``status``: running, success, failed, stopped or interrupted.

    ``notes`` are what its reader was told of tools that it had to do without. ``parent_span_id`` is the call of a tool
    by which another agent asked for it, None for the master agent's; only with it there is ``trace_started_at``, which
    leads from an agent or a model to the newest traces it took part in.
    """

    __tablename__ = "trace_sessions"
    __table_args__ = (
        _delegated("ix_trace_sessions_delegated", "task_trace_id", "agent_id", "model"),
        _delegated("ix_trace_sessions_delegated_agent", "agent_id", "trace_started_at", "task_trace_id", "model"),
        _delegated("ix_trace_sessions_delegated_model", "model", "trace_started_at", "task_trace_id", "agent_id"),
    )
    id: str = Field(primary_key=True)
    task_trace_id: str = Field(foreign_key="task_trace.id", index=True)
    agent_id: str | None = Field(None, foreign_key="agents.id")
    agent_version: int | None = None
    session_type: str
    model: str = Field(sa_type=StorableText)
    notes: list[str] | None = Field(None, sa_type=JSON(none_as_null=True))
    parent_span_id: str | None = None
    trace_started_at: datetime | None = None


class TraceSpan(Tally, table=True):
    """One step; each attempt at a model call is a span of its own, and so is each call of a tool.

    ``kind`` is model_call or tool, ``status`` as for sessions, ``iteration`` counts from 1 how often the model was
    asked. ``input`` is JSON text and ``output`` the result, both cut; ``output_size`` is the whole result's in bytes.
    ``waited_ms`` is the part of its duration in which a tool waited for somebody's consent. A model call was sent at
    ``sent_at``, as far as is known, and answered at ``answered_at`` (headers); ``most_nanos`` it could cost, if known.
    """

    __tablename__ = "trace_spans"
    id: str = Field(primary_key=True)
    trace_session_id: str = Field(foreign_key="trace_sessions.id", index=True)
    task_trace_id: str = Field(foreign_key="task_trace.id", index=True)
    kind: str
    attempt: int
    model: str = Field(sa_type=StorableText)
    response_model: str | None = Field(None, sa_type=StorableText)
    request_id: str | None = Field(None, index=True, sa_type=StorableText)
    http_status: int | None = None
    stop_reason: str | None = Field(None, sa_type=StorableText)
    usage: dict[str, Any] | None = Field(None, sa_type=JSON(none_as_null=True))
    cost_reason: str | None = Field(None, sa_type=StorableText)
    iteration: int = Field(1, sa_column_kwargs={"server_default": text("1")})
    tool_name: str | None = Field(None, sa_type=StorableText)
    tool_use_id: str | None = Field(None, sa_type=StorableText)
    input: str | None = Field(None, sa_type=StorableText)
    output: str | None = Field(None, sa_type=StorableText)
    output_size: int | None = Field(None, sa_type=BigInteger)
    waited_ms: int | None = Field(None, sa_type=BigInteger)
    sent_at: datetime | None = None
    answered_at: datetime | None = None
    most_nanos: int | None = Field(None, sa_type=BigInteger)


def add_counts(table: Table) -> None:
    """Add the columns of what is counted."""
    for place, count in enumerate(COUNTS):
        default = text("0") if place >= FIRST else None
        table.append_column(Column(count.column, BigInteger, nullable=False, default=0, server_default=default))


for _tally in (TaskTrace, TraceSession, TraceSpan):
    add_counts(_tally.__table__)


class LedgerLine(Row, table=True):
    """One billed quantity, append-only: a correction is a further line, the database refuses any other change.

    ``unit_price_usd`` is exact decimal text for one unit; ``amount_nanos`` is None where no price is known.
    ``uncached_nanos`` is what tokens written to or read from the cache would have cost as plain input.
    """

    __tablename__ = "ledger_lines"
    __table_args__ = (SqlIndex("ix_ledger_lines_billed", "billed_at"),)
    span_id: str = Field(primary_key=True, foreign_key="trace_spans.id")
    line: int = Field(primary_key=True)
    task_trace_id: str = Field(foreign_key="task_trace.id", index=True)
    model: str = Field(sa_type=StorableText)
    unit: str
    quantity: int = Field(sa_type=BigInteger)
    unit_price_usd: str | None = None
    amount_nanos: int | None = Field(None, sa_type=BigInteger)
    uncached_nanos: int | None = Field(None, sa_type=BigInteger)
    price_source: str | None = Field(None, sa_type=StorableText)
    price_from: datetime | None = None
    estimated: bool
    correction: bool = False
    billed_at: datetime
    recorded_at: datetime


class DirtyBucket(Row, table=True):
    """A mark that an hour's sums changed; marks are only ever added, so that clearing one that was seen loses none.

    Nor is the number of a cleared one given again, as SQLite would by itself.
    """

    __tablename__ = "dirty_buckets"
    __table_args__ = {"sqlite_autoincrement": True}
    id: int | None = Field(
        None,
        primary_key=True,
        sa_type=BigInteger().with_variant(Integer, "sqlite"),
    )
    hour: datetime = Field(index=True)
