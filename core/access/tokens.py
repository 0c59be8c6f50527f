"""What programs sign in with: shown once, for some agents and at most one's own role, until a day that comes."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

from sqlalchemy import ColumnElement, Connection, Row, func, insert, select, update

from core.access.audit import record
from core.access.identity import checked_name, checked_role
from core.access.roles import Permission, Person, allow, lesser, may
from core.access.secret_tokens import digest, new_secret
from core.access.touching import touch
from core.clock import new_id, now
from core.errors import InputError, NotAllowed, NotFound, NotSignedIn
from core.store.access import ApiToken, User
from core.store.database import Store
from core.store.tables import Agent
from core.store.text import storable

LONGEST: Final = timedelta(days=366)
MOST: Final = 50
"""Tokens that a person may have at once."""

_SHOWN_CHARACTERS = 8
_tokens, _users, _agents = ApiToken.__table__, User.__table__, Agent.__table__


@dataclass(frozen=True, slots=True)
class TokenDraft:
    """``agents`` are ids, None means all, also later ones; ``consents`` lets it decide whether tools may run."""

    name: str
    role: str
    expires_at: datetime
    agents: tuple[str, ...] | None = None
    consents: bool = False


@dataclass(frozen=True, slots=True)
class TokenView:
    """``prefix`` is how the secret begins, to tell it by."""

    id: str
    person_id: str
    name: str
    prefix: str
    role: str
    agents: tuple[str, ...] | None
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
    consents: bool = False


TokenViews: TypeAlias = list[TokenView]


@dataclass(frozen=True, slots=True)
class NewToken:
    """``secret`` is shown now or never."""

    secret: str = field(repr=False)
    view: TokenView


class Tokens:
    def __init__(self, store: Store) -> None:
        self._store = store

    def create(self, by: Person, draft: TokenDraft) -> NewToken:
        """Make a token of the caller's. Raises InputError, NotAllowed."""
        allow(by, Permission.OWN_ACCESS)
        draft = _checked(draft)
        return self._store.write(lambda connection: _create(connection, by, draft)).result()

    def check(self, secret: str) -> Person:
        """Return whose token it is, with the lesser of its role and the person's as they are now.

        Raises NotSignedIn.
        """
        at = now()
        query = (
            select(_tokens, _users.c.name.label("person"), _users.c.role.label("persons_role"))
            .join(_users, _users.c.id == _tokens.c.user_id)
            .where(
                _tokens.c.digest == digest("token", secret),
                _tokens.c.revoked_at.is_(None),
                _tokens.c.expires_at > at,
                _users.c.deactivated_at.is_(None),
            )
        )
        with self._store.read() as connection:
            row = connection.execute(query).first()
        if row is None:
            raise NotSignedIn("This API token is not valid: it is mistyped, expired or revoked. Make a new one.")
        touch(self._store, _tokens.c.last_used_at, row)
        agents = None if row.agents is None else frozenset(row.agents)
        return Person(row.user_id, row.person, lesser(row.role, row.persons_role), row.id, agents, row.consents)

    def list(self, by: Person, person_id: str | None = None) -> TokenViews:
        """List the caller's, newest first or, for who manages people, somebody's; revoked ones too.

        Raises NotAllowed.
        """
        owner = person_id or by.id
        allow(by, Permission.OWN_ACCESS if owner == by.id else Permission.PEOPLE)
        query = select(_tokens).where(_tokens.c.user_id == storable(owner)).order_by(_tokens.c.id.desc())
        with self._store.read() as connection:
            return [_view(row) for row in connection.execute(query)]

    def revoke(self, by: Person, token_id: str) -> None:
        """Revoke a token of the caller's or, for who manages people, anybody's; again is no error.

        Raises NotFound, NotAllowed.
        """
        allow(by, Permission.OWN_ACCESS)
        self._store.write(lambda connection: _revoke(connection, by, token_id)).result()


def revoke_tokens(connection: Connection, person_id: str) -> int:
    """Revoke all of a person's; returns how many there were."""
    change = update(_tokens).where(_tokens.c.user_id == person_id, _tokens.c.revoked_at.is_(None))
    return connection.execute(change.values(revoked_at=now())).rowcount


def _checked(draft: TokenDraft) -> TokenDraft:
    if draft.expires_at.tzinfo is None or not now() < draft.expires_at <= now() + LONGEST:
        raise InputError(f"Choose an end in the future, within {LONGEST.days} days.")
    if draft.agents is not None and not draft.agents:
        raise InputError("Choose the agents that the token is for, or all of them.")
    agents = None if draft.agents is None else tuple(sorted({storable(agent) for agent in draft.agents}))
    name, role = checked_name(draft.name, "token's name"), checked_role(draft.role)
    return TokenDraft(name, role, draft.expires_at, agents, draft.consents)


def _create(connection: Connection, by: Person, draft: TokenDraft) -> NewToken:
    _refuse_too_much(connection, by, draft)
    secret = new_secret("token")
    view = TokenView(
        id=new_id(),
        person_id=by.id,
        name=draft.name,
        prefix=secret[:_SHOWN_CHARACTERS],
        role=draft.role,
        agents=draft.agents,
        created_at=now(),
        expires_at=draft.expires_at,
        last_used_at=None,
        revoked_at=None,
        consents=draft.consents,
    )
    connection.execute(insert(_tokens), _row(view, digest("token", secret)))
    scope: dict[str, Any] = {"role": draft.role, "agents": draft.agents, "expires_at": draft.expires_at.isoformat()}
    scope["consents"] = draft.consents
    record(connection, by, "created", ("token", view.id), name=draft.name, **scope)
    return NewToken(secret, view)


def _refuse_too_much(connection: Connection, by: Person, draft: TokenDraft) -> None:
    """Judged by the person as the database has it now; the row stays locked, so that counting is safe."""
    own = select(_users.c.role).where(_users.c.id == by.id, _users.c.deactivated_at.is_(None)).with_for_update()
    role = connection.execute(own).scalar()
    if role is None or lesser(draft.role, role) != draft.role:
        raise NotAllowed("A token cannot have a role above your own. Choose a lower one.")
    alive = (_tokens.c.user_id == by.id, _tokens.c.revoked_at.is_(None), _tokens.c.expires_at > now())
    if connection.execute(select(func.count()).select_from(_tokens).where(*alive)).scalar_one() >= MOST:
        raise InputError(f"You have {MOST} tokens already. Revoke one you no longer need.")
    if draft.agents is not None:
        known = select(func.count()).select_from(_agents).where(_agents.c.id.in_(draft.agents))
        if connection.execute(known).scalar_one() != len(draft.agents):
            raise InputError("One of these agents does not exist any more. Choose again.")


def _revoke(connection: Connection, by: Person, token_id: str) -> None:
    one: ColumnElement[bool] = _tokens.c.id == storable(token_id)
    owner = connection.execute(select(_tokens.c.user_id).where(one)).scalar()
    if owner is None or (owner != by.id and not may(by, Permission.PEOPLE)):
        raise NotFound("There is no such token.")
    change = update(_tokens).where(one, _tokens.c.revoked_at.is_(None)).values(revoked_at=now())
    if connection.execute(change).rowcount:
        record(connection, by, "revoked", ("token", token_id), person_id=owner)


def _row(view: TokenView, secret_digest: str) -> dict[str, Any]:
    agents = None if view.agents is None else list(view.agents)
    names = ("id", "name", "prefix", "role", "created_at", "expires_at", "last_used_at", "revoked_at", "consents")
    own = {name: getattr(view, name) for name in names}
    return {**own, "digest": secret_digest, "user_id": view.person_id, "agents": agents}


def _view(row: Row[Any]) -> TokenView:
    return TokenView(
        id=row.id,
        person_id=row.user_id,
        name=row.name,
        prefix=row.prefix,
        role=row.role,
        agents=None if row.agents is None else tuple(row.agents),
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
        consents=row.consents,
    )
