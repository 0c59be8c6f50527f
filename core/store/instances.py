"""The table of the processes that run turns."""

from datetime import datetime

from sqlalchemy import BigInteger
from sqlmodel import Field

from core.store.tables import Row


class Instance(Row, table=True):
    """A process, by the id that its turns carry. ``beats`` grows while it lives; nobody compares clocks.

    ``boot_id`` and ``pid_namespace`` are empty where the system does not tell them.
    """

    __tablename__ = "instances"
    id: str = Field(primary_key=True)
    boot_id: str
    pid_namespace: str
    host: str
    started_at: datetime
    beats: int = Field(0, sa_type=BigInteger)
