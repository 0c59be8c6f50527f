"""What a database's refusals mean, in sentences that say what to do; never a password, never a parameter's value."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from core.errors import StoreError

_SQLITE = {
    "SQLITE_BUSY": "The database {place} is locked by another program. Close that program, or try again in a moment.",
    "SQLITE_LOCKED": "The database {place} is locked by another program. Close that program, or try again in a moment.",
    "SQLITE_FULL": "The disk is full, so that {place} cannot grow. Free some space; a restart is not needed.",
    "SQLITE_READONLY": "The database {place} may only be read. Let this user write the file and its folder.",
    "SQLITE_CANTOPEN": "The database {place} cannot be opened. Check that the file, its folder and the rights exist.",
    "SQLITE_PERM": "The database {place} may not be used by this user. Correct the file's rights.",
    "SQLITE_AUTH": "The database {place} may not be used by this user. Correct the file's rights.",
    "SQLITE_NOTADB": "The file {place} is not a database. Move it away, or name another in DATABASE_URL.",
    "SQLITE_CORRUPT": "The database {place} is damaged. Stop, keep the file, and go back to a copy of it.",
    "SQLITE_IOERR": "The disk failed while {place} was used. Check the disk, then try again.",
    "SQLITE_PROTOCOL": "The database {place} is too busy. Try again in a moment.",
}
# Conditions by their SQLSTATE: a whole code or, with two letters, its class.
_POSTGRESQL = {
    "08": "The connection to the database {place} broke. Check that PostgreSQL runs, then try again.",
    "57P": "The database {place} is stopping or starting. Try again in a moment.",
    "28": "The database {place} refuses this user. Check the name and the password in DATABASE_URL.",
    "3D": "There is no database {place}. Create it, or name another in DATABASE_URL.",
    "42501": "The database {place} does not let this user do that. Grant the rights and try again.",
    "25006": "The database {place} may only be read. Name the primary server in DATABASE_URL.",
    "40": "The database {place} is too busy to bring this change in line with others. Try again in a moment.",
    "55P03": "The database {place} is locked by another program. Close that program, or try again in a moment.",
    "53100": "The disk of the database {place} is full. Free some space; a restart is not needed.",
    "53": "The database {place} is out of connections or memory. Try again in a moment.",
    "58": "The disk failed while the database {place} was used. Check the disk, then try again.",
    "XX": "The database {place} reports damage. Look into PostgreSQL's log.",
}
# A refused connection carries no SQLSTATE, only the server's sentence.
_REFUSALS = {
    "password": _POSTGRESQL["28"],
    "authentication failed": _POSTGRESQL["28"],
    "no pg_hba.conf entry": _POSTGRESQL["28"],
    "role ": _POSTGRESQL["28"],
    "database system is": _POSTGRESQL["57P"],
    "too many": _POSTGRESQL["53"],
    "remaining connection slots": _POSTGRESQL["53"],
    "does not exist": _POSTGRESQL["3D"],
}
# Conflicts with other transactions, and a server that stops or starts.
_PASSING_CLASSES = {"40", "57"}
# For people who must not learn where the database is: by a part of the sentence.
_REASONS = {
    "is full": "the disk is full",
    "is locked": "the database is locked",
    "only be read": "the database may only be read",
    "cannot be opened": "the database's file is gone or closed to this user",
    "may not be used": "the database is closed to this user",
    "damage": "the database is damaged",
    "disk failed": "the disk failed",
    "cannot be reached": "the database cannot be reached",
    "broke": "the database cannot be reached",
    "stopping or starting": "the database is stopping or starting",
    "too busy": "the database is too busy",
    "too many people": "too many people read the database",
}
_UNREACHABLE = "The database {place} cannot be reached. Check that PostgreSQL runs and that DATABASE_URL names it."
_EXHAUSTED = "Too many people read the database {place} at once. Try again in a moment."


def place(url: URL) -> str:
    """Say where the database is, fit to be shown."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    host = url.host or url.query.get("host") or "localhost"
    return f"{url.database} on {host}" + (f":{url.port}" if url.port else "")


@contextmanager
def told_plainly(url: URL) -> Iterator[None]:
    """Raise StoreError for what keeps the whole database from being used; let every other error pass."""
    try:
        yield
    except (DBAPIError, PoolExhausted, sqlite3.Error) as error:
        told = store_error(error, url)
        if told is None:
            raise
        raise told from error


def store_error(error: BaseException, url: URL) -> StoreError | None:
    """Return the StoreError that says it, or None for an error that lies in what was asked, such as IntegrityError."""
    sentence = _EXHAUSTED if isinstance(error, PoolExhausted) else _sentence(error)
    return None if sentence is None else StoreError(sentence.format(place=place(url)), reason=_reason(sentence))


def passes(error: BaseException) -> bool:
    """Return whether the same transaction may well succeed in a moment: a conflict, a dead connection, a restart."""
    if not isinstance(error, DBAPIError):
        return False
    return error.connection_invalidated or _unanswered(error) or _state(error)[:2] in _PASSING_CLASSES


def _sentence(error: BaseException) -> str | None:
    original = getattr(error, "orig", None) or error
    known = _longest(_SQLITE, getattr(original, "sqlite_errorname", "")) or _longest(_POSTGRESQL, _state(error))
    if known is None and _unanswered(error):
        return next((sentence for part, sentence in _REFUSALS.items() if part in str(original)), _UNREACHABLE)
    return known


def _reason(sentence: str) -> str:
    found = (reason for part, reason in _REASONS.items() if part in sentence.lower())
    return next(found, "the database cannot be used")


def _longest(sentences: dict[str, str], code: str) -> str | None:
    fitting = [known for known in sentences if code.startswith(known)]
    return sentences[max(fitting, key=len)] if fitting else None


def _state(error: BaseException) -> str:
    return getattr(getattr(error, "orig", None), "sqlstate", None) or ""


def _unanswered(error: BaseException) -> bool:
    """psycopg's errors without an SQLSTATE: no server took the statement."""
    return isinstance(error, OperationalError) and hasattr(error.orig, "sqlstate") and not _state(error)
