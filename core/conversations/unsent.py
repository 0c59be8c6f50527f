"""Messages that were not sent: kept with the reason until they are, so that no reload loses them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from sqlalchemy import Connection, Row, Select, delete, insert, select

from core.access.roles import Person
from core.clock import new_id, now
from core.conversations.attachments import Attachment
from core.errors import AgentInactive, AppError, ConversationGone, InputError, MessageGone
from core.files.limits import LARGEST_TOGETHER
from core.store.database import Store
from core.store.text import storable
from core.store.unsent_tables import UnsentFile, UnsentMessage

Remedy: TypeAlias = Literal["again", "change", "anew", "elsewhere"]
"""Send it again as it is; change it first; send it as a new message; send it in a new conversation."""

MOST = 20
"""How many are kept for a person; beyond that the oldest go."""

_messages, _files = UnsentMessage.__table__, UnsentFile.__table__


@dataclass(frozen=True, slots=True)
class Unsent:
    """``replaces`` is the message that it should take the place of."""

    text: str
    files: tuple[Attachment, ...]
    conversation_id: str | None
    replaces: str | None
    reason: str
    remedy: Remedy
    id: str = field(default_factory=new_id)


def remedy_for(error: AppError) -> Remedy:
    """Return what may help: what is refused for what it says is refused again."""
    match error:
        case MessageGone():
            return "anew"
        case ConversationGone():
            return "elsewhere"
        case AgentInactive():
            return "again"
        case InputError():
            return "change"
        case _:
            return "again"


class UnsentMessages:
    """A person's own. Each method raises StoreError while the database cannot be used."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def keep(self, by: Person, message: Unsent) -> None:
        """Keep it, or what has become of it; files of more than a request can take are left out."""
        self._store.write(lambda connection: _keep(connection, by, message)).result()

    def drop(self, by: Person, message_id: str) -> None:
        own = _messages.c.owner_id == by.id, _messages.c.id == storable(message_id)
        self._store.write(lambda connection: _forget(connection, select(_messages.c.id).where(*own))).result()

    def list(self, by: Person) -> "list[Unsent]":
        """List them, oldest first."""
        query = select(_messages).where(_messages.c.owner_id == by.id).order_by(_messages.c.id)
        with self._store.read() as connection:
            rows = connection.execute(query).all()
            files = _read_files(connection, [row.id for row in rows])
        return [
            Unsent(_text(row), files.get(row.id, ()), row.conversation_id, row.replaces, row.reason, row.remedy, row.id)
            for row in rows
        ]


def _keep(connection: Connection, by: Person, message: Unsent) -> None:
    _forget(connection, select(_messages.c.id).where(_messages.c.id == message.id))
    row = {"id": message.id, "owner_id": by.id, "conversation_id": message.conversation_id, "text": message.text}
    why = {"replaces": message.replaces, "reason": message.reason, "remedy": message.remedy, "created_at": now()}
    exact = None if storable(message.text) == message.text else message.text
    connection.execute(insert(_messages), {**row, **why, "exact": exact})
    if message.files and sum(len(file.data) for file in message.files) <= LARGEST_TOGETHER:
        connection.execute(insert(_files), list(_file_rows(message)))
    own = select(_messages.c.id).where(_messages.c.owner_id == by.id)
    _forget(connection, own.order_by(_messages.c.id.desc()).offset(MOST))


def _text(row: Row[Any]) -> str:
    text: str = row.text if row.exact is None else row.exact
    return text


def _file_rows(message: Unsent) -> Iterable[dict[str, object]]:
    for number, file in enumerate(message.files):
        yield {"message_id": message.id, "number": number, "name": file.name, "data": file.data}


def _forget(connection: Connection, which: Select[tuple[str]]) -> None:
    ids = list(connection.execute(which).scalars())
    connection.execute(delete(_files).where(_files.c.message_id.in_(ids)))
    connection.execute(delete(_messages).where(_messages.c.id.in_(ids)))


def _read_files(connection: Connection, ids: list[str]) -> dict[str, tuple[Attachment, ...]]:
    found: dict[str, tuple[Attachment, ...]] = {}
    query = select(_files).where(_files.c.message_id.in_(ids)).order_by(_files.c.message_id, _files.c.number)
    for row in connection.execute(query) if ids else ():
        found[row.message_id] = (*found.get(row.message_id, ()), Attachment(row.name, bytes(row.data)))
    return found
