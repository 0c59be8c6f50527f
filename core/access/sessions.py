"""Browsers that signed in: an opaque cookie each, looked up at every run, so that an end is one at once."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

from sqlalchemy import ColumnElement, Connection, Row, insert, select, update

from core.access.audit import record
from core.access.roles import Permission, Person, allow, may
from core.access.secret_tokens import digest, new_secret
from core.access.touching import touch
from core.access.visit import Visit
from core.clock import new_id, now
from core.errors import NotFound, NotSignedIn
from core.store.access import LoginSession, User
from core.store.database import Store
from core.store.text import storable

LONGEST: Final = timedelta(days=30)
IDLE: Final = timedelta(days=7)

_sessions, _users = LoginSession.__table__, User.__table__


@dataclass(frozen=True, slots=True)
class Session:
    """Who a browser is at this moment, by the database."""

    id: str
    person: Person
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class SignedIn:
    """``cookie`` is the browser's secret, known to nobody else; it ends at ``session.expires_at``."""

    cookie: str = field(repr=False)
    session: Session


@dataclass(frozen=True, slots=True)
class SessionView:
    id: str
    address: str
    user_agent: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime


SessionViews: TypeAlias = list[SessionView]


class Sessions:
    def __init__(self, store: Store) -> None:
        self._store = store

    def check(self, cookie: str) -> Session:
        """Return whose cookie it is, with that person's role as it is now. Raises NotSignedIn."""
        query = (
            select(_sessions, _users.c.name, _users.c.role)
            .join(_users, _users.c.id == _sessions.c.user_id)
            .where(_sessions.c.digest == digest("session", cookie), *_alive(), _users.c.deactivated_at.is_(None))
        )
        with self._store.read() as connection:
            row = connection.execute(query).first()
        if row is None:
            raise NotSignedIn("You are not signed in. Sign in to go on.")
        touch(self._store, _sessions.c.last_seen_at, row)
        return Session(row.id, Person(row.user_id, row.name, row.role), row.expires_at)

    def list(self, by: Person, person_id: str | None = None) -> SessionViews:
        """Return the ones that are alive, of one's own or, for who manages people, of somebody. Raises NotAllowed."""
        owner = person_id or by.id
        allow(by, Permission.OWN_ACCESS if owner == by.id else Permission.PEOPLE)
        query = select(_sessions).where(_sessions.c.user_id == storable(owner), *_alive())
        with self._store.read() as connection:
            return [_view(row) for row in connection.execute(query.order_by(_sessions.c.last_seen_at.desc()))]

    def revoke(self, by: Person, session_id: str) -> None:
        """End a session of the caller or, for who manages people, anybody's; again is no error.

        Raises NotFound, NotAllowed.
        """
        allow(by, Permission.OWN_ACCESS)
        self._store.write(lambda connection: _revoke(connection, by, session_id)).result()

    def sign_out(self, cookie: str) -> None:
        """End the cookie's session, if it has one."""
        ended = update(_sessions).where(_sessions.c.digest == digest("session", cookie), *_alive())
        change = ended.values(revoked_at=now())
        self._store.write(lambda connection: connection.execute(change).close()).result()


def open_session(connection: Connection, person: Person, visit: Visit, cookie: str | None = None) -> SignedIn:
    """Add one, as a part of signing in; without a ``cookie`` that nobody can guess, one is made."""
    cookie, at, session_id = cookie or new_secret("session"), now(), new_id()
    row = {
        "id": session_id,
        "digest": digest("session", cookie),
        "user_id": person.id,
        "address": visit.network,
        "user_agent": visit.shown_agent,
        "created_at": at,
        "last_seen_at": at,
        "expires_at": at + LONGEST,
    }
    connection.execute(insert(_sessions), row)
    connection.execute(update(_users).where(_users.c.id == person.id).values(last_seen_at=at))
    record(connection, person, "signed in", ("session", session_id), address=visit.network)
    return SignedIn(cookie, Session(session_id, person, at + LONGEST))


def end_sessions(connection: Connection, person_id: str, *, but: str | None = None) -> None:
    """End all of a person's, but for one."""
    change = update(_sessions).where(_sessions.c.user_id == person_id, _sessions.c.revoked_at.is_(None))
    if but is not None:
        change = change.where(_sessions.c.id != but)
    connection.execute(change.values(revoked_at=now()))


def was_opened(connection: Connection, cookie: str) -> bool:
    """Return whether there is or was such a session."""
    query = select(_sessions.c.id).where(_sessions.c.digest == digest("session", cookie))
    return connection.execute(query).first() is not None


def browser_of(connection: Connection, person_id: str, cookie: str) -> str:
    """Return the id of the session, alive or not, in which this browser was that person; empty if it never was."""
    of_person = (_sessions.c.digest == digest("session", cookie), _sessions.c.user_id == person_id)
    return connection.execute(select(_sessions.c.id).where(*of_person)).scalar() or ""


def has_been_at(connection: Connection, person_id: str, network: str, days: int = 90) -> bool:
    """Return whether the person signed in from this network lately."""
    there = (_sessions.c.user_id == person_id, _sessions.c.address == network)
    lately = _sessions.c.created_at > now() - timedelta(days=days)
    return connection.execute(select(_sessions.c.id).where(*there, lately).limit(1)).first() is not None


def _alive() -> tuple[ColumnElement[bool], ...]:
    at = now()
    return _sessions.c.revoked_at.is_(None), _sessions.c.expires_at > at, _sessions.c.last_seen_at > at - IDLE


def _revoke(connection: Connection, by: Person, session_id: str) -> None:
    one = _sessions.c.id == storable(session_id)
    owner = connection.execute(select(_sessions.c.user_id).where(one)).scalar()
    if owner is None or (owner != by.id and not may(by, Permission.PEOPLE)):
        raise NotFound("There is no such session. It may have ended.")
    change = update(_sessions).where(one, _sessions.c.revoked_at.is_(None)).values(revoked_at=now())
    if connection.execute(change).rowcount:
        record(connection, by, "revoked", ("session", session_id), person_id=owner)


def _view(row: Row[Any]) -> SessionView:
    return SessionView(
        id=row.id,
        address=row.address,
        user_agent=row.user_agent,
        created_at=row.created_at,
        last_seen_at=row.last_seen_at,
        expires_at=row.expires_at,
    )
