"""Who may come in: people who join and leave, sessions, tokens, one-time links, provider keys, the audit log."""

from collections.abc import Container
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

Columns = dict[str, Any]

_WORD, _TEXT, _BIG, _JSON = sa.String(), sa.Text(), sa.BigInteger(), sa.JSON()
_TIME = sa.DateTime(timezone=True)
_OF_ORGANISATION = sa.text("owner_id IS NULL")


def upgrade() -> None:
    for column in ("joined_at", "deactivated_at", "last_seen_at"):
        op.add_column("users", sa.Column(column, _TIME))
    for column in ("password_hash", "oidc_issuer", "oidc_subject"):
        op.add_column("users", sa.Column(column, _WORD))
    op.create_index("uq_users_oidc", "users", ["oidc_issuer", "oidc_subject"], unique=True)
    _what_signs_in()
    _provider_credentials()
    _audit_log()


def _what_signs_in() -> None:
    secret: Columns = {"id": _WORD, "digest": _WORD}
    life: Columns = {"created_at": _TIME, "expires_at": _TIME}
    visit: Columns = {
        "user_id": _WORD,
        "address": _TEXT,
        "user_agent": _TEXT,
        "last_seen_at": _TIME,
        "revoked_at": _TIME,
    }
    scope: Columns = {"user_id": _WORD, "name": _TEXT, "prefix": _WORD, "role": _WORD, "agents": _JSON}
    _of_a_person("login_sessions", secret | visit | life, optional={"revoked_at"})
    _of_a_person(
        "api_tokens",
        secret | scope | life | {"last_used_at": _TIME, "revoked_at": _TIME},
        optional={"agents", "last_used_at", "revoked_at"},
    )
    _of_a_person(
        "one_time_links",
        secret | {"kind": _WORD, "user_id": _WORD} | life | {"used_at": _TIME},
        optional={"user_id", "used_at"},
    )
    _table("sign_in_attempts", {"key": _WORD, "due_ms": _BIG}, key="key")
    op.create_index("ix_sign_in_attempts_due_ms", "sign_in_attempts", ["due_ms"])


def _provider_credentials() -> None:
    columns: Columns = {"id": _WORD, "owner_id": _WORD, "provider": _WORD, "encrypted": _WORD, "last_four": _WORD}
    columns |= {"created_at": _TIME, "created_by": _WORD, "tested_at": _TIME, "test_error": _TEXT}
    owner = _to_person("provider_credentials", "owner_id")
    _table("provider_credentials", columns, owner, optional={"owner_id", "tested_at", "test_error"})
    op.create_index("uq_provider_credentials_owner", "provider_credentials", ["owner_id", "provider"], unique=True)
    op.create_index(
        "uq_provider_credentials_organisation",
        "provider_credentials",
        ["provider"],
        unique=True,
        sqlite_where=_OF_ORGANISATION,
        postgresql_where=_OF_ORGANISATION,
    )


def _audit_log() -> None:
    columns: Columns = {"id": _WORD, "at": _TIME, "actor_id": _WORD, "action": _WORD}
    subject: Columns = {"subject_kind": _WORD, "subject_id": _WORD, "detail": _JSON}
    _table("audit_log", columns | subject, optional={"actor_id"})
    op.create_index("ix_audit_log_actor", "audit_log", ["actor_id", "id"])
    if op.get_context().dialect.name == "sqlite":
        _freeze_on_sqlite("audit_log")
    else:
        _freeze_on_postgresql("audit_log")


def _of_a_person(name: str, columns: Columns, *, optional: Container[str]) -> None:
    unique = sa.UniqueConstraint("digest", name=f"uq_{name}_digest")
    _table(name, columns, unique, _to_person(name, "user_id"), optional=optional)
    op.create_index(f"ix_{name}_user_id", name, ["user_id"])


def _to_person(table: str, column: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], ["users.id"], name=f"fk_{table}_{column}", ondelete="CASCADE")


def _table(
    name: str,
    columns: Columns,
    *constraints: sa.Constraint,
    optional: Container[str] = (),
    key: str = "id",
) -> None:
    made = [sa.Column(column, kind, nullable=column in optional) for column, kind in columns.items()]
    op.create_table(name, *made, sa.PrimaryKeyConstraint(key, name=f"pk_{name}"), *constraints)


def _freeze_on_sqlite(table: str) -> None:
    """INSERT OR REPLACE takes an old row away without a word to the triggers on DELETE, hence the third."""
    refuse = f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    for event in ("UPDATE", "DELETE"):
        op.execute(f"CREATE TRIGGER {table}_no_{event.lower()} BEFORE {event} ON {table} {refuse}")
    taken = sa.select(sa.exists().select_from(sa.table(table)).where(sa.text(f"{table}.id = NEW.id")))
    op.execute(f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} WHEN ({taken}) {refuse}")


def _freeze_on_postgresql(table: str) -> None:
    op.execute(
        f"CREATE FUNCTION {table}_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"RAISE EXCEPTION '{table} is append-only' USING ERRCODE = 'integrity_constraint_violation'; END $$"
    )
    refuse = f"EXECUTE FUNCTION {table}_refuse()"
    op.execute(f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW {refuse}")
    op.execute(f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT {refuse}")
