"""The rows a turn begins with: committed before the provider is called."""

from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, update

from core.books.admission import keep_key, refuse_too_much
from core.books.entries import NewAttempt, NewTurn
from core.books.spans import begun_tally, open_attempt
from core.budgets.holding import Hold, update_budgets
from core.errors import ConversationGone
from core.store.attachment_tables import Attachment
from core.store.tables import Conversation, Message, TaskTrace, TraceSession

_conversations = Conversation.__table__
_messages = Message.__table__

_INSERT_CONVERSATION = insert(_conversations)
_INSERT_MESSAGE = insert(_messages)
_INSERT_ATTACHMENT = insert(Attachment.__table__)
_INSERT_TRACE = insert(TaskTrace.__table__)
_INSERT_SESSION = insert(TraceSession.__table__)
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


def open_turn(connection: Connection, opening: NewTurn) -> None:
    """The user's message and files, an empty answer and the running trace, session and first attempt, or nothing.

    Raises IntegrityError while another turn runs in the conversation or if its key is taken, HistoryMoved,
    ConversationGone, TooManyRequests, and BudgetSpent.
    """
    _open_conversation(connection, opening)
    if opening.files:
        connection.execute(_INSERT_ATTACHMENT, _attachment_rows(opening))
    _add_messages(connection, opening)
    connection.execute(_INSERT_TRACE, _trace_row(opening))
    connection.execute(_INSERT_SESSION, _session_row(opening))
    first = NewAttempt(
        span_id=opening.span_id,
        task_trace_id=opening.task_trace_id,
        session_id=opening.session_id,
        model=opening.model,
        number=1,
        trace_started_at=opening.at,
        bound=opening.bound,
    )
    open_attempt(connection, first, opening.prompt_estimate, opening.at)
    keep_key(connection, opening)
    refuse_too_much(connection, opening)
    update_budgets(connection, hold=Hold(opening.span_id, opening.bound))


def _open_conversation(connection: Connection, opening: NewTurn) -> None:
    if opening.title is not None:
        row = {"id": opening.conversation_id, "owner_id": opening.owner_id, "agent_id": opening.agent_id}
        times = {"created_at": opening.at, "updated_at": opening.at}
        connection.execute(_INSERT_CONVERSATION, {**row, **times, "title": opening.title})
        return
    names = {"conversation": opening.conversation_id, "owner": opening.owner_id}
    changes = {"updated_at": opening.at, "agent_id": opening.agent_id, "archived_at": None}
    if connection.execute(_TOUCH_CONVERSATION, {**names, **changes}).rowcount == 0:
        raise ConversationGone("This conversation does not exist any more. Start a new one.")
    newest = select(func.max(_messages.c.id)).where(_messages.c.conversation_id == opening.conversation_id)
    if connection.execute(newest).scalar() != opening.last_message_id:
        raise HistoryMoved
    if opening.replaces is not None:
        names = {"conversation": opening.conversation_id, "first": opening.replaces}
        connection.execute(_REPLACE_FROM, {**names, "replaced_at": opening.at})


def _add_messages(connection: Connection, opening: NewTurn) -> None:
    if opening.earlier:
        connection.execute(_INSERT_MESSAGE, _earlier_rows(opening))
    shared = {
        "conversation_id": opening.conversation_id,
        "task_trace_id": opening.task_trace_id,
        "created_at": opening.at,
    }
    said: dict[str, Any] = {
        "id": opening.user_message_id,
        "role": "user",
        "status": "complete",
        "content": [*opening.attached, *([{"type": "text", "text": opening.text}] if opening.text.strip() else [])],
        "text": opening.text,
    }
    answer: dict[str, Any] = {
        "id": opening.answer_message_id,
        "role": "assistant",
        "status": "running",
        "content": [],
        "text": "",
    }
    connection.execute(_INSERT_MESSAGE, [{**shared, **said}, {**shared, **answer}])


def _earlier_rows(opening: NewTurn) -> list[dict[str, Any]]:
    """They are of no turn of ours."""
    shared = {"conversation_id": opening.conversation_id, "created_at": opening.at, "status": "complete"}
    return [
        {**shared, "id": each.id, "role": each.role, "text": each.text, "task_trace_id": None, "content": each.blocks}
        for each in opening.earlier
    ]


def _attachment_rows(opening: NewTurn) -> list[dict[str, Any]]:
    shared = {"conversation_id": opening.conversation_id, "created_at": opening.at}
    columns = ("id", "name", "media_type", "size")
    return [
        {
            **shared,
            **{column: file.reference[column] for column in columns},
            "sha256": file.sha256,
            "preview": file.preview,
            "data": file.data,
        }
        for file in opening.files
    ]


def _trace_row(opening: NewTurn) -> dict[str, Any]:
    return {
        "id": opening.task_trace_id,
        "owner_id": opening.owner_id,
        "master_agent_id": opening.agent_id,
        "conversation_id": opening.conversation_id,
        "model": opening.model,
        "instruction": opening.text if opening.text.strip() else ", ".join(each["name"] for each in opening.attached),
        "source": opening.source,
        "instance_id": opening.instance_id,
        "heartbeat_at": opening.at,
        "provenance": opening.provenance,
        "key_source": opening.key_source,
        "key_label": opening.key_label,
        **begun_tally(opening.at),
    }


def _session_row(opening: NewTurn) -> dict[str, Any]:
    return {
        "id": opening.session_id,
        "task_trace_id": opening.task_trace_id,
        "agent_id": opening.agent_id,
        "agent_version": opening.agent_version,
        "session_type": opening.session_type,
        "model": opening.model,
        "notes": list(opening.notes) or None,
        **begun_tally(opening.at),
    }
