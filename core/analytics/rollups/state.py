"""Which zone's hours and days the tables of sums hold, and making them again."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, delete, func, insert, select

from core.store.rollups import ROLLUPS, STATE
from core.store.tables import DirtyBucket, TaskTrace

_ADVISORY_LOCK = 0x726F6C6C7570

_started = TaskTrace.__table__.c.started_at


def tables_zone(connection: Connection) -> ZoneInfo | None:
    """Return the zone that the tables are made for, None if they have never been."""
    name = connection.execute(select(STATE.c.zone)).scalar()
    return None if name is None else ZoneInfo(name)


def begin(connection: Connection, zone: ZoneInfo) -> None:
    """Make the tables that zone's, unless somebody has made them another's meanwhile."""
    take_turns(connection)
    if tables_zone(connection) is None:
        connection.execute(insert(STATE), {"zone": zone.key})


def take_turns(connection: Connection) -> None:
    """Let one process at a time change the tables: two that sum up the same day would not see each other's hours."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_ADVISORY_LOCK)))


def empty_tables(connection: Connection, zone: ZoneInfo) -> None:
    """Start over for that zone: every hour there are traces of is dirty and is read from the ledger until refreshed."""
    take_turns(connection)
    for table in ROLLUPS:
        connection.execute(delete(table))
    if hours := _hours_of_traces(connection):
        connection.execute(insert(DirtyBucket.__table__), [{"hour": hour} for hour in hours])
    connection.execute(delete(STATE))
    begin(connection, zone)


def _hours_of_traces(connection: Connection) -> list[datetime]:
    first, last = connection.execute(select(func.min(_started), func.max(_started))).one()
    if first is None:
        return []
    hour = first.replace(minute=0, second=0, microsecond=0)
    return [hour + timedelta(hours=number) for number in range((last - hour) // timedelta(hours=1) + 1)]
