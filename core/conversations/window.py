"""A part of a conversation, so that what is read and drawn does not grow with its history."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select, true

from core.access.roles import Person
from core.conversations.ownership import owned
from core.conversations.transcript import Transcript, read_transcript
from core.store.tables import Conversation, Message
from core.store.text import storable

TURNS = 20
"""How many are shown at first."""

_conversations, _messages = Conversation.__table__, Message.__table__


@dataclass(frozen=True, slots=True)
class Window:
    """``earlier`` and ``later`` turns are there beside those of ``messages``."""

    messages: Transcript
    earlier: int
    later: int


def read_window(connection: Connection, by: Person, conversation_id: str, *, turns: int, skipped: int) -> Window | None:
    """Read so many turns, but the ``skipped`` newest ones; None if there is no such conversation of theirs."""
    asked = _asked(conversation_id)
    count = connection.execute(select(func.count()).select_from(asked.subquery())).scalar_one()
    skipped = max(0, min(skipped, count - 1))
    places = connection.execute(asked.order_by(_messages.c.id.desc()).offset(max(0, skipped - 1)).limit(turns + 1))
    ids: list[str] = list(places.scalars())
    after = ids[0] if skipped else None
    shown = ids[1:] if skipped else ids[:turns]
    earlier = max(0, count - skipped - len(shown))
    messages = read_transcript(connection, by, conversation_id, _between(shown[-1] if earlier else None, after))
    return None if messages is None else Window(messages, earlier, skipped)


def _between(first: str | None, after: str | None) -> ColumnElement[bool]:
    begins = true() if first is None else _messages.c.id >= first
    return begins if after is None else and_(begins, _messages.c.id < after)


def _asked(conversation_id: str) -> Select[Any]:
    return select(_messages.c.id).where(
        _messages.c.conversation_id == storable(conversation_id),
        _messages.c.role == "user",
        _messages.c.replaced_at.is_(None),
    )


def turns_after(connection: Connection, by: Person, conversation_id: str, task_trace_id: str) -> int | None:
    """Count the turns that follow this one; None if it does not stand in this conversation of theirs."""
    place = select(func.min(_messages.c.id)).where(
        _messages.c.conversation_id == storable(conversation_id),
        _messages.c.task_trace_id == storable(task_trace_id),
        _messages.c.replaced_at.is_(None),
        select(_conversations.c.id).where(owned(by, conversation_id)).exists(),
    )
    first = connection.execute(place).scalar()
    if first is None:
        return None
    later = _asked(conversation_id).where(_messages.c.id > first)
    return int(connection.execute(select(func.count()).select_from(later.subquery())).scalar_one())


def newest_mention(connection: Connection, by: Person, conversation_id: str, words: str) -> str | None:
    """Find the turn of the newest message that has these words."""
    query = (
        select(_messages.c.task_trace_id)
        .join(_conversations, _conversations.c.id == _messages.c.conversation_id)
        .where(owned(by, conversation_id), _messages.c.replaced_at.is_(None), contains(_messages.c.text, words))
        .order_by(_messages.c.id.desc())
        .limit(1)
    )
    found: str | None = connection.execute(query).scalar()
    return found


def contains(column: ColumnElement[str], part: str) -> ColumnElement[bool]:
    """Return whether the text contains the part; the wildcards of LIKE stand for themselves.

    Case never matters for ASCII letters. For others it matters to SQLite, and to PostgreSQL with a plain C locale, so
    the part is also looked for in lower case, in upper case and capitalised: only mixed spellings are missed.
    """
    return or_(*(column.icontains(spelling, autoescape=True) for spelling in _spellings(part)))


def _spellings(part: str) -> list[str]:
    if part.isascii():
        return [part]
    return list(dict.fromkeys((part, part.lower(), part.upper(), part.capitalize(), part.title())))
