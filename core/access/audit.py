"""Who changed what: written in the transaction of the change itself, only ever added to."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import Connection, Row, insert, select

from core.access.roles import Permission, Person, allow
from core.clock import new_id, now
from core.logs import redaction
from core.store.access import AuditEntry, User
from core.store.database import Store
from core.store.text import storable

Value: TypeAlias = str | int | bool | Iterable[str] | None

_LONGEST_VALUE = 500
_MOST_AT_ONCE = 500
_log, _users = AuditEntry.__table__, User.__table__
_without_secrets = redaction(())


@dataclass(frozen=True, slots=True)
class AuditView:
    """``actor`` is a name; it and its id are None for a person at the server's console."""

    id: str
    at: datetime
    actor_id: str | None
    actor: str | None
    action: str
    subject_kind: str
    subject_id: str
    detail: dict[str, Any]


AuditViews: TypeAlias = list[AuditView]


def record(connection: Connection, by: Person | None, action: str, subject: tuple[str, str], **detail: Value) -> None:
    """Note what the transaction does: ``invited`` the subject ``("person", id)``, say.

    Whatever has the shape of a secret is blotted out of ``detail``, and long values are cut.
    """
    if by is not None and by.token_id is not None:
        detail["token_id"] = by.token_id
    row = {
        "id": new_id(),
        "at": now(),
        "actor_id": by.id if by else None,
        "action": action,
        "subject_kind": subject[0],
        "subject_id": subject[1],
        "detail": {name: _plain(value) for name, value in detail.items()},
    }
    connection.execute(insert(_log), row)


def _plain(value: Value) -> Any:
    match value:
        case None | bool() | int():
            return value
        case str():
            return _without_secrets(value)[:_LONGEST_VALUE]
        case _:
            return [_plain(each) for each in value]


class Audit:
    def __init__(self, store: Store) -> None:
        self._store = store

    def list(
        self,
        by: Person,
        *,
        before: str | None = None,
        limit: int = 50,
        actor_id: str | None = None,
        what: tuple[str, str] | None = None,
    ) -> AuditViews:
        """Newest first; ``before`` is the id of the last entry of the page before. Raises NotAllowed.

        ``what`` is an action and the kind of its subject.
        """
        allow(by, Permission.AUDIT)
        query = select(_log, _users.c.name.label("actor")).join(_users, _users.c.id == _log.c.actor_id, isouter=True)
        if before is not None:
            query = query.where(_log.c.id < storable(before))
        if actor_id is not None:
            query = query.where(_log.c.actor_id == storable(actor_id))
        if what is not None:
            query = query.where(_log.c.action == storable(what[0]), _log.c.subject_kind == storable(what[1]))
        query = query.order_by(_log.c.id.desc()).limit(max(1, min(limit, _MOST_AT_ONCE)))
        with self._store.read() as connection:
            return [_view(row) for row in connection.execute(query)]


def _view(row: Row[Any]) -> AuditView:
    return AuditView(
        id=row.id,
        at=row.at,
        actor_id=row.actor_id,
        actor=row.actor,
        action=row.action,
        subject_kind=row.subject_kind,
        subject_id=row.subject_id,
        detail=row.detail,
    )
