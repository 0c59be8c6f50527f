"""What people may now, whatever was so when they began something."""

from collections.abc import Collection

from sqlalchemy import Connection, select

from core.access.roles import Person, lesser
from core.clock import now
from core.errors import NotSignedIn
from core.store.access import ApiToken, User
from core.store.database import Store

_users, _tokens = User.__table__, ApiToken.__table__


def as_now(store: Store, person_id: str, token_id: str | None) -> Person:
    """The person, or through the token, with what they may now. Raises NotSignedIn if there is none any more."""
    with store.read() as connection:
        found = _person(connection, person_id) if token_id is None else _token(connection, person_id, token_id)
    if found is None:
        raise NotSignedIn("Whoever began this may not go on: the account or the API token is not valid any more.")
    return found


def deactivated(store: Store, person_ids: Collection[str]) -> set[str]:
    """Those of them who do not belong here any more."""
    gone = select(_users.c.id).where(_users.c.id.in_(person_ids), _users.c.deactivated_at.is_not(None))
    with store.read() as connection:
        return set(connection.execute(gone).scalars())


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
