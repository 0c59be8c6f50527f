"""Tables of what programs send."""

from datetime import datetime

from sqlmodel import Field

from core.store.tables import Row


class IdempotencyKey(Row, table=True):
    """What a program named its request by, so that the same one sent again gets the turn that it began.

    ``digest`` is the SHA-256 of the request, in hexadecimal.
    """

    __tablename__ = "idempotency_keys"
    owner_id: str = Field(primary_key=True, foreign_key="users.id", ondelete="CASCADE")
    key: str = Field(primary_key=True)
    digest: str
    task_trace_id: str
    created_at: datetime = Field(index=True)
