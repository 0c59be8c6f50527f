"""Secrets of servers of tools: in the database each is encrypted, beside its name.

What was written before there was encryption is text; it is read as it is, and encrypted at the next start.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

from sqlalchemy import Connection, select, text, update

from core.access.encryption import EncryptionKeys
from core.logs import keep_from_log
from core.store.database import Store
from core.store.tool_tables import RegisteredMcpServer

Kept: TypeAlias = str | Mapping[str, str]
"""As it is in the database: in clear, or ``encrypted``."""

_ENCRYPTED = "encrypted"
_servers = RegisteredMcpServer.__table__


def sealed(keys: EncryptionKeys, secrets: Mapping[str, Kept]) -> dict[str, Kept]:
    """Encrypt secrets to be written, one at a time with a rotation; what is encrypted already stays as it is.

    Raises SetupError.
    """
    return {name: _sealed(keys, value) for name, value in secrets.items()}


def opened(keys: EncryptionKeys, kept: Mapping[str, Kept]) -> dict[str, str]:
    """Their values, which no log shows from now on. Raises SetupError."""
    values = {
        name: value if isinstance(value, str) else keys.decrypt(value[_ENCRYPTED]) for name, value in kept.items()
    }
    for value in values.values():
        keep_from_log(value)
    return values


def seal_all(store: Store, keys: EncryptionKeys) -> None:
    """Encrypt what is in clear, before anything is served. Raises SetupError if anything cannot be read."""
    with store.read() as connection:
        found = [kept for _, kept in _all(connection)]
    for kept in found:
        opened(keys, kept)
    if any(isinstance(value, str) for kept in found for value in kept.values()):
        store.write(lambda connection: _change(connection, lambda value: _sealed(keys, value))).result()


def encrypt_again(connection: Connection, keys: EncryptionKeys) -> int:
    """Encrypt all of them with the newest key; returns how many. Raises SetupError."""

    def again(value: Kept) -> Kept:
        return _sealed(keys, value) if isinstance(value, str) else {_ENCRYPTED: keys.again(value[_ENCRYPTED])}

    return _change(connection, again)


def are_newest(connection: Connection, keys: EncryptionKeys) -> bool:
    """Return whether the newest key alone can read them all. Raises SetupError."""
    one_server_at_a_time(connection)
    values = [value for _, kept in _all(connection) for value in kept.values()]
    return all(isinstance(value, str) or keys.is_newest(value[_ENCRYPTED]) for value in values)


def sealed_texts(connection: Connection) -> Iterator[str]:
    """Yield all that are encrypted, of all servers."""
    kept = (value for _, secrets in _all(connection) for value in secrets.values())
    return (value[_ENCRYPTED] for value in kept if not isinstance(value, str))


def one_server_at_a_time(connection: Connection) -> None:
    """Make writers of servers wait for each other; on SQLite every write does anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE mcp_servers IN SHARE ROW EXCLUSIVE MODE"))


def _sealed(keys: EncryptionKeys, value: Kept) -> Kept:
    return {_ENCRYPTED: keys.encrypt(value)} if isinstance(value, str) else value


def _change(connection: Connection, change: Callable[[Kept], Kept]) -> int:
    one_server_at_a_time(connection)
    count = 0
    for server_id, kept in list(_all(connection)):
        changed = {name: change(value) for name, value in kept.items()}
        connection.execute(update(_servers).where(_servers.c.id == server_id).values(secrets=changed))
        count += len(changed)
    return count


def _all(connection: Connection) -> Iterator[tuple[str, Mapping[str, Kept]]]:
    """Of every server that has any."""
    rows = connection.execute(select(_servers.c.id, _servers.c.secrets)).all()
    return ((row.id, row.secrets) for row in rows if row.secrets)
