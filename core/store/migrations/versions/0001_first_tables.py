"""The first tables: people, agents, conversations, and the books with a ledger that takes no change."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

Columns = dict[str, Any]

_WORD, _TEXT, _SMALL, _BIG, _FLAG = sa.String(), sa.Text(), sa.Integer(), sa.BigInteger(), sa.Boolean()
_TIME, _JSON = sa.DateTime(timezone=True), sa.JSON()
_RUNNING = sa.text("status = 'running'")
_TALLY_OPTIONAL = ["cost_nanos", "cost_basis", "ended_at", "duration_ms", "time_to_first_token_ms"]
_TALLY_OPTIONAL += ["error_type", "error_text"]


def upgrade() -> None:
    _people_and_agents()
    _conversations()
    _traces()
    _spans()
    _ledger()
    _freeze("ledger_lines", key=("span_id", "line"))
    _freeze("agent_versions", key=("agent_id", "number"))


def _people_and_agents() -> None:
    _table(
        "users",
        {"id": _WORD, "email": _TEXT, "name": _TEXT, "role": _WORD, "created_at": _TIME},
        sa.UniqueConstraint("email", name="uq_users_email"),
    )
    _table(
        "agents",
        {"id": _WORD, "name": _TEXT, "active": _FLAG, "current_version": _SMALL, "created_at": _TIME},
        sa.UniqueConstraint("name", name="uq_agents_name"),
    )
    _table(
        "agent_versions",
        {"agent_id": _WORD, "number": _SMALL, "name": _TEXT, "description": _TEXT, "model": _TEXT}
        | {"system_prompt": _TEXT, "max_output_tokens": _SMALL, "thinking": _FLAG, "starters": _JSON}
        | {"created_at": _TIME, "created_by": _WORD},
        *_references("agent_versions", agent_id="agents", created_by="users"),
        key=("agent_id", "number"),
    )


def _conversations() -> None:
    _table(
        "conversations",
        {"id": _WORD, "owner_id": _WORD, "agent_id": _WORD, "title": _TEXT, "created_at": _TIME, "updated_at": _TIME}
        | {"archived_at": _TIME, "deleted_at": _TIME},
        *_references("conversations", owner_id="users", agent_id="agents"),
        optional=("archived_at", "deleted_at"),
    )
    _table(
        "messages",
        {"id": _WORD, "conversation_id": _WORD, "task_trace_id": _WORD, "role": _WORD, "status": _WORD}
        | {"content": _JSON, "text": _TEXT, "created_at": _TIME, "replaced_at": _TIME},
        *_references("messages", conversation_id="conversations"),
        optional=("task_trace_id", "replaced_at"),
    )
    op.create_index("ix_conversations_owner_updated", "conversations", ["owner_id", "updated_at"])
    op.create_index("ix_messages_conversation", "messages", ["conversation_id", "id"])
    op.create_index("ix_messages_task_trace_id", "messages", ["task_trace_id"])


def _tally() -> Columns:
    counts = ["input", "cache_write_5m", "cache_write_1h", "cache_read", "output", "thinking"]
    return (
        {"status": _WORD, "cost_nanos": _BIG, "cost_basis": _WORD}
        | {f"{count}_tokens": _BIG for count in counts}
        | {"web_searches": _BIG, "started_at": _TIME, "ended_at": _TIME, "duration_ms": _BIG}
        | {"time_to_first_token_ms": _BIG, "error_type": _TEXT, "error_text": _TEXT}
    )


def _traces() -> None:
    _table(
        "task_trace",
        {"id": _WORD, "owner_id": _WORD, "master_agent_id": _WORD, "conversation_id": _WORD, "instruction": _TEXT}
        | {"source": _WORD, "instance_id": _WORD, "heartbeat_at": _TIME}
        | _tally(),
        *_references("task_trace", owner_id="users", master_agent_id="agents", conversation_id="conversations"),
        optional=_TALLY_OPTIONAL,
    )
    running: Columns = {"sqlite_where": _RUNNING, "postgresql_where": _RUNNING}
    op.create_index("uq_task_trace_running_conversation", "task_trace", ["conversation_id"], unique=True, **running)
    op.create_index("ix_task_trace_running", "task_trace", ["instance_id"], **running)
    op.create_index("ix_task_trace_started", "task_trace", ["started_at", "id"])
    op.create_index("ix_task_trace_conversation_id", "task_trace", ["conversation_id"])
    _table(
        "trace_sessions",
        {"id": _WORD, "task_trace_id": _WORD, "agent_id": _WORD, "agent_version": _SMALL}
        | {"session_type": _WORD, "model": _TEXT}
        | _tally(),
        *_references("trace_sessions", task_trace_id="task_trace", agent_id="agents"),
        optional=_TALLY_OPTIONAL,
    )
    op.create_index("ix_trace_sessions_task_trace_id", "trace_sessions", ["task_trace_id"])


def _spans() -> None:
    optional: Columns = {"response_model": _TEXT, "request_id": _TEXT, "http_status": _SMALL, "stop_reason": _TEXT}
    optional |= {"usage": _JSON, "cost_reason": _TEXT}
    _table(
        "trace_spans",
        {"id": _WORD, "trace_session_id": _WORD, "task_trace_id": _WORD, "kind": _WORD, "attempt": _SMALL}
        | {"model": _TEXT}
        | optional
        | _tally(),
        *_references("trace_spans", trace_session_id="trace_sessions", task_trace_id="task_trace"),
        optional=[*_TALLY_OPTIONAL, *optional],
    )
    op.create_index("ix_trace_spans_trace_session_id", "trace_spans", ["trace_session_id"])
    op.create_index("ix_trace_spans_task_trace_id", "trace_spans", ["task_trace_id"])


def _ledger() -> None:
    optional: Columns = {"unit_price_usd": _WORD, "amount_nanos": _BIG, "price_source": _TEXT, "price_from": _TIME}
    _table(
        "ledger_lines",
        {"span_id": _WORD, "line": _SMALL, "task_trace_id": _WORD, "model": _TEXT, "unit": _WORD, "quantity": _BIG}
        | optional
        | {"estimated": _FLAG, "correction": _FLAG, "billed_at": _TIME, "recorded_at": _TIME},
        *_references("ledger_lines", span_id="trace_spans", task_trace_id="task_trace"),
        key=("span_id", "line"),
        optional=optional,
    )
    op.create_index("ix_ledger_lines_billed", "ledger_lines", ["billed_at"])
    op.create_index("ix_ledger_lines_task_trace_id", "ledger_lines", ["task_trace_id"])
    # No number is ever given again: whoever clears a mark it saw must not hit a later one.
    _table("dirty_buckets", {"id": _BIG.with_variant(_SMALL, "sqlite"), "hour": _TIME}, sqlite_autoincrement=True)
    op.create_index("ix_dirty_buckets_hour", "dirty_buckets", ["hour"])


def _table(
    name: str, columns: Columns, *constraints: Any, key: Any = ("id",), optional: Any = (), **options: Any
) -> None:
    made = [sa.Column(column, kind, nullable=column in optional) for column, kind in columns.items()]
    op.create_table(name, *made, sa.PrimaryKeyConstraint(*key, name=f"pk_{name}"), *constraints, **options)


def _references(table: str, **targets: str) -> list[sa.ForeignKeyConstraint]:
    return [
        sa.ForeignKeyConstraint([column], [f"{target}.id"], name=f"fk_{table}_{column}")
        for column, target in targets.items()
    ]


def _freeze(table: str, key: tuple[str, str]) -> None:
    """Let rows only be added: every other change fails with the table's name and the words append-only."""
    if op.get_context().dialect.name == "sqlite":
        _freeze_on_sqlite(table, key)
    else:
        _freeze_on_postgresql(table)


def _freeze_on_sqlite(table: str, key: tuple[str, str]) -> None:
    refuse = f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    for event in ("UPDATE", "DELETE"):
        op.execute(f"CREATE TRIGGER {table}_no_{event.lower()} BEFORE {event} ON {table} {refuse}")
    # INSERT OR REPLACE takes the old row away without a word to the triggers on DELETE.
    same = " AND ".join(f"{table}.{column} = NEW.{column}" for column in key)
    taken = sa.select(sa.exists().select_from(sa.table(table)).where(sa.text(same)))
    op.execute(f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} WHEN ({taken}) {refuse}")


def _freeze_on_postgresql(table: str) -> None:
    op.execute(
        f"CREATE FUNCTION {table}_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"RAISE EXCEPTION '{table} is append-only' USING ERRCODE = 'integrity_constraint_violation'; END $$"
    )
    refuse = f"EXECUTE FUNCTION {table}_refuse()"
    op.execute(f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW {refuse}")
    op.execute(f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT {refuse}")
