"""Tables of people, sessions, tokens, one-time links, provider keys and the audit log: no secret that can be used.

A ``digest`` is the SHA-256 of a whole secret, in hexadecimal. What belongs to a person goes with that person's row.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, false, text
from sqlalchemy import Index as SqlIndex
from sqlmodel import Field

from core.store.tables import Row
from core.store.text import StorableText


class User(Row, table=True):
    """A person; ``role`` is admin, operator or finance. Who has joined can sign in until deactivated.

    ``password_hash`` is in argon2's own form, with its parameters and salt. The two of OIDC name
    the person at the identity provider.
    """

    __tablename__ = "users"
    __table_args__ = (SqlIndex("uq_users_oidc", "oidc_issuer", "oidc_subject", unique=True),)
    id: str = Field(primary_key=True)
    email: str = Field(unique=True, sa_type=StorableText)
    name: str = Field(sa_type=StorableText)
    role: str
    created_at: datetime
    joined_at: datetime | None = None
    deactivated_at: datetime | None = None
    last_seen_at: datetime | None = None
    password_hash: str | None = None
    oidc_issuer: str | None = None
    oidc_subject: str | None = None


class LoginSession(Row, table=True):
    """A browser that signed in; ``address`` is only the network it came from."""

    __tablename__ = "login_sessions"
    id: str = Field(primary_key=True)
    digest: str = Field(unique=True)
    user_id: str = Field(foreign_key="users.id", ondelete="CASCADE", index=True)
    address: str = Field(sa_type=StorableText)
    user_agent: str = Field(sa_type=StorableText)
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None


class ApiToken(Row, table=True):
    """What a program signs in with; ``agents`` are the ids it may use, None means all."""

    __tablename__ = "api_tokens"
    id: str = Field(primary_key=True)
    digest: str = Field(unique=True)
    user_id: str = Field(foreign_key="users.id", ondelete="CASCADE", index=True)
    name: str = Field(sa_type=StorableText)
    prefix: str
    role: str
    agents: list[str] | None = Field(None, sa_type=JSON(none_as_null=True))
    consents: bool = Field(False, sa_column_kwargs={"server_default": false()})
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None


class OneTimeLink(Row, table=True):
    """``kind`` is invite, reset or setup; the last is for the first admin to be, so for nobody yet."""

    __tablename__ = "one_time_links"
    id: str = Field(primary_key=True)
    digest: str = Field(unique=True)
    kind: str
    user_id: str | None = Field(None, foreign_key="users.id", ondelete="CASCADE", index=True)
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None


class SignInAttempts(Row, table=True):
    """How full a bucket of sign-in attempts is: it is empty again at ``due_ms``, in milliseconds since 1970."""

    __tablename__ = "sign_in_attempts"
    key: str = Field(primary_key=True)
    due_ms: int = Field(sa_type=BigInteger, index=True)


class ProviderCredential(Row, table=True):
    """A provider's key, encrypted; ``owner_id`` None means the organisation's. A new key is a new row.

    ``test_error`` says why the last test failed; None after a good one.
    """

    __tablename__ = "provider_credentials"
    __table_args__ = (
        SqlIndex(
            "uq_provider_credentials_organisation",
            "provider",
            unique=True,
            sqlite_where=text("owner_id IS NULL"),
            postgresql_where=text("owner_id IS NULL"),
        ),
        SqlIndex("uq_provider_credentials_owner", "owner_id", "provider", unique=True),
    )
    id: str = Field(primary_key=True)
    owner_id: str | None = Field(None, foreign_key="users.id", ondelete="CASCADE")
    provider: str
    encrypted: str
    last_four: str
    created_at: datetime
    created_by: str
    tested_at: datetime | None = None
    test_error: str | None = Field(None, sa_type=StorableText)


class AuditEntry(Row, table=True):
    """Who changed what, append-only; ``actor_id`` None means a person at the server's console."""

    __tablename__ = "audit_log"
    __table_args__ = (SqlIndex("ix_audit_log_actor", "actor_id", "id"),)
    id: str = Field(primary_key=True)
    at: datetime
    actor_id: str | None = None
    action: str
    subject_kind: str
    subject_id: str
    detail: dict[str, Any] = Field(sa_type=JSON)
