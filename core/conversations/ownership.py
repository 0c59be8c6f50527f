"""Whose conversation it is: everything about one is asked in its owner's name, and who else may read it."""

from sqlalchemy import ColumnElement, and_

from core.access.roles import Person
from core.store.tables import Conversation
from core.store.text import storable

_conversations = Conversation.__table__


def belongs_to(owner_id: str) -> ColumnElement[bool]:
    """The owner's conversations, without deleted ones."""
    return and_(_conversations.c.owner_id == owner_id, _conversations.c.deleted_at.is_(None))


def owned(owner_id: str, conversation_id: str) -> ColumnElement[bool]:
    """One conversation, if it is the owner's; an id may come from an address bar and hold anything."""
    return and_(_conversations.c.id == storable(conversation_id), belongs_to(owner_id))


def may_read(person: Person, owner_id: str) -> bool:
    """Whether the owner's words may be shown to the person: their own, and an admin's business, but never finance's."""
    return person.role == "admin" or (person.role == "operator" and person.id == owner_id)
