"""The registry of servers whose tools agents may use."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from core.access.audit import record
from core.access.encryption import EncryptionKeys
from core.access.roles import Permission, Person, allow
from core.access.server_secrets import Kept, one_server_at_a_time, opened, sealed
from core.agent.mcp.naming import server_slug
from core.agent.mcp.server import McpServer, Transport
from core.clock import new_id, now
from core.errors import InputError, NotFound, SetupError
from core.registry.agent_draft import name_key
from core.registry.mcp_draft import McpServerDraft, checked
from core.store.access import User
from core.store.database import Store
from core.store.text import storable
from core.store.tool_tables import RegisteredMcpServer

__all__ = ["McpRegistry", "McpServerDraft", "McpServerView"]

_servers, _users = RegisteredMcpServer.__table__, User.__table__
_ALL = (
    select(_servers, _users.c.name.label("created_by_name"))
    .join(_users, _users.c.id == _servers.c.created_by)
    .order_by(_servers.c.created_at, _servers.c.id)
)


@dataclass(frozen=True, slots=True)
class McpServerView:
    """A registered server; of its secrets only the names."""

    id: str
    name: str
    transport: Transport
    command: str
    args: tuple[str, ...]
    url: str
    secret_names: tuple[str, ...]
    active: bool
    created_at: datetime
    created_by: str


McpServerViews: TypeAlias = list[McpServerView]


class McpRegistry:
    """Reads and changes the registry, from any thread and any process."""

    def __init__(self, store: Store, keys: EncryptionKeys) -> None:
        """With the keys that secrets are encrypted with."""
        self._store, self._keys = store, keys

    def list(self, by: Person) -> McpServerViews:
        """Return all of them, the one registered first coming first. Raises NotAllowed."""
        allow(by, Permission.AGENTS)
        return self.known()

    def get(self, by: Person, server_id: str) -> McpServerView:
        """Raises NotAllowed and NotFound."""
        allow(by, Permission.AGENTS)
        return self._get(server_id)

    def register(self, by: Person, draft: McpServerDraft) -> McpServerView:
        """Raises NotAllowed, and InputError, also when the name is taken."""
        allow(by, Permission.AGENTS)
        draft = checked(draft)

        def job(connection: Connection) -> str:
            server_id = self._insert(connection, draft, by.id)
            record(connection, by, "registered", ("server", server_id), **_shown(draft))
            return server_id

        return self._get(self._store.write(job).result())

    def change(self, by: Person, server_id: str, draft: McpServerDraft) -> McpServerView:
        """Change a server; secrets that the draft does not name are forgotten.

        Raises NotAllowed, InputError and NotFound.
        """
        allow(by, Permission.AGENTS)
        draft = checked(draft)

        def job(connection: Connection) -> None:
            self._update(connection, server_id, draft)
            record(connection, by, "changed", ("server", server_id), **_shown(draft))

        self._store.write(job).result()
        return self._get(server_id)

    def remove(self, by: Person, server_id: str) -> None:
        """Raises NotAllowed and NotFound."""
        self._change_one(by, "removed", server_id, delete(_servers))

    def set_active(self, by: Person, server_id: str, active: bool) -> None:
        """Agents get the tools of active servers only. Raises NotAllowed and NotFound."""
        action = "activated" if active else "deactivated"
        self._change_one(by, action, server_id, update(_servers).values(active=active))

    def known(self) -> McpServerViews:
        """Return all of them, for what runs inside: nobody's rights are asked."""
        with self._store.read() as connection:
            return [_view(row) for row in connection.execute(_ALL).mappings()]

    def active(self) -> tuple[McpServer, ...]:
        """Return the active ones with their secrets, for the connections alone. Raises SetupError."""
        kept = self._active()
        while True:
            try:
                return tuple(_server(row, opened(self._keys, row["secrets"])) for row in kept)
            except SetupError:
                before, kept = kept, self._active()
                if kept == before:
                    raise  # else all were encrypted again in between

    def begin_with(self, draft: McpServerDraft, person_id: str) -> None:
        """Register it if there is no server at all."""
        draft = checked(draft)

        def job(connection: Connection) -> None:
            if connection.execute(select(_servers.c.id).limit(1)).first() is None:
                self._insert(connection, draft, person_id)

        self._store.write(job).result()

    def _active(self) -> Sequence[Mapping[str, Any]]:
        with self._store.read() as connection:
            return [dict(row) for row in connection.execute(_ALL.where(_servers.c.active)).mappings()]

    def _get(self, server_id: str) -> McpServerView:
        with self._store.read() as connection:
            row = connection.execute(_ALL.where(_servers.c.id == storable(server_id))).mappings().first()
        if row is None:
            raise _unknown()
        return _view(row)

    def _change_one(self, by: Person, action: str, server_id: str, statement: Any) -> None:
        allow(by, Permission.AGENTS)
        this = _servers.c.id == storable(server_id)

        def job(connection: Connection) -> None:
            name = connection.execute(select(_servers.c.name).where(this)).scalar()
            if name is None:
                raise _unknown()
            connection.execute(statement.where(this))
            record(connection, by, action, ("server", server_id), name=name)

        self._store.write(job).result()

    def _insert(self, connection: Connection, draft: McpServerDraft, person_id: str) -> str:
        one_server_at_a_time(connection)
        _refuse_taken_name(connection, draft.name)
        server_id = new_id()
        row = {"id": server_id, "active": True, "created_at": now(), "created_by": person_id}
        connection.execute(insert(_servers), row | self._columns(draft, {}))
        return server_id

    def _update(self, connection: Connection, server_id: str, draft: McpServerDraft) -> None:
        one_server_at_a_time(connection)
        mine = _servers.c.id == storable(server_id)
        stored = connection.execute(select(_servers).where(mine)).mappings().first()
        if stored is None:
            raise _unknown()
        _refuse_taken_name(connection, draft.name, own_id=server_id)
        connection.execute(update(_servers).where(mine).values(self._columns(draft, _kept_secrets(stored, draft))))

    def _columns(self, draft: McpServerDraft, stored: Mapping[str, Kept]) -> dict[str, Any]:
        if unknown := [name for name, value in draft.secrets.items() if value is None and name not in stored]:
            raise InputError(
                f"Enter the value of {unknown[0]}, also when the command or URL was changed, or remove it."
            )
        secrets = {name: stored[name] if value is None else value for name, value in draft.secrets.items()}
        return {
            "name": draft.name,
            "transport": draft.transport,
            "command": draft.command,
            "args": list(draft.args),
            "url": draft.url,
            "secrets": sealed(self._keys, secrets),
        }


def _shown(draft: McpServerDraft) -> dict[str, Any]:
    """Return for the audit log only the names of secrets, and only the host of an address, which may hold one."""
    where = draft.command or urlsplit(draft.url).hostname
    return {"name": draft.name, "reached_at": where, "secrets": tuple(draft.secrets)}


def _kept_secrets(stored: RowMapping, draft: McpServerDraft) -> Mapping[str, Kept]:
    """Keep secrets, none that were meant for another program or address: who changes that need not know them."""
    where = ("transport", "command", "url")
    return stored["secrets"] if all(stored[part] == getattr(draft, part) for part in where) else {}


def _refuse_taken_name(connection: Connection, name: str, own_id: str | None = None) -> None:
    """Refuse a taken name, and names that would give their tools the same names."""
    for other in connection.execute(select(_servers.c.id, _servers.c.name)):
        if other.id != own_id and _key(other.name) == _key(name):
            raise InputError(f"There is a server named “{other.name}” already. Choose a name that differs more.")


def _key(name: str) -> str:
    return name_key(server_slug(name))


def _view(row: RowMapping) -> McpServerView:
    return McpServerView(
        id=row["id"],
        name=row["name"],
        transport=row["transport"],
        command=row["command"],
        args=tuple(row["args"]),
        url=row["url"],
        secret_names=tuple(row["secrets"]),
        active=row["active"],
        created_at=row["created_at"],
        created_by=row["created_by_name"],
    )


def _server(row: Mapping[str, Any], secrets: Mapping[str, str]) -> McpServer:
    stdio = row["transport"] == "stdio"
    return McpServer(
        id=row["id"],
        name=row["name"],
        transport=row["transport"],
        command=row["command"],
        args=tuple(row["args"]),
        env=secrets if stdio else {},
        url=row["url"],
        headers={} if stdio else secrets,
    )


def _unknown() -> NotFound:
    return NotFound("There is no such server. It may have been removed.")
