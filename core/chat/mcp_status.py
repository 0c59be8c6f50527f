"""Servers of tools as a page sees them: how each is doing, what it offers, and changes that hold at once."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeVar

from core.agent.mcp.naming import is_of, tool_names
from core.agent.mcp.server import McpToolView, ServerState
from core.agent.mcp.servers import McpServers
from core.chat.engine import Engine
from core.registry.agents import AgentView
from core.registry.mcp_registry import McpRegistry, McpServerDraft, McpServerView

T = TypeVar("T")

Condition: TypeAlias = Literal["connected", "starting", "failed", "unasked", "inactive"]


@dataclass(frozen=True, slots=True)
class ServerTool:
    """``name`` is what agents know it by, None if no agent gets it."""

    view: McpToolView
    name: str | None


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """``reason`` is that of the last failure; ``tools`` are those last known. Nobody asked an ``unasked`` one yet."""

    server: McpServerView
    condition: Condition
    reason: str | None = None
    tools: tuple[ServerTool, ...] = ()


Statuses: TypeAlias = list[ServerStatus]


class McpStatus:
    """From any thread but the engine's; waits for a server no longer than a turn does."""

    def __init__(self, registry: McpRegistry, servers: McpServers, engine: Engine) -> None:
        self._registry, self._servers, self._engine = registry, servers, engine

    def list(self) -> Statuses:
        """All that are registered, as they are now."""
        states = {state.server_id: state for state in self._servers.states()}
        return [_status(server, states.get(server.id)) for server in self._registry.list()]

    def settled(self) -> Statuses:
        """The same when those that nobody asked yet have been asked for their tools. Raises ShuttingDown."""
        unasked = [status.server.id for status in self.list() if status.condition == "unasked"]
        if unasked:
            self._await(lambda: self._servers.tools(unasked))
        return self.list()

    def connect(self, server_id: str) -> None:
        """Start it anew, whatever it did before; ``list`` tells what came of it. Raises ShuttingDown."""
        self._await(lambda: self._reconnect(server_id))

    def change(self, server_id: str, draft: McpServerDraft) -> McpServerView:
        """As in the registry; what ran as it was before is stopped."""
        changed = self._registry.change(server_id, draft)
        self._stop(server_id)
        return changed

    def set_active(self, server_id: str, active: bool) -> None:
        self._registry.set_active(server_id, active)
        self._stop(server_id)

    def remove(self, server_id: str) -> None:
        self._registry.remove(server_id)
        self._stop(server_id)

    def _stop(self, server_id: str) -> None:
        self._await(lambda: self._servers.restart(server_id))

    async def _reconnect(self, server_id: str) -> None:
        await self._servers.restart(server_id)
        await self._servers.tools([server_id])

    def _await(self, work: Callable[[], Awaitable[T]]) -> T:
        with self._engine.admission():
            return self._engine.call(work)


def who_uses(server: McpServerView, agents: Iterable[AgentView]) -> list[AgentView]:
    """The agents that may use a tool of the server."""
    return [agent for agent in agents if any(is_of(name, server.name) for name in agent.tools)]


def _status(server: McpServerView, state: ServerState | None) -> ServerStatus:
    if not server.active:
        return ServerStatus(server, "inactive")
    if state is None:
        return ServerStatus(server, "unasked")
    names = iter(tool_names(server.name, [view.name for view in state.tools if view.problem is None]))
    tools = tuple(ServerTool(view, None if view.problem else next(names)) for view in state.tools)
    return ServerStatus(server, state.condition, state.reason, tools)
