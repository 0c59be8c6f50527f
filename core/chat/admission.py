"""What a turn must pass in the transaction that opens its books: its key is new, and its person asks not too much."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from sqlalchemy import Connection, bindparam, delete, func, insert, literal_column, or_, select, tuple_

from core.chat.new_turn import Head
from core.errors import TooManyRequests
from core.store.access import User
from core.store.programs import IdempotencyKey
from core.store.tables import TaskTrace

KEPT: Final = timedelta(hours=24)
_WAIT_SECONDS = 5
_TIDIED_AT_ONCE = 50

_keys, _traces, _users = IdempotencyKey.__table__, TaskTrace.__table__, User.__table__
# Spelled out, not bound: else the index of running turns is of no use.
_RUNNING = _traces.c.status == literal_column("'running'")
_KEY = tuple_(_keys.c.owner_id, _keys.c.key)
_LOCK = select(_users.c.id).where(_users.c.id == bindparam("owner")).with_for_update(key_share=True)
_OWN = select(func.count()).where(_traces.c.owner_id == bindparam("owner"), _traces.c.instance_id.is_not(None))
_COUNTS = select(
    _OWN.where(_RUNNING).scalar_subquery(),
    _OWN.where(_traces.c.started_at >= bindparam("since")).scalar_subquery(),
)


@dataclass(frozen=True, slots=True)
class Once:
    """What a program names its request by; ``digest`` is the SHA-256 of the request, in hexadecimal.

    The key is good for ``kept``; one that names the turn ``instead_of`` is taken from that turn.
    """

    key: str
    digest: str
    kept: timedelta = KEPT
    instead_of: str | None = None


@dataclass(frozen=True, slots=True)
class Quota:
    """How many turns a person may have running, and begin in the day from ``since`` to ``until``."""

    at_once: int
    per_day: int
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class KeptKey:
    """Of an earlier request: what it was, which turn it began, and what that turn failed by, if it did."""

    digest: str
    task_trace_id: str
    error_type: str | None


def read_key(connection: Connection, owner_id: str, once: Once, at: datetime) -> KeptKey | None:
    """Return the request that came with it, if it is still kept."""
    query = (
        select(_keys.c.digest, _keys.c.task_trace_id, _traces.c.error_type)
        .outerjoin(_traces, (_traces.c.id == _keys.c.task_trace_id) & (_traces.c.status != "running"))
        .where(_keys.c.owner_id == owner_id, _keys.c.key == once.key, _keys.c.created_at > at - once.kept)
    )
    row = connection.execute(query).first()
    return None if row is None else KeptKey(row.digest, row.task_trace_id, row.error_type)


def keep_key(connection: Connection, head: Head, once: Once) -> None:
    """Raises IntegrityError if a request with it was first; tidies some that are kept no longer.

    Of two that take it from the same failed turn one is first: what it keeps names another turn by then.
    """
    own = _keys.c.owner_id == head.owner_id, _keys.c.key == once.key
    free = or_(_keys.c.created_at <= head.at - once.kept, _keys.c.task_trace_id == once.instead_of)
    connection.execute(delete(_keys).where(*own, free))
    old = _keys.c.created_at <= head.at - KEPT
    some = select(_keys.c.owner_id, _keys.c.key).where(old).limit(_TIDIED_AT_ONCE).with_for_update(skip_locked=True)
    connection.execute(delete(_keys).where(_KEY.in_(some)))
    row = {"digest": once.digest, "task_trace_id": head.task_trace_id, "created_at": head.at}
    connection.execute(insert(_keys), {"owner_id": head.owner_id, "key": once.key, **row})


def free_key(connection: Connection, owner_id: str, key: str, task_trace_id: str) -> None:
    """Free the key for the next request that comes with it, unless it names another turn by now."""
    this = _keys.c.owner_id == owner_id, _keys.c.key == key, _keys.c.task_trace_id == task_trace_id
    connection.execute(delete(_keys).where(*this))


def refuse_too_much(connection: Connection, head: Head, quota: Quota) -> None:
    """Count the turn that was just opened with the others of its person. Raises TooManyRequests."""
    # From here to the commit one at a time, so that no two count without each other; on SQLite all writes are.
    connection.execute(_LOCK, {"owner": head.owner_id})
    refuse_beyond(connection, head.owner_id, quota, head.at)


def refuse_beyond(connection: Connection, owner_id: str, quota: Quota, at: datetime, more: int = 0) -> None:
    """Refuse where there are more turns than the quota has, with so many more to come. Raises TooManyRequests."""
    running, begun = connection.execute(_COUNTS, {"owner": owner_id, "since": quota.since}).one()
    if running + more > quota.at_once:
        raise TooManyRequests(_too_many_at_once(quota), retry_after=_WAIT_SECONDS)
    if begun + more > quota.per_day:
        seconds = (quota.until - at).total_seconds()
        raise TooManyRequests(_too_many_a_day(quota), retry_after=max(1, ceil(seconds)))


def _too_many_at_once(quota: Quota) -> str:
    answers = "1 answer is" if quota.at_once == 1 else f"{quota.at_once} answers are"
    return f"{answers} being written for you already, which is the most at once. Wait for one to end, or stop one."


def _too_many_a_day(quota: Quota) -> str:
    return f"You have sent {quota.per_day:,} messages today, which is the most in a day. Go on tomorrow."
