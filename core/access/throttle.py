"""Slow down people who guess passwords, across processes and restarts, without locking anybody out.

Attempts fill leaky buckets in the database: one for the visitor's address, one for the account as that address tries
it, and one for the account as strangers try it, wherever they are. While that last one is full an account is under
siege: each address that has never signed in to it still gets a try now and then, so that its owner comes in from
anywhere; from where the owner signed in before, the siege is not even felt. A browser that once signed in has a
bucket of its own, so that nobody at the same address can fill it. A sign-in that succeeds takes its attempt back.
"""

from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from math import ceil
from typing import Final

from sqlalchemy import Connection, case, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from core.clock import now
from core.errors import TooManyRequests
from core.store.access import LoginSession, OneTimeLink, SignInAttempts
from core.store.database import Store

_buckets = SignInAttempts.__table__
# A bucket that is fuller than it can be was filled before the clock was set back: it counts as empty.
_CLOCK_SLACK_MS = 60_000
_TIDY_MS = 600_000


@dataclass(frozen=True, slots=True)
class Rate:
    """So many at once, and so many again in the course of ``seconds``."""

    many: int
    seconds: int

    @property
    def each_ms(self) -> int:
        return self.seconds * 1000 // self.many


FROM_ADDRESS = Rate(60, 60)
TO_ACCOUNT = Rate(5, 60)
TO_ACCOUNT_BY_STRANGERS = Rate(100, 3600)
UNDER_SIEGE = Rate(1, 3600)


@dataclass(frozen=True, slots=True)
class Attempt:
    """``browser`` tells a browser that signed in to this account before; ``stranger`` is False where that was."""

    account: str
    host: str
    browser: str = ""
    stranger: bool = True

    @property
    def own_key(self) -> str:
        return _key("account", self.account, self.browser or self.host)

    @property
    def host_key(self) -> str:
        return _key("host", self.host)

    @property
    def strangers_key(self) -> str:
        return _key("strangers", self.account)

    @property
    def siege_key(self) -> str:
        return _key("siege", self.account, self.host)


class Throttle:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._tidy_at = 0

    def admit(self, attempt: Attempt) -> None:
        """Count it before the password is looked at. Raises TooManyRequests."""
        seconds = self._store.write(lambda connection: _admit(connection, attempt)).result()
        self._tidy()
        if seconds:
            raise TooManyRequests(f"Too many attempts to sign in. Try again in {_said(seconds)}.", retry_after=seconds)

    def _tidy(self) -> None:
        """Now and then, as signing in is what fills the tables."""
        ms = _now_ms()
        if ms >= self._tidy_at:
            self._tidy_at = ms + _TIDY_MS
            self._store.write(forget_old)


def forgive(connection: Connection, attempt: Attempt) -> None:
    """Take back the attempts of a right password, in the order of ``_admit``, lest the two deadlock."""
    _take_back(connection, attempt.host_key, FROM_ADDRESS)
    connection.execute(delete(_buckets).where(_buckets.c.key == attempt.own_key))
    if attempt.stranger:
        _take_back(connection, attempt.strangers_key, TO_ACCOUNT_BY_STRANGERS)
        connection.execute(delete(_buckets).where(_buckets.c.key == attempt.siege_key))


def _admit(connection: Connection, attempt: Attempt) -> int:
    """Return how many seconds to wait; 0 if none."""
    seconds = _fill(connection, attempt.host_key, FROM_ADDRESS) or _fill(connection, attempt.own_key, TO_ACCOUNT)
    if not seconds and attempt.stranger and _fill(connection, attempt.strangers_key, TO_ACCOUNT_BY_STRANGERS):
        return _fill(connection, attempt.siege_key, UNDER_SIEGE)
    return seconds


def _fill(connection: Connection, key: str, rate: Rate) -> int:
    """Put one attempt into the bucket, or else say in how many seconds there is room."""
    ms, due = _now_ms(), _buckets.c.due_ms
    room_until = ms + (rate.many - 1) * rate.each_ms
    fullest = ms + rate.many * rate.each_ms + _CLOCK_SLACK_MS
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    filled = insert(_buckets).values(key=key, due_ms=ms + rate.each_ms)
    filled = filled.on_conflict_do_update(
        index_elements=["key"],
        set_={"due_ms": case((due.between(ms, fullest), due), else_=ms) + rate.each_ms},
        where=(due <= room_until) | (due > fullest),
    )
    if connection.execute(filled.returning(_buckets.c.key)).first() is not None:
        return 0
    full_until = connection.execute(select(due).where(_buckets.c.key == key)).scalar() or 0
    return max(1, ceil((full_until - room_until) / 1000))


def _take_back(connection: Connection, key: str, rate: Rate) -> None:
    change = update(_buckets).where(_buckets.c.key == key)
    connection.execute(change.values(due_ms=_buckets.c.due_ms - rate.each_ms))


def _key(*parts: str) -> str:
    """Nobody's address can be read from it."""
    return sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def _now_ms() -> int:
    return int(now().timestamp() * 1000)


def _said(seconds: int) -> str:
    return f"{seconds} s" if seconds < 120 else f"{ceil(seconds / 60)} minutes"


KEPT: Final = timedelta(days=90)
"""How long sessions and links stay after their end; what people did with them stands in the audit log."""


def forget_old(connection: Connection) -> None:
    """Forget sessions and links that ended long ago, and buckets of attempts that are empty."""
    ended = now() - KEPT
    for table in (LoginSession.__table__, OneTimeLink.__table__):
        connection.execute(delete(table).where(table.c.expires_at < ended))
    buckets = SignInAttempts.__table__
    connection.execute(delete(buckets).where(buckets.c.due_ms < int(now().timestamp() * 1000)))
