"""The tables of messages that somebody wrote and that were not sent."""

from datetime import datetime

from sqlalchemy import JSON, LargeBinary
from sqlmodel import Field

from core.store.tables import Row
from core.store.text import StorableText


class UnsentMessage(Row, table=True):
    """Kept until it is sent or discarded. ``conversation_id`` is None for one that would begin a conversation.

    ``replaces`` is the message that it changes; ``remedy`` says what may help, ``reason`` why it was not sent.
    ``exact`` is the text where it has characters that no text column takes, such as NUL; else None.
    """

    __tablename__ = "unsent_messages"
    id: str = Field(primary_key=True)
    owner_id: str = Field(foreign_key="users.id", index=True, ondelete="CASCADE")
    conversation_id: str | None = None
    replaces: str | None = None
    text: str = Field(sa_type=StorableText)
    exact: str | None = Field(None, sa_type=JSON(none_as_null=True))
    reason: str = Field(sa_type=StorableText)
    remedy: str
    created_at: datetime


class UnsentFile(Row, table=True):
    """A file that goes with it, ``number`` giving their order."""

    __tablename__ = "unsent_files"
    message_id: str = Field(primary_key=True, foreign_key="unsent_messages.id", ondelete="CASCADE")
    number: int = Field(primary_key=True)
    name: str = Field(sa_type=StorableText)
    data: bytes = Field(sa_type=LargeBinary, repr=False)
