"""Ids of the demo month: the same each time it is written, and those of its people and agents known by their look."""

from datetime import datetime
from random import Random
from typing import Literal

from sqlalchemy import ColumnElement

from core.store.demo import DEMO_IDS


def lasting_id(kind: Literal["person", "agent"], number: int) -> str:
    return f"{DEMO_IDS}000-{'8' if kind == 'person' else '9'}000-{number:012}"


def is_demo(column: ColumnElement[str]) -> ColumnElement[bool]:
    """Return whether it is a lasting id; as a range, which an index can find, whatever order the database has."""
    return column.between(DEMO_IDS, DEMO_IDS + "z")


def id_at(at: datetime, random: Random) -> str:
    """Sorts by its time, which counts whole milliseconds."""
    head, low, high = f"{int(at.timestamp() * 1_000):012x}", random.getrandbits(12), random.getrandbits(62)
    tail = f"{0x8000000000000000 | high:016x}"
    return f"{head[:8]}-{head[8:]}-7{low:03x}-{tail[:4]}-{tail[4:]}"
