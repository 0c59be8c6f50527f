"""A person's conversations: find, read, rename, archive, delete; what they cost stays in the books."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Connection, Row, case, delete, exists, func, or_, select, update

from core.access.roles import Person
from core.clock import now
from core.conversations.attachments import read_file, read_previews
from core.conversations.ownership import belongs_to, owned
from core.conversations.stamp import Stamp, read_stamp
from core.conversations.transcript import MessageView, Transcript, TurnFigures, read_transcript
from core.conversations.unsent import UnsentMessages
from core.conversations.window import TURNS, Window, contains, newest_mention, read_window, turns_after
from core.errors import ConversationBusy, ConversationGone, InputError
from core.events import CostBasis
from core.money import Nanos
from core.store.attachment_tables import Attachment
from core.store.database import Store
from core.store.tables import Agent, Conversation, Message, TaskTrace, TraceSpan
from core.store.text import whole_characters
from core.store.tool_tables import ToolApproval

__all__ = ["ConversationView", "Conversations", "MessageView", "TurnFigures", "title_from"]

LONGEST_TITLE = 200
_TITLE_WIDTH = 60

_conversations, _messages = Conversation.__table__, Message.__table__
_attachments = Attachment.__table__
_agents, _traces, _spans = Agent.__table__, TaskTrace.__table__, TraceSpan.__table__
_approvals = ToolApproval.__table__
_RUNNING = exists().where(_traces.c.conversation_id == _conversations.c.id, _traces.c.status == "running")
_WAITING = _RUNNING.where(_approvals.c.task_trace_id == _traces.c.id, _approvals.c.decision.is_(None))
_VIEWS = select(
    _conversations.c.id,
    _conversations.c.title,
    _conversations.c.agent_id,
    _agents.c.name.label("agent_name"),
    _conversations.c.updated_at,
    _conversations.c.archived_at,
    _RUNNING.label("running"),
    _WAITING.label("waiting"),
).join(_agents, _agents.c.id == _conversations.c.agent_id)


@dataclass(frozen=True, slots=True)
class ConversationView:
    """``running``: an answer is being written, in this process or another one; ``waiting``: for somebody's consent."""

    id: str
    title: str
    agent_id: str
    agent_name: str
    updated_at: datetime
    archived: bool
    running: bool
    waiting: bool


ConversationViews: TypeAlias = list[ConversationView]


class Conversations:
    """For the person alone, or a token's agents: someone else's conversation is NotFound. Raises NotAllowed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.unsent = UnsentMessages(store)

    def list(self, by: Person, *, search: str = "", archived: bool = False, limit: int = 100) -> ConversationViews:
        """List conversations, those last written to first.

        ``search`` looks in titles and in the text of messages that still stand.
        """
        is_archived = _conversations.c.archived_at.is_not(None)
        query = _VIEWS.where(belongs_to(by), is_archived if archived else ~is_archived)
        if search.strip():
            query = query.where(_mentions(search.strip()))
        newest = query.order_by(_conversations.c.updated_at.desc(), _conversations.c.id.desc()).limit(limit)
        with self._store.read() as connection:
            return [_view(row) for row in connection.execute(newest)]

    def get(self, by: Person, conversation_id: str) -> ConversationView:
        """Raises NotFound."""
        with self._store.read() as connection:
            row = connection.execute(_VIEWS.where(owned(by, conversation_id))).first()
        if row is None:
            raise _unknown()
        return _view(row)

    def transcript(self, by: Person, conversation_id: str) -> Transcript:
        """Read what stands, in order, with the figures of each turn. Raises NotFound."""
        with self._store.read() as connection:
            messages = read_transcript(connection, by, conversation_id)
        if messages is None:
            raise _unknown()
        return messages

    def window(self, by: Person, conversation_id: str, *, turns: int = TURNS, skipped: int = 0) -> Window:
        """So many turns of what stands, but the ``skipped`` newest ones. Raises NotFound."""
        with self._store.read() as connection:
            found = read_window(connection, by, conversation_id, turns=turns, skipped=skipped)
        if found is None:
            raise _unknown()
        return found

    def turns_after(self, by: Person, conversation_id: str, task_trace_id: str) -> int | None:
        """Return how many turns follow this one; None if it does not stand in the conversation any more."""
        with self._store.read() as connection:
            return turns_after(connection, by, conversation_id, task_trace_id)

    def newest_mention(self, by: Person, conversation_id: str, words: str) -> str | None:
        """Return the turn of the newest message that has these words."""
        with self._store.read() as connection:
            return newest_mention(connection, by, conversation_id, words)

    def stamp(self, by: Person, conversation_id: str | None) -> Stamp:
        """Return a value that is another whenever anything has changed that a page with this conversation shows."""
        with self._store.read() as connection:
            return read_stamp(connection, by, conversation_id)

    def spent(self, by: Person, conversation_id: str) -> tuple[Nanos | None, int, CostBasis]:
        """Cost, number and basis of all ended turns, replaced ones included; no cost if one of them has no known price.

        A turn that still runs is in neither: its cost is not settled; nor, for a token, are those of agents that it is
        not for. Raises NotFound.
        """
        ended = (_traces.c.conversation_id == _conversations.c.id) & (_traces.c.status != "running")
        if by.agents is not None:
            ended &= _traces.c.master_agent_id.in_(sorted(by.agents))
        turns, priced = func.count(_traces.c.id), func.count(_traces.c.cost_nanos)
        total = case((turns == priced, func.coalesce(func.sum(_traces.c.cost_nanos), 0)))
        query = (
            select(total, turns, func.count(case((_traces.c.cost_basis == "estimated", 1))))
            .select_from(_conversations.outerjoin(_traces, ended))
            .where(owned(by, conversation_id))
            .group_by(_conversations.c.id)
        )
        with self._store.read() as connection:
            row = connection.execute(query).first()
        if row is None:
            raise _unknown()
        total_nanos, count, estimated = row
        if total_nanos is None:
            return None, count, "unpriced"
        return int(total_nanos), count, "estimated" if estimated else "computed"

    def previews(self, by: Person, conversation_id: str, ids: Sequence[str]) -> dict[str, bytes]:
        """Return a small WebP of each image among these attachments, by its id."""
        with self._store.read() as connection:
            return read_previews(connection, by, conversation_id, ids)

    def attached_file(self, by: Person, conversation_id: str, attachment_id: str) -> bytes:
        """Return an attached file as it was. Raises NotFound."""
        with self._store.read() as connection:
            return read_file(connection, by, conversation_id, attachment_id)

    def rename(self, by: Person, conversation_id: str, title: str) -> None:
        """Raises InputError and NotFound."""
        line = " ".join(whole_characters(title, "The title").split())
        if not line:
            raise InputError("The title is empty. Give the conversation a title.")
        if len(line) > LONGEST_TITLE:
            raise InputError(f"The title is {len(line):,} characters long; at most {LONGEST_TITLE} fit. Shorten it.")
        self._change(by, conversation_id, title=line)

    def archive(self, by: Person, conversation_id: str) -> None:
        """Raises NotFound."""
        self._change(by, conversation_id, archived_at=now())

    def unarchive(self, by: Person, conversation_id: str) -> None:
        """Raises NotFound."""
        self._change(by, conversation_id, archived_at=None)

    def delete(self, by: Person, conversation_id: str) -> None:
        """Forget every word and file of it and keep what it cost. Raises ConversationBusy and NotFound."""
        self._store.write(lambda connection: _delete(connection, by, conversation_id)).result()

    def _change(self, by: Person, conversation_id: str, **values: Any) -> None:
        self._store.write(lambda connection: _update(connection, by, conversation_id, values)).result()


def title_from(text: str) -> str:
    """Return a title for the conversation that a message begins: its first line, cut at a word near 60 characters."""
    first = next((line for line in text.splitlines() if line.strip()), "New conversation")
    line = " ".join(first.split())
    if len(line) <= _TITLE_WIDTH:
        return line
    whole_words, _, _ = line[: _TITLE_WIDTH + 1].rpartition(" ")
    return (whole_words or line[:_TITLE_WIDTH]) + "…"


def _view(row: Row[Any]) -> ConversationView:
    return ConversationView(
        id=row.id,
        title=row.title,
        agent_id=row.agent_id,
        agent_name=row.agent_name,
        updated_at=row.updated_at,
        archived=row.archived_at is not None,
        running=bool(row.running),
        waiting=bool(row.waiting),
    )


def _mentions(part: str) -> ColumnElement[bool]:
    stands = (_messages.c.conversation_id == _conversations.c.id) & _messages.c.replaced_at.is_(None)
    return or_(contains(_conversations.c.title, part), exists().where(stands, contains(_messages.c.text, part)))


def _update(connection: Connection, by: Person, conversation_id: str, values: dict[str, Any]) -> None:
    change = update(_conversations).where(owned(by, conversation_id)).values(values)
    if connection.execute(change).rowcount == 0:
        raise _unknown()


def _delete(connection: Connection, by: Person, conversation_id: str) -> None:
    """The row is changed first: from then on no turn can begin, so the look for running ones misses none."""
    _update(connection, by, conversation_id, {"title": "", "deleted_at": now()})
    its_traces = _traces.c.conversation_id == conversation_id
    if connection.execute(select(_traces.c.id).where(its_traces, _traces.c.status == "running")).first():
        raise ConversationBusy("This conversation is still being answered. Stop the answer, then delete it.")
    connection.execute(delete(_messages).where(_messages.c.conversation_id == conversation_id))
    connection.execute(delete(_attachments).where(_attachments.c.conversation_id == conversation_id))
    ids = select(_traces.c.id).where(its_traces)
    its_tools = _spans.c.task_trace_id.in_(ids), _spans.c.kind == "tool"
    connection.execute(update(_spans).where(*its_tools).values(input=None, output=None))
    connection.execute(update(_approvals).where(_approvals.c.task_trace_id.in_(ids)).values(reason=""))
    connection.execute(update(_traces).where(its_traces).values(instruction=""))


def _unknown() -> ConversationGone:
    return ConversationGone(
        "There is no such conversation. It may have been deleted; choose another one or start a new one."
    )
