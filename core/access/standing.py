"""What people may now, whatever was so when they began something."""

from collections.abc import Collection
from typing import Literal, TypeAlias

from sqlalchemy import Connection, select

from core.access.roles import Permission, Person, lesser, may
from core.clock import now
from core.errors import NotSignedIn
from core.store.access import ApiToken, User
from core.store.database import Store

Loss: TypeAlias = Literal["deactivated", "revoked"]
"""Why somebody may not go on with anything: the account is not active, or the API token not valid any more."""

_users, _tokens = User.__table__, ApiToken.__table__


def as_now(store: Store, person_id: str, token_id: str | None) -> Person:
    """Return the person, or through the token, with what they may now. Raises NotSignedIn if there is none any more."""
    with store.read() as connection:
        return person_now(connection, person_id, token_id)


def person_now(connection: Connection, person_id: str, token_id: str | None) -> Person:
    """Return the same as a part of a transaction, so that what it decides and what it writes are one."""
    found = _person(connection, person_id) if token_id is None else _token(connection, person_id, token_id)
    if found is None:
        raise NotSignedIn("This was stopped: the account or the API token behind it is not valid any more.")
    return found


def lost(store: Store, people: Collection[Person]) -> dict[Person, Loss]:
    """Return those who may not go on with an answer of theirs, and why; in two queries, however many they are."""
    with store.read() as connection:
        active = _active(connection, {person.id for person in people})
        valid = _valid(connection, {person.token_id for person in people if person.token_id is not None})
    gone: dict[Person, Loss] = {}
    for person in people:
        if person.id not in active or not may(Person(person.id, "", active[person.id]), Permission.CHAT):
            gone[person] = "deactivated"
        elif person.token_id is not None and person.token_id not in valid:
            gone[person] = "revoked"
    return gone


def _active(connection: Connection, person_ids: Collection[str]) -> dict[str, str]:
    """Return the roles, by id, of those who belong here."""
    query = select(_users.c.id, _users.c.role).where(_users.c.id.in_(person_ids), _users.c.deactivated_at.is_(None))
    return {row.id: row.role for row in connection.execute(query)}


def _valid(connection: Connection, token_ids: Collection[str]) -> set[str]:
    if not token_ids:
        return set()
    valid = (_tokens.c.id.in_(token_ids), _tokens.c.revoked_at.is_(None), _tokens.c.expires_at > now())
    return set(connection.execute(select(_tokens.c.id).where(*valid)).scalars())


def _person(connection: Connection, person_id: str) -> Person | None:
    query = select(_users.c.id, _users.c.name, _users.c.role)
    active = query.where(_users.c.id == person_id, _users.c.deactivated_at.is_(None))
    row = connection.execute(active).first()
    return None if row is None else Person(row.id, row.name, row.role)


def _token(connection: Connection, person_id: str, token_id: str) -> Person | None:
    query = (
        select(
            _users.c.id,
            _users.c.name,
            _users.c.role,
            _tokens.c.role.label("at_most"),
            _tokens.c.agents,
            _tokens.c.consents,
        )
        .join(_tokens, _tokens.c.user_id == _users.c.id)
        .where(_tokens.c.id == token_id, _tokens.c.revoked_at.is_(None), _tokens.c.expires_at > now())
        .where(_users.c.id == person_id, _users.c.deactivated_at.is_(None))
    )
    row = connection.execute(query).first()
    if row is None:
        return None
    agents = None if row.agents is None else frozenset(row.agents)
    return Person(row.id, row.name, lesser(row.role, row.at_most), token_id, agents, row.consents)
