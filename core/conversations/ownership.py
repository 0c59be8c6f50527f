"""Whose conversation it is: everything about one is asked in its owner's name."""

from sqlalchemy import ColumnElement, and_

from core.access.roles import Permission, Person, allow
from core.store.tables import Conversation
from core.store.text import storable

_conversations = Conversation.__table__


def belongs_to(by: Person) -> ColumnElement[bool]:
    """Return the person's conversations, without deleted ones; a token's are those with its agents.

    Raises NotAllowed.
    """
    allow(by, Permission.CHAT)
    own = and_(_conversations.c.owner_id == by.id, _conversations.c.deleted_at.is_(None))
    return own if by.agents is None else and_(own, _conversations.c.agent_id.in_(sorted(by.agents)))


def owned(by: Person, conversation_id: str) -> ColumnElement[bool]:
    """Find one conversation, if it is theirs; an id may come from an address bar and hold anything."""
    return and_(_conversations.c.id == storable(conversation_id), belongs_to(by))
