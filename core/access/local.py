"""The people who use the product; without sign-in there is one, who may do everything."""

from contextlib import suppress

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from core.access.identity import LOCAL_EMAIL
from core.access.roles import Person
from core.clock import new_id, now
from core.store.access import User
from core.store.database import Store

_users = User.__table__


def local_person(store: Store) -> Person:
    """Return the one person of an installation without sign-in; the first call ever creates the row."""
    person = _find(store)
    if person is None:
        with suppress(IntegrityError):  # another process was first
            store.write(_add).result()
        person = _find(store)
    assert person is not None
    return person


def _find(store: Store) -> Person | None:
    query = select(_users.c.id, _users.c.name, _users.c.role).where(_users.c.email == LOCAL_EMAIL)
    with store.read() as connection:
        row = connection.execute(query).first()
    return None if row is None else Person(row.id, row.name, row.role)


def _add(connection: Connection) -> None:
    who = {"id": new_id(), "email": LOCAL_EMAIL, "name": "Local admin", "role": "admin"}
    connection.execute(insert(_users), {**who, "created_at": now()})
