"""All servers of tools that are in use, and their tools as an agent has them."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import structlog
from anyio import to_thread

from core.agent.mcp.naming import is_of
from core.agent.mcp.server import Limits, McpServer, ServerState
from core.agent.tools.tool import Tool
from core.errors import SetupError, StoreError
from core.events import ServerChanged
from core.logs import log_failure

if TYPE_CHECKING:
    from core.agent.mcp.connection import Connection

_log = structlog.get_logger(__name__)


class McpServers:
    """Connections are opened when an agent first needs them, on the event loop that asks, and kept.

    ``active`` reads what servers there are now; it runs in a thread each time tools are asked for, so that what one
    process changes holds in all.
    """

    def __init__(self, active: Callable[[], Sequence[McpServer]], limits: Limits | None = None) -> None:
        self._active, self._limits = active, limits or Limits()
        self._connections: dict[str, Connection] = {}
        self._stopping: set[asyncio.Task[None]] = set()
        self._configured: dict[str, McpServer] = {}
        self._changing = asyncio.Lock()
        self._closed = self._was_read = False

    async def tools(self, server_ids: Sequence[str]) -> list[Tool]:
        """Return the tools of the servers that answer, and those last known of a server that failed since.

        What is wrong with a server ``states`` tells; it never makes this raise.
        """
        if not server_ids:
            return []
        async with self._changing:
            await self._read()
            opened = [found for server_id in dict.fromkeys(server_ids) if (found := self._open(server_id))]
        return list((await _tools_of(opened)).values())

    async def named(self, names: Sequence[str], tell: Callable[[ServerChanged], object]) -> dict[str, Tool]:
        """Return those of the tools that there are, as ``tools`` gives them; only their servers are opened.

        Of those that have to be waited for it tells how they are doing.
        """
        async with self._changing:
            await self._read()
            opened = [found for server_id in self._wanted(names) if (found := self._open(server_id))]
        await asyncio.gather(*(_settle(connection, tell) for connection in opened))
        there = await _tools_of(opened)
        return {name: there[name] for name in names if name in there}

    async def at_once(self, names: Sequence[str]) -> dict[str, Tool] | None:
        """Return the same where nobody need wait; None where a server must be waited for, which begins to start."""
        async with self._changing:
            await self._read_configured()
            wanted = self._wanted(names)
            if not wanted:
                return {}
            if not _is_warm():
                return None
            opened = [found for server_id in wanted if (found := self._open(server_id))]
        if not all(connection.is_settled for connection in opened):
            return None
        there = await _tools_of(opened)
        return {name: there[name] for name in names if name in there}

    def _wanted(self, names: Sequence[str]) -> list[str]:
        return [each.id for each in self._configured.values() if any(is_of(name, each.name) for name in names)]

    def why_missing(self, names: Sequence[str]) -> list[str]:
        """Say to the reader of the answer what agents have to do without, each server or tool named once."""
        return list(dict.fromkeys(self._why_missing(name) for name in names))

    def _why_missing(self, name: str) -> str:
        """Only of what is known not to be there it says so."""
        if not self._was_read:
            return f"The list of tool servers cannot be read now, so the tool {name} was left out."
        server = next((each for each in self._configured.values() if is_of(name, each.name)), None)
        if server is None:
            return f"The tool {name} is not there any more: its server was removed or switched off."
        state = next((each for each in self.states() if each.server_id == server.id), None)
        if state is None or state.condition == "starting":
            return f"The server {server.name} is still starting, so its tools were left out."
        if state.condition == "connected":
            return f"The server {server.name} does not offer the tool {name} any more."
        return f"The server {server.name} is unavailable, so its tools were left out: {state.reason}"

    def states(self) -> list[ServerState]:
        """Return the states of the servers that were asked for since the start; from any thread."""
        return [connection.state for connection in list(self._connections.values())]

    async def restart(self, server_id: str) -> None:
        """Forget its failures and its pause; the next to ask for its tools opens it again."""
        if connection := self._connections.pop(server_id, None):
            await connection.stop()

    async def close(self) -> None:
        """Close; every process that was started is gone when this returns."""
        self._closed = True
        for server_id in list(self._connections):
            self._let_go(server_id)
        if self._stopping:
            await asyncio.wait(self._stopping)

    async def _read(self) -> None:
        await self._read_configured()
        await to_thread.run_sync(warm_up)

    async def _read_configured(self) -> None:
        """While the database does not answer, or its secrets cannot be read, what was read last holds."""
        try:
            configured = await to_thread.run_sync(self._active)
        except (SetupError, StoreError) as error:
            _log.warning("the MCP servers could not be read", reason=error.for_user)
        else:
            self._configured, self._was_read = {server.id: server for server in configured}, True
        for server_id, connection in list(self._connections.items()):
            if self._configured.get(server_id) != connection.server:
                self._let_go(server_id)

    def _open(self, server_id: str) -> "Connection | None":
        server = self._configured.get(server_id)
        if server is None or self._closed:
            return None
        if server_id not in self._connections:
            self._connections[server_id] = _connection_type()(server, self._limits)
        return self._connections[server_id]

    def _let_go(self, server_id: str) -> None:
        stopping = asyncio.create_task(self._connections.pop(server_id).stop())
        self._stopping.add(stopping)
        stopping.add_done_callback(self._stopping.discard)
        stopping.add_done_callback(log_failure)


async def _tools_of(opened: "Sequence[Connection]") -> dict[str, Tool]:
    await asyncio.gather(*(connection.settled() for connection in opened))
    taken: dict[str, Tool] = {}
    for connection in opened:
        for tool in connection.tools(taken):
            taken[tool.name] = tool
    return taken


async def _settle(connection: "Connection", tell: Callable[[ServerChanged], object]) -> None:
    """Wait for it, and tell what became of it unless it is connected already."""
    if connection.is_settled and connection.state.condition == "connected":
        return
    name = connection.server.name
    tell(ServerChanged(name, "connecting"))
    await connection.settled()
    state = connection.state
    if state.condition == "connected":
        tell(ServerChanged(name, "ready"))
    else:
        tell(ServerChanged(name, "unavailable", state.reason or "It has not answered yet."))


def _is_warm() -> bool:
    return "core.agent.mcp.connection" in sys.modules


def warm_up() -> None:
    """Import the SDK, which takes a second that nobody who uses no such server should wait for."""
    _connection_type()


def _connection_type() -> "type[Connection]":
    from core.agent.mcp.connection import Connection

    return Connection
