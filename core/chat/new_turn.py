"""A turn that is about to start: what its conversation gets in the transaction that opens its trace."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, bindparam, func, insert, select, update

from core.access.roles import Person, may_use_agent
from core.books.values import ModelCall, Run, Trace
from core.books.writes import insert_trace, open_run
from core.clock import new_id
from core.conversations.attachments import NewAttachment
from core.errors import ConversationGone
from core.store.attachment_tables import Attachment
from core.store.tables import Conversation, Message

_conversations = Conversation.__table__
_messages = Message.__table__

_INSERT_CONVERSATION = insert(_conversations)
_INSERT_MESSAGE = insert(_messages)
_INSERT_ATTACHMENT = insert(Attachment.__table__)
_TOUCH_CONVERSATION = update(_conversations).where(
    _conversations.c.id == bindparam("conversation"),
    _conversations.c.owner_id == bindparam("owner"),
    _conversations.c.deleted_at.is_(None),
)
_REPLACE_FROM = update(_messages).where(
    _messages.c.conversation_id == bindparam("conversation"),
    _messages.c.id >= bindparam("first"),
    _messages.c.replaced_at.is_(None),
)


class HistoryMoved(Exception):
    """Someone wrote into the conversation since its history was read: read it again."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """A message that, as its sender says, came before the one that begins a conversation here: its id is the older."""

    role: Literal["user", "assistant"]
    text: str
    id: str = field(default_factory=new_id)

    @property
    def blocks(self) -> list[dict[str, str]]:
        return [{"type": "text", "text": self.text}] if self.text.strip() else []


@dataclass(frozen=True, slots=True)
class Head:
    """What a turn is known by from its first moment on; ``message_id`` is its answer's, ``agent_id`` the master's."""

    task_trace_id: str
    conversation_id: str
    message_id: str
    owner_id: str
    agent_id: str
    at: datetime

    def is_for(self, person: Person) -> bool:
        """Return whether it is there at all for this person, or this token."""
        return self.owner_id == person.id and may_use_agent(person, self.agent_id)


@dataclass(frozen=True, slots=True)
class NewTurn:
    """A message with the trace, the run and the first model call that answer it.

    ``title`` names a conversation to create; ``replaces`` is a user message that this one supersedes.
    ``last_message_id`` is the newest message its sender saw: the turn is refused if there is a newer one by now.
    The message has its new ``files``, and refers to those ``kept`` of the one that it replaces.
    """

    head: Head
    trace: Trace
    run: Run
    call: ModelCall
    user_message_id: str
    title: str | None
    text: str
    replaces: str | None = None
    last_message_id: str | None = None
    kept: tuple[dict[str, Any], ...] = ()
    files: tuple[NewAttachment, ...] = ()
    earlier: tuple[Earlier, ...] = ()

    @property
    def attached(self) -> list[dict[str, Any]]:
        return attached(self.kept, self.files)


def attached(kept: tuple[dict[str, Any], ...], files: tuple[NewAttachment, ...]) -> list[dict[str, Any]]:
    """Blocks that stand for a message's files."""
    return [*kept, *(file.reference for file in files)]


def open_turn(connection: Connection, new: NewTurn) -> None:
    """Open all that a turn begins with, in one transaction that asks for neither key nor quota.

    Raises what ``open_conversation`` raises, IntegrityError while another turn runs there, and BudgetSpent.
    """
    open_conversation(connection, new)
    insert_trace(connection, new.trace)
    open_run(connection, new.run, new.call)


def open_conversation(connection: Connection, new: NewTurn) -> None:
    """Write the user's message and files and an empty answer, in a new conversation or one that is there.

    Raises HistoryMoved and ConversationGone.
    """
    _touch_conversation(connection, new)
    if new.files:
        connection.execute(_INSERT_ATTACHMENT, _attachment_rows(new))
    _add_messages(connection, new)


def _touch_conversation(connection: Connection, new: NewTurn) -> None:
    if new.title is not None:
        row = {"id": new.head.conversation_id, "owner_id": new.head.owner_id, "agent_id": new.head.agent_id}
        times = {"created_at": new.head.at, "updated_at": new.head.at}
        connection.execute(_INSERT_CONVERSATION, {**row, **times, "title": new.title})
        return
    names = {"conversation": new.head.conversation_id, "owner": new.head.owner_id}
    changes = {"updated_at": new.head.at, "agent_id": new.head.agent_id, "archived_at": None}
    if connection.execute(_TOUCH_CONVERSATION, {**names, **changes}).rowcount == 0:
        raise ConversationGone("This conversation does not exist any more. Start a new one.")
    newest = select(func.max(_messages.c.id)).where(_messages.c.conversation_id == new.head.conversation_id)
    if connection.execute(newest).scalar() != new.last_message_id:
        raise HistoryMoved
    if new.replaces is not None:
        names = {"conversation": new.head.conversation_id, "first": new.replaces}
        connection.execute(_REPLACE_FROM, {**names, "replaced_at": new.head.at})


def _add_messages(connection: Connection, new: NewTurn) -> None:
    if new.earlier:
        connection.execute(_INSERT_MESSAGE, _earlier_rows(new))
    shared = {
        "conversation_id": new.head.conversation_id,
        "task_trace_id": new.head.task_trace_id,
        "created_at": new.head.at,
    }
    said: dict[str, Any] = {
        "id": new.user_message_id,
        "role": "user",
        "status": "complete",
        "content": [*new.attached, *([{"type": "text", "text": new.text}] if new.text.strip() else [])],
        "text": new.text,
    }
    answer: dict[str, Any] = {
        "id": new.head.message_id,
        "role": "assistant",
        "status": "running",
        "content": [],
        "text": "",
    }
    connection.execute(_INSERT_MESSAGE, [{**shared, **said}, {**shared, **answer}])


def _earlier_rows(new: NewTurn) -> list[dict[str, Any]]:
    """They are of no turn of ours."""
    shared = {"conversation_id": new.head.conversation_id, "created_at": new.head.at, "status": "complete"}
    return [
        {**shared, "id": each.id, "role": each.role, "text": each.text, "task_trace_id": None, "content": each.blocks}
        for each in new.earlier
    ]


def _attachment_rows(new: NewTurn) -> list[dict[str, Any]]:
    shared = {"conversation_id": new.head.conversation_id, "created_at": new.head.at}
    columns = ("id", "name", "media_type", "size")
    return [
        {
            **shared,
            **{column: file.reference[column] for column in columns},
            "sha256": file.sha256,
            "preview": file.preview,
            "data": file.data,
        }
        for file in new.files
    ]
