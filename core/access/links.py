"""Links that let somebody choose a password: each good once, for a while, and known here only by its hash."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal, TypeAlias, cast

from sqlalchemy import Connection, Row, Select, insert, select, update

from core.access.secret_tokens import digest, new_secret
from core.clock import new_id, now
from core.errors import NotAllowed
from core.settings import Settings
from core.store.access import OneTimeLink, User

LinkKind: TypeAlias = Literal["invite", "reset", "setup"]

VALID: Final[dict[LinkKind, timedelta]] = {
    "invite": timedelta(days=7),
    "reset": timedelta(hours=24),
    "setup": timedelta(hours=24),
}
PATH: Final = "/join"
_links, _users = OneTimeLink.__table__, User.__table__
_SPENT = "This link has been used, has expired or was replaced by a newer one. Ask for a new one."


@dataclass(frozen=True, slots=True)
class Link:
    """``secret`` goes into the address that the person opens; it cannot be had again."""

    secret: str = field(repr=False)
    kind: LinkKind
    person_id: str | None
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Opened:
    """Whom a link is for; a set-up link is for everybody who has it, so it says nothing of a person."""

    id: str
    kind: LinkKind
    person_id: str | None = None
    email: str = ""
    name: str = ""
    role: str = "admin"


def address(chosen: Settings, link: Link) -> str:
    """Return the address that the person opens."""
    return f"{chosen.address}{PATH}?link={link.secret}"


def new_link(connection: Connection, kind: LinkKind, person_id: str | None) -> Link:
    """Make a link: the person's earlier ones are dead from now on; set-up links stay, as each process may show one."""
    if person_id is not None:
        void_links(connection, person_id)
    secret, at = new_secret("link"), now()
    link = Link(secret, kind, person_id, at + VALID[kind])
    row = {"id": new_id(), "digest": digest("link", secret), "kind": kind, "user_id": person_id}
    connection.execute(insert(_links), {**row, "created_at": at, "expires_at": link.expires_at})
    return link


def void_links(connection: Connection, person_id: str) -> None:
    connection.execute(
        update(_links).where(_links.c.user_id == person_id, _links.c.used_at.is_(None)).values(used_at=now())
    )


def open_link(connection: Connection, secret: str) -> Opened:
    """Return what a link is good for, without using it up. Raises NotAllowed."""
    row = connection.execute(_unused(secret)).first()
    if row is None:
        raise NotAllowed(_SPENT)
    return _opened(row)


def use_link(connection: Connection, secret: str) -> Opened:
    """Use a link up: of all who try at once only one comes back from here. Raises NotAllowed."""
    opened = open_link(connection, secret)
    mine = update(_links).where(_links.c.id == opened.id, _links.c.used_at.is_(None)).values(used_at=now())
    if connection.execute(mine).rowcount != 1:
        raise NotAllowed(_SPENT)
    return opened


def _unused(secret: str) -> Select[Any]:
    return (
        select(_links.c.id, _links.c.kind, _links.c.user_id, _users.c.email, _users.c.name, _users.c.role)
        .join(_users, _users.c.id == _links.c.user_id, isouter=True)
        .where(
            _links.c.digest == digest("link", secret),
            _links.c.used_at.is_(None),
            _links.c.expires_at > now(),
            _users.c.deactivated_at.is_(None),
        )
    )


def _opened(row: Row[Any]) -> Opened:
    kind = cast(LinkKind, row.kind)
    if row.user_id is None:
        return Opened(row.id, kind)
    return Opened(row.id, kind, row.user_id, row.email, row.name, row.role)
