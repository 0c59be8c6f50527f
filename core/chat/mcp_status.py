"""Servers of tools as a page sees them: how each is doing, what it offers, and changes that hold at once."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, TypeVar

from core.access.roles import Permission, Person, allow, may
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

    def list(self, by: Person) -> Statuses:
        """Return all that are registered, as they are now; how they are reached is only for who may change agents.

        Raises NotAllowed.
        """
        allow(by, Permission.CHAT)
        states = {state.server_id: state for state in self._servers.states()}
        statuses = [_status(server, states.get(server.id)) for server in self._registry.known()]
        return statuses if may(by, Permission.AGENTS) else [_told(status) for status in statuses]

    def settled(self, by: Person) -> Statuses:
        """Return the same, once those that nobody asked yet were asked for their tools.

        Raises NotAllowed, ShuttingDown.
        """
        allow(by, Permission.AGENTS)
        unasked = [status.server.id for status in self.list(by) if status.condition == "unasked"]
        if unasked:
            self._await(lambda: self._servers.tools(unasked))
        return self.list(by)

    def connect(self, by: Person, server_id: str) -> None:
        """Start it again, whatever it did before; ``list`` tells what came of it. Raises NotAllowed, ShuttingDown."""
        allow(by, Permission.AGENTS)
        self._await(lambda: self._reconnect(server_id))

    def change(self, by: Person, server_id: str, draft: McpServerDraft) -> McpServerView:
        """Change it as the registry does; what ran as it was before is stopped."""
        changed = self._registry.change(by, server_id, draft)
        self._stop(server_id)
        return changed

    def set_active(self, by: Person, server_id: str, active: bool) -> None:
        """Switch it as the registry does; what ran is stopped."""
        self._registry.set_active(by, server_id, active)
        self._stop(server_id)

    def remove(self, by: Person, server_id: str) -> None:
        """Remove it as the registry does; what ran is stopped."""
        self._registry.remove(by, server_id)
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
    """Return the agents that may use a tool of the server."""
    return [agent for agent in agents if any(is_of(name, server.name) for name in agent.tools)]


def _told(status: ServerStatus) -> ServerStatus:
    """Return what anybody may know of it: its name and its tools."""
    return replace(status, server=replace(status.server, command="", args=(), url="", secret_names=()), reason=None)


def _status(server: McpServerView, state: ServerState | None) -> ServerStatus:
    if not server.active:
        return ServerStatus(server, "inactive")
    if state is None:
        return ServerStatus(server, "unasked")
    names = iter(tool_names(server.name, [view.name for view in state.tools if view.problem is None]))
    tools = tuple(ServerTool(view, None if view.problem else next(names)) for view in state.tools)
    return ServerStatus(server, state.condition, state.reason, tools)
