"""The only source of the time and of new ids."""

from datetime import UTC, datetime

from uuid_utils import uuid7


def now() -> datetime:
    """Return the time, aware and in UTC."""
    return datetime.now(UTC)


def new_id() -> str:
    """Return a UUIDv7: ids made later sort later."""
    return str(uuid7())
