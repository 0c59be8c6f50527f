"""Who belongs here: invites, roles, goodbyes; and that there is always an admin who can come in."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

from sqlalchemy import Connection, Row, insert, select, text, update

from core.access.audit import record
from core.access.identity import LOCAL_EMAIL, checked_email, checked_name, checked_role, kept_email
from core.access.links import Link, new_link, void_links
from core.access.roles import Permission, Person, allow
from core.access.sessions import end_sessions
from core.access.tokens import revoke_tokens
from core.clock import new_id, now
from core.errors import InputError, NotAllowed, NotFound
from core.store.access import User
from core.store.database import Store
from core.store.text import storable

_users = User.__table__


@dataclass(frozen=True, slots=True)
class PersonView:
    """``state`` is local for the one person of an installation without sign-in."""

    id: str
    email: str
    name: str
    role: str
    state: Literal["local", "invited", "active", "deactivated"]
    created_at: datetime
    joined_at: datetime | None
    last_seen_at: datetime | None


PersonViews: TypeAlias = list[PersonView]


class People:
    """Every change is judged by what its maker may do when it happens, and is audited with it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def list(self, by: Person) -> PersonViews:
        """List people by name, those who left last. Raises NotAllowed."""
        allow(by, Permission.PEOPLE)
        order = (_users.c.deactivated_at.is_not(None), _users.c.name, _users.c.id)
        with self._store.read() as connection:
            return [_view(row) for row in connection.execute(select(_users).order_by(*order))]

    def own(self, by: Person) -> PersonView:
        """Return the caller. Raises NotFound."""
        with self._store.read() as connection:
            row = connection.execute(select(_users).where(_users.c.id == by.id)).first()
        if row is None:
            raise NotFound("There is no such person.")
        return _view(row)

    def is_set_up(self) -> bool:
        """Return whether there is an admin who can sign in."""
        with self._store.read() as connection:
            return has_admin(connection)

    def invite(self, by: Person, email: str, name: str, role: str) -> Link:
        """Again for somebody who has not joined yet: the new link, name and role then hold. Raises InputError."""
        email, name, role = checked_email(email), checked_name(name), checked_role(role)

        def job(connection: Connection) -> Link:
            _begin(connection, by)
            person_id = _invited(connection, email, name, role)
            record(connection, by, "invited", ("person", person_id), email=email, role=role)
            return new_link(connection, "invite", person_id)

        return self._store.write(job).result()

    def reset(self, by: Person, person_id: str) -> Link:
        """Return a link to choose another password; until it is used the old one holds. Raises InputError, NotFound."""

        def job(connection: Connection) -> Link:
            _begin(connection, by)
            return _reset(connection, by, _find(connection, person_id))

        return self._store.write(job).result()

    def set_role(self, by: Person, person_id: str, role: str) -> None:
        """Holds from the next thing the person does. Raises InputError, NotFound, NotAllowed."""
        checked_role(role)

        def job(connection: Connection) -> None:
            _begin(connection, by)
            person = _find(connection, person_id)
            if role == person.role:
                return
            _keep_an_admin(connection, person)
            connection.execute(update(_users).where(_users.c.id == person.id).values(role=role))
            record(connection, by, "changed role", ("person", person.id), before=person.role, after=role)

        self._store.write(job).result()

    def rename(self, by: Person, name: str) -> None:
        """Rename the caller. Raises InputError, NotAllowed."""
        allow(by, Permission.OWN_ACCESS)
        name = checked_name(name)

        def job(connection: Connection) -> None:
            renamed = update(_users).where(_users.c.id == by.id, _users.c.name != name)
            if connection.execute(renamed.values(name=name)).rowcount:
                record(connection, by, "renamed", ("person", by.id), before=by.name, after=name)

        self._store.write(job).result()

    def deactivate(self, by: Person, person_id: str) -> None:
        """Ends sessions, tokens and links; what the person did stays. Raises InputError, NotFound, NotAllowed."""

        def job(connection: Connection) -> None:
            _begin(connection, by)
            person = _find(connection, person_id)
            if person.deactivated_at is not None:
                return
            _keep_an_admin(connection, person)
            connection.execute(update(_users).where(_users.c.id == person.id).values(deactivated_at=now()))
            end_sessions(connection, person.id)
            revoke_tokens(connection, person.id)
            void_links(connection, person.id)
            record(connection, by, "deactivated", ("person", person.id))

        self._store.write(job).result()

    def reactivate(self, by: Person, person_id: str) -> None:
        """Let a person sign in again, with the old password if they had joined.

        Raises InputError, NotFound, NotAllowed.
        """

        def job(connection: Connection) -> None:
            _begin(connection, by)
            person = _find(connection, person_id)
            back = update(_users).where(_users.c.id == person.id, _users.c.deactivated_at.is_not(None))
            if connection.execute(back.values(deactivated_at=None)).rowcount:
                record(connection, by, "reactivated", ("person", person.id))

        self._store.write(job).result()

    def set_up_link(self) -> Link | None:
        """Make the first admin's link, to be shown on the console; None once there is an admin who can come in."""

        def job(connection: Connection) -> Link | None:
            one_at_a_time(connection)
            return None if has_admin(connection) else new_link(connection, "setup", None)

        return self._store.write(job).result()

    def rescue_link(self, email: str) -> Link:
        """Make a reset at the server's console, as the last admin may forget too. Raises InputError, NotFound."""

        def job(connection: Connection) -> Link:
            one_at_a_time(connection)
            found = select(_users.c.id).where(_users.c.email == (kept_email(email) or ""))
            return _reset(connection, None, _find(connection, connection.execute(found).scalar() or ""))

        return self._store.write(job).result()


def one_at_a_time(connection: Connection) -> None:
    """Let changes of people wait for each other, so that two admins cannot remove one another.

    On SQLite every write does; on PostgreSQL this lock lets everything pass that only reads or points at people.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE"))


def has_admin(connection: Connection, *, but: str = "") -> bool:
    """Return whether there is an admin who can sign in, other than that one."""
    can_come_in = (_users.c.role == "admin", _users.c.joined_at.is_not(None), _users.c.deactivated_at.is_(None))
    return connection.execute(select(_users.c.id).where(*can_come_in, _users.c.id != but).limit(1)).first() is not None


def _begin(connection: Connection, by: Person) -> None:
    """Ask the database what the maker of a change may do now, not what the page knew when it was drawn."""
    one_at_a_time(connection)
    allow(by, Permission.PEOPLE)
    row = connection.execute(select(_users.c.role, _users.c.deactivated_at).where(_users.c.id == by.id)).first()
    if row is None or row.deactivated_at is not None:
        raise NotAllowed("Your account here is not active any more. Ask an admin.")
    allow(Person(by.id, by.name, row.role), Permission.PEOPLE)


def _find(connection: Connection, person_id: str) -> Row[Any]:
    row = connection.execute(select(_users).where(_users.c.id == storable(person_id))).first()
    if row is None:
        raise NotFound("There is no such person.")
    if row.email == LOCAL_EMAIL:
        raise InputError("This account stands for everybody who works here without sign-in, so it cannot be changed.")
    return row


def _invited(connection: Connection, email: str, name: str, role: str) -> str:
    """Return the id of the person, who is there now and has not joined."""
    row = connection.execute(select(_users).where(_users.c.email == email)).first()
    if row is None:
        person_id = new_id()
        person = {"id": person_id, "email": email, "name": name, "role": role, "created_at": now()}
        connection.execute(insert(_users), person)
        return person_id
    if row.deactivated_at is not None:
        raise InputError(f"{row.name} is deactivated. Reactivate that person instead.")
    if row.joined_at is not None:
        raise InputError(f"{row.name} already uses this address.")
    connection.execute(update(_users).where(_users.c.id == row.id).values(name=name, role=role))
    return str(row.id)


def _reset(connection: Connection, by: Person | None, person: Row[Any]) -> Link:
    if person.deactivated_at is not None:
        raise InputError(f"{person.name} is deactivated. Reactivate that person first.")
    if person.joined_at is None:
        raise InputError(f"{person.name} has not joined yet. Invite that person again: the new link replaces the old.")
    record(connection, by, "allowed a new password", ("person", person.id))
    return new_link(connection, "reset", person.id)


def _keep_an_admin(connection: Connection, person: Row[Any]) -> None:
    """Called before anything that could make an admin none."""
    can_come_in = person.role == "admin" and person.joined_at is not None and person.deactivated_at is None
    if can_come_in and not has_admin(connection, but=person.id):
        raise InputError(f"{person.name} is the only admin who can sign in. Make somebody else an admin first.")


def _view(row: Row[Any]) -> PersonView:
    return PersonView(
        id=row.id,
        email=row.email,
        name=row.name,
        role=row.role,
        state=_state(row),
        created_at=row.created_at,
        joined_at=row.joined_at,
        last_seen_at=row.last_seen_at,
    )


def _state(row: Row[Any]) -> Literal["local", "invited", "active", "deactivated"]:
    if row.email == LOCAL_EMAIL:
        return "local"
    if row.deactivated_at is not None:
        return "deactivated"
    return "active" if row.joined_at is not None else "invited"
