"""All servers of tools that are in use, and their tools as an agent has them."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import structlog
from anyio import to_thread

from core.agent.mcp.naming import is_of
from core.agent.mcp.server import Limits, McpServer, ServerState
from core.agent.tools.tool import Tool
from core.errors import SetupError, StoreError
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
        self._closed = False

    async def tools(self, server_ids: Sequence[str]) -> list[Tool]:
        """Those of the servers that answer, and those last known of a server that failed since.

        What is wrong with a server ``states`` tells; it never makes this raise.
        """
        if not server_ids:
            return []
        async with self._changing:
            await self._read()
            opened = [found for server_id in dict.fromkeys(server_ids) if (found := self._open(server_id))]
        return list((await _tools_of(opened)).values())

    async def named(self, names: Sequence[str]) -> dict[str, Tool]:
        """Those of the tools that there are, as ``tools`` gives them; only their servers are opened."""
        async with self._changing:
            await self._read()
            wanted = [each.id for each in self._configured.values() if any(is_of(name, each.name) for name in names)]
            opened = [found for server_id in wanted if (found := self._open(server_id))]
        there = await _tools_of(opened)
        return {name: there[name] for name in names if name in there}

    def why_missing(self, names: Sequence[str]) -> list[str]:
        """For whoever reads the answer: what agents have to do without, each server or tool named once."""
        return list(dict.fromkeys(self._why_missing(name) for name in names))

    def _why_missing(self, name: str) -> str:
        """Only what a server has said it does not offer is known not to be there."""
        server = next((each for each in self._configured.values() if is_of(name, each.name)), None)
        if server is None:
            return f"The tool {name} is not there any more: no active server has its name."
        state = next((each for each in self.states() if each.server_id == server.id), None)
        if state is not None and state.reason is not None:
            return f"The server {server.name} does not answer, and none of its tools: {state.reason}"
        if state is None or state.condition != "connected":
            return f"The server {server.name} is still starting, so that its tool {name} is missing this time."
        return f"The tool {name} is not there any more: its server {server.name} does not offer it."

    def states(self) -> list[ServerState]:
        """Of the servers that were asked for since the start; from any thread."""
        return [connection.state for connection in list(self._connections.values())]

    async def restart(self, server_id: str) -> None:
        """Forget its failures and its pause; the next to ask for its tools opens it anew."""
        if connection := self._connections.pop(server_id, None):
            await connection.stop()

    async def close(self) -> None:
        """Every process that was started is gone when this returns."""
        self._closed = True
        for server_id in list(self._connections):
            self._let_go(server_id)
        if self._stopping:
            await asyncio.wait(self._stopping)

    async def _read(self) -> None:
        """While the database does not answer, or its secrets cannot be read, what was read last holds."""
        try:
            configured = await to_thread.run_sync(self._active)
        except (SetupError, StoreError) as error:
            _log.warning("the MCP servers could not be read", reason=error.for_user)
        else:
            self._configured = {server.id: server for server in configured}
        for server_id, connection in list(self._connections.items()):
            if self._configured.get(server_id) != connection.server:
                self._let_go(server_id)
        await to_thread.run_sync(warm_up)

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


def warm_up() -> None:
    """Import the SDK, which takes a second that nobody who uses no such server should wait for."""
    _connection_type()


def _connection_type() -> "type[Connection]":
    from core.agent.mcp.connection import Connection

    return Connection
