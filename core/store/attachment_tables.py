"""The table of files that people attach to their messages."""

from datetime import datetime

from sqlalchemy import LargeBinary
from sqlmodel import Field

from core.store.tables import Row
from core.store.text import StorableText


class Attachment(Row, table=True):
    """A file as it was attached; messages refer to it by its id, also those that replace the one it came with.

    ``preview`` is an image's small WebP. It goes with its conversation.
    """

    __tablename__ = "attachments"
    id: str = Field(primary_key=True)
    conversation_id: str = Field(foreign_key="conversations.id", index=True)
    name: str = Field(sa_type=StorableText)
    media_type: str
    size: int
    sha256: str
    created_at: datetime
    preview: bytes | None = Field(None, sa_type=LargeBinary)
    data: bytes = Field(sa_type=LargeBinary, repr=False)
