"""What is forgotten in passing: rows that mean nothing any more."""

from datetime import timedelta
from typing import Final

from sqlalchemy import Connection, delete

from core.clock import now
from core.store.access import LoginSession, OneTimeLink, SignInAttempts

KEPT: Final = timedelta(days=90)
"""How long sessions and links stay after their end; what people did with them stands in the audit log."""


def forget_old(connection: Connection) -> None:
    """Also buckets of attempts that are empty."""
    ended = now() - KEPT
    for table in (LoginSession.__table__, OneTimeLink.__table__):
        connection.execute(delete(table).where(table.c.expires_at < ended))
    buckets = SignInAttempts.__table__
    connection.execute(delete(buckets).where(buckets.c.due_ms < int(now().timestamp() * 1000)))
