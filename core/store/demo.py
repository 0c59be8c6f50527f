"""The demo month's own row, and what marks all else that belongs to it."""

from datetime import date, datetime

from sqlmodel import Field

from core.store.tables import Row

DEMO_SOURCE = "demo"
"""Of traces of the demo month, which nobody paid for."""
DEMO_IDS = "00000000-de30-7"
"""How the ids of its people and agents begin: as an id of 1970, which no other is; migration 0004 knows it, too."""


class DemoState(Row, table=True):
    """At most one row, number 1, while a demo month is being loaded, shown or removed.

    ``today`` is its last day and nothing in it is later than ``until``; ``state`` is loading, loaded or removing.
    """

    __tablename__ = "demo_month"
    id: int = Field(1, primary_key=True)
    today: date
    until: datetime
    state: str
