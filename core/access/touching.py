"""Notes in passing that something was used: seldom, and nobody waits for it or fails with it."""

from concurrent.futures import Future
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Column, ColumnElement, Connection, Row, or_, update

from core.clock import now
from core.errors import StoreError
from core.store.access import User
from core.store.database import Store

log = structlog.get_logger()

SELDOM = timedelta(minutes=5)
_users = User.__table__


def touch(store: Store, column: Column[Any], row: Row[Any]) -> None:
    """Set the time that is in the column of a session's or token's row, and its person's, unless it is recent."""
    at, seen_at = now(), row._mapping[column]
    if seen_at is not None and at - SELDOM < seen_at <= at:
        return

    def job(connection: Connection) -> None:
        # People first, as everything does that changes both, lest two wait for each other.
        person = update(_users).where(_users.c.id == row.user_id, _stale(_users.c.last_seen_at, at))
        connection.execute(person.values(last_seen_at=at))
        used = update(column.table).where(column.table.c.id == row.id, _stale(column, at))
        connection.execute(used.values({column.name: at}))

    try:
        store.write(job).add_done_callback(_say_if_lost)
    except StoreError:
        log.warning("use_not_noted", exc_info=True)


def _stale(column: Column[Any], at: datetime) -> ColumnElement[bool]:
    return or_(column.is_(None), column <= at - SELDOM, column > at)


def _say_if_lost(written: "Future[None]") -> None:
    if not written.cancelled() and written.exception() is not None:
        log.warning("use_not_noted", exc_info=written.exception())
