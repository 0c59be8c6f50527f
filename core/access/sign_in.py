"""How people come in: with a password, or with a link that lets them choose one."""

from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import Connection, Row, insert, select, update

from core.access.audit import record
from core.access.identity import LOCAL_EMAIL, checked_email, checked_name, kept_email
from core.access.links import Opened, open_link, use_link
from core.access.passwords import Checked, Passwords
from core.access.people import has_admin, one_at_a_time
from core.access.roles import Permission, Person, allow
from core.access.sessions import Session, SignedIn, browser_of, end_sessions, has_been_at, open_session
from core.access.throttle import Attempt, Throttle, forgive
from core.access.tokens import revoke_tokens
from core.access.visit import Visit
from core.clock import new_id, now
from core.errors import InputError, NotAllowed, NotSignedIn
from core.store.access import User
from core.store.database import Store

log = structlog.get_logger()

_users = User.__table__
_WRONG = "Wrong e-mail address or password, or the account is not active."


@dataclass(frozen=True, slots=True)
class _Claim:
    """Somebody who says to be somebody, and what the database knows of that one, if anything."""

    row: Row[Any] | None
    attempt: Attempt

    @property
    def kept_hash(self) -> str | None:
        return None if self.row is None else self.row.password_hash


class SignIn:
    """Hashes passwords, so it blocks: call it from a worker thread, never on an event loop."""

    def __init__(self, store: Store, passwords: Passwords | None = None) -> None:
        self._store, self._throttle = store, Throttle(store)
        self._passwords = passwords or Passwords()

    def sign_in(self, email: str, password: str, visit: Visit) -> SignedIn:
        """Return the same answer after the same time, whatever is wrong. Raises NotSignedIn, TooManyRequests."""
        claim = self._claim(email, visit)
        self._throttle.admit(claim.attempt)
        signed_in = self._enter(claim, password, visit)
        if signed_in is None:
            log.info("sign_in_refused", network=visit.network)
            raise NotSignedIn(_WRONG)
        return signed_in

    def _enter(self, claim: _Claim, password: str, visit: Visit) -> SignedIn | None:
        checked = self._passwords.check(password, claim.kept_hash)
        if not checked.fits:
            return None
        signed_in = self._store.write(lambda connection: _enter(connection, claim, checked, visit)).result()
        if signed_in is None and checked.better_hash is not None and claim.row is not None:
            # A sign-in beside this one may have made the hash again.
            again = self._claim(claim.row.email, visit)
            return self._enter(_Claim(again.row, claim.attempt), password, visit)
        return signed_in

    def open_link(self, secret: str) -> Opened:
        """Return whom a link greets. Raises NotAllowed."""
        with self._store.read() as connection:
            return open_link(connection, secret)

    def accept(self, secret: str, password: str, visit: Visit) -> SignedIn:
        """Use an invitation or a reset: the password holds from now on, every other browser and API token is out.

        Raises NotAllowed if the link is no good, InputError for a password that is not taken: the link is then good
        still.
        """
        link = self.open_link(secret)
        if link.kind == "setup":
            raise NotAllowed("This link is for setting up the first admin.")
        password_hash = self._passwords.hash(password, email=link.email)
        return self._store.write(lambda connection: _accept(connection, secret, password_hash, visit)).result()

    def set_up(self, secret: str, email: str, name: str, password: str, visit: Visit) -> SignedIn:
        """Make the first admin, who inherits what was done here without sign-in. Raises NotAllowed, InputError."""
        who = {"email": checked_email(email), "name": checked_name(name), "role": "admin"}
        if self.open_link(secret).kind != "setup":
            raise NotAllowed("This link is not for setting up the first admin.")
        who["password_hash"] = self._passwords.hash(password, email=who["email"])
        return self._store.write(lambda connection: _set_up(connection, secret, who, visit)).result()

    def change_password(self, by: Session, old: str, new: str, *, revoke: bool = False) -> int:
        """Change the caller's password; other browsers are out and, with ``revoke``, API tokens: returns how many.

        Raises InputError, TooManyRequests, NotAllowed.
        """
        person = by.person
        allow(person, Permission.OWN_ACCESS)
        with self._store.read() as connection:
            row = connection.execute(select(_users).where(_users.c.id == person.id)).one()
        attempt = Attempt(row.email, f"session {by.id}", stranger=False)
        self._throttle.admit(attempt)
        if not self._passwords.check(old, row.password_hash).fits:
            raise InputError("Current password is wrong. Type it again.")
        new_hash = self._passwords.hash(new, email=row.email)

        def job(connection: Connection) -> int:
            changed = _unchanged(row).values(password_hash=new_hash)
            if connection.execute(changed).rowcount != 1:
                raise InputError("The password was changed elsewhere meanwhile. Sign in again.")
            forgive(connection, attempt)
            end_sessions(connection, person.id, but=by.id)
            revoked = revoke_tokens(connection, person.id) if revoke else 0
            record(connection, person, "changed password", ("person", person.id), tokens_revoked=revoked)
            return revoked

        return self._store.write(job).result()

    def _claim(self, email: str, visit: Visit) -> _Claim:
        account = kept_email(email)
        with self._store.read() as connection:
            found = connection.execute(select(_users).where(_users.c.email == (account or ""))).first()
            # Asked for nobody as well, so that it takes as long.
            person_id = "" if found is None else found.id
            browser = browser_of(connection, person_id, visit.cookie)
            familiar = has_been_at(connection, person_id, visit.network)
        stranger = not browser and not familiar
        attempt = Attempt(account or email.strip()[:320], visit.host, browser, stranger)
        return _Claim(found if found is not None and _may_enter(found) else None, attempt)


def _may_enter(row: Row[Any]) -> bool:
    return row.joined_at is not None and row.deactivated_at is None


def _unchanged(row: Row[Any]) -> Any:
    """Return the person, unless the password was changed or the person deactivated since the row was read."""
    same = (_users.c.id == row.id, _users.c.password_hash == row.password_hash, _users.c.deactivated_at.is_(None))
    return update(_users).where(*same)


def _enter(connection: Connection, claim: _Claim, checked: Checked, visit: Visit) -> SignedIn | None:
    assert claim.row is not None
    entered = _unchanged(claim.row).values(password_hash=checked.better_hash or claim.row.password_hash)
    row = connection.execute(entered.returning(_users.c.id, _users.c.name, _users.c.role)).first()
    if row is None:
        return None
    forgive(connection, claim.attempt)
    return open_session(connection, Person(row.id, row.name, row.role), visit)


def _accept(connection: Connection, secret: str, password_hash: str, visit: Visit) -> SignedIn:
    one_at_a_time(connection)
    link = use_link(connection, secret)
    assert link.person_id is not None
    person = Person(link.person_id, link.name, link.role)
    fresh = {"password_hash": password_hash} | ({"joined_at": now()} if link.kind == "invite" else {})
    connection.execute(update(_users).where(_users.c.id == person.id).values(**fresh))
    end_sessions(connection, person.id)
    revoke_tokens(connection, person.id)
    record(connection, person, "joined" if link.kind == "invite" else "chose a new password", ("person", person.id))
    return open_session(connection, person, visit)


def _set_up(connection: Connection, secret: str, who: dict[str, str], visit: Visit) -> SignedIn:
    one_at_a_time(connection)
    use_link(connection, secret)
    if has_admin(connection):
        raise NotAllowed("There is an admin already. Ask them for an invitation.")
    if connection.execute(select(_users.c.id).where(_users.c.email == who["email"])).first() is not None:
        raise InputError("Somebody was invited with this e-mail address. Choose another for the first admin.")
    person = Person(first_admin(connection, who), who["name"], "admin")
    record(connection, person, "set up", ("person", person.id), email=who["email"])
    return open_session(connection, person, visit)


def first_admin(connection: Connection, who: dict[str, str]) -> str:
    """Return the id of the first admin, who inherits what was done here without sign-in."""
    inherits = update(_users).where(_users.c.email == LOCAL_EMAIL).values(**who, joined_at=now())
    local_id = connection.execute(inherits.returning(_users.c.id)).scalar()
    if local_id is not None:
        return str(local_id)
    row = {"id": new_id(), **who, "created_at": now(), "joined_at": now()}
    connection.execute(insert(_users), row)
    return str(row["id"])
