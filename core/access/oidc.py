"""Signing in with an identity provider: from what it says of somebody to a person here, and for how long."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, insert, select, update

from core.access.audit import record
from core.access.claims import Told, told_by
from core.access.people import has_admin, one_at_a_time
from core.access.roles import ROLES, Person
from core.access.secret_tokens import derived_secret
from core.access.sessions import Session, Sessions, SignedIn, open_session, was_opened
from core.access.sign_in import first_admin
from core.access.visit import Visit
from core.clock import new_id, now
from core.errors import NotAllowed, NotSignedIn
from core.settings import Settings
from core.store.access import User
from core.store.database import Store

FRESH: Final = timedelta(minutes=10)
"""How long what the identity provider said of somebody is good for beginning a session."""

_users = User.__table__


@dataclass(frozen=True, slots=True)
class Rules:
    """Who has which role: by group, as told in the ``claim``, and those who are admins whatever their groups."""

    roles: Mapping[str, str]
    admins: frozenset[str]
    claim: str = "groups"

    def role_of(self, told: Told) -> str | None:
        """Return the role, None if these rules know nothing of the person."""
        if told.email in self.admins:
            return "admin"
        roles = {self.roles[group] for group in told.groups if group in self.roles}
        return max(roles, key=ROLES.index) if roles else None


def rules_of(chosen: Settings) -> Rules:
    admins = (email.strip().lower() for email in chosen.oidc_admins.split(","))
    return Rules(chosen.oidc_roles, frozenset(filter(None, admins)), chosen.oidc_groups_claim)


class OidcSignIn:
    """What a browser brings is signed but lasts for a month, so that a session of our own says how long it is good.

    Its secret is made from what was told: the same browser finds the same session again, and nobody else does.
    """

    def __init__(self, store: Store, rules: Rules, key: bytes) -> None:
        self._store, self._sessions, self._rules, self._key = store, Sessions(store), rules, key

    def session(self, claims: Mapping[str, Any], visit: Visit) -> Session:
        """Begun when the claims are seen first. Raises NotSignedIn; NotAllowed for who does not belong here."""
        told = told_by(claims, self._rules.claim)
        cookie = self.cookie(claims)
        with suppress(NotSignedIn):
            return self._sessions.check(cookie)
        if abs(now() - told.issued_at) > FRESH or told.expires_at < now():
            raise NotSignedIn("Your sign-in is too old. Sign in again to go on.")
        begun = self._store.write(lambda connection: self._begin(connection, told, cookie, visit)).result()
        return self._sessions.check(cookie) if begun is None else begun.session

    def cookie(self, claims: Mapping[str, Any]) -> str:
        """Return the secret of their session, as other browsers have one in a cookie."""
        once = [str(claims.get(name)) for name in ("iss", "sub", "iat", "nonce")]
        return derived_secret("session", self._key, json.dumps(once).encode())

    def _begin(self, connection: Connection, told: Told, cookie: str, visit: Visit) -> SignedIn | None:
        """Take up a sign-in; None if it was begun before, in another tab or long ago."""
        one_at_a_time(connection)
        if was_opened(connection, cookie):
            return None
        row, role = _known(connection, told), self._rules.role_of(told)
        if row is None and role is None:
            raise NotAllowed(_unknown(told))
        person = _join(connection, told, role or "operator") if row is None else self._admit(connection, told, row)
        return open_session(connection, person, visit, cookie)

    def _admit(self, connection: Connection, told: Told, row: Row[Any]) -> Person:
        """Let in who is here already: with groups, they decide again each time."""
        if row.deactivated_at is not None:
            raise NotAllowed("Your account here was deactivated. Ask an admin to let you back in.")
        role = self._rules.role_of(told) or ("operator" if self._rules.roles else row.role)
        person = Person(row.id, row.name, role)
        kept = {"role": role, "oidc_issuer": told.issuer, "oidc_subject": told.subject}
        kept["joined_at"] = row.joined_at or now()
        connection.execute(update(_users).where(_users.c.id == row.id).values(**kept))
        if row.joined_at is None:
            record(connection, person, "joined", ("person", row.id))
        if row.role != role:
            record(connection, person, "got role", ("person", row.id), before=row.role, after=role)
        return person


def _known(connection: Connection, told: Told) -> Row[Any] | None:
    """Find the person by what the identity provider calls them, else by an address that it has verified.

    Raises NotAllowed.
    """
    named = (_users.c.oidc_issuer == told.issuer, _users.c.oidc_subject == told.subject)
    row = connection.execute(select(_users).where(*named)).first()
    if row is not None or told.email is None:
        return row
    row = connection.execute(select(_users).where(_users.c.email == told.email)).first()
    if row is not None and row.oidc_subject is not None:
        raise NotAllowed(f"Somebody else signs in here as {told.email}. Ask an admin.")
    return row


def _join(connection: Connection, told: Told, role: str) -> Person:
    """Somebody new. Raises NotAllowed."""
    if told.email is None:
        raise NotAllowed(_unknown(told))
    who = {"email": told.email, "name": told.name, "role": role}
    who |= {"oidc_issuer": told.issuer, "oidc_subject": told.subject}
    if role == "admin" and not has_admin(connection):
        person = Person(first_admin(connection, who), told.name, role)
        record(connection, person, "set up", ("person", person.id), email=told.email)
        return person
    person = Person(new_id(), told.name, role)
    connection.execute(insert(_users), {**who, "id": person.id, "created_at": now(), "joined_at": now()})
    record(connection, person, "joined", ("person", person.id))
    return person


def _unknown(told: Told) -> str:
    if told.email is None:
        return "Your identity provider gave no verified e-mail address. Ask its admin to verify yours."
    return f"You are not known here yet. Ask an admin to invite {told.email}."
