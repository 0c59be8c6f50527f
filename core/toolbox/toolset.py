"""What an agent may use now: tools of this process and of MCP servers, the provider's own, and other agents."""

from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from anyio import to_thread

from core.agent.context import definition_of
from core.agent.mcp.naming import server_slug
from core.agent.mcp.servers import McpServers
from core.agent.tools.catalogue import CATALOGUE
from core.agent.tools.tool import Tool
from core.events import ServerChanged
from core.provider.provider import Provider
from core.registry.agents import Agents, AgentView

Tell: TypeAlias = Callable[[ServerChanged], object]

DEEPEST = 3
"""How many agents may wait for one another, the master agent among them."""

TASK = {
    "type": "object",
    "properties": {"task": {"type": "string", "minLength": 1, "description": "All that it needs to know, in words."}},
    "required": ["task"],
    "additionalProperties": False,
}


def _nobody(_: ServerChanged) -> None:
    """Where nobody reads yet."""


@dataclass(frozen=True, slots=True)
class Toolset:
    """``definitions`` are what the model is told of all of them; ``warnings`` are for the answer's reader.

    One that is not ``whole`` lacks tools of servers that are still starting.
    """

    tools: Mapping[str, Tool] = field(default_factory=dict)
    delegates: Mapping[str, AgentView] = field(default_factory=dict)
    definitions: list[dict[str, Any]] = field(default_factory=list)
    warnings: tuple[str, ...] = ()
    whole: bool = True


class Toolbox:
    """``own`` are the tools that run in this process, by name."""

    def __init__(self, own: Mapping[str, Tool], servers: McpServers, agents: Agents, provider: Provider) -> None:
        self._own, self._servers, self._agents, self._provider = own, servers, agents, provider

    async def equip(self, agent: AgentView, path: tuple[str, ...], tell: Tell = _nobody) -> Toolset:
        """Equip a run that ``path`` led to, as in Assignment; ``tell`` hears of servers that have to be waited for.

        On the engine's loop; raises StoreError.
        """
        remote = self._remote(agent)
        return await self._equipped(agent, path, await self._servers.named(remote, tell) if remote else {})

    async def at_once(self, agent: AgentView, path: tuple[str, ...]) -> Toolset:
        """Return the same without waiting for any server: then it may not be whole."""
        remote = self._remote(agent)
        found = await self._servers.at_once(remote) if remote else {}
        toolset = await self._equipped(agent, path, found or {})
        return toolset if found is not None else replace(toolset, warnings=(), whole=False)

    def offhand(self, agent: AgentView) -> Toolset | None:
        """Return the same from any thread, where neither a server nor another agent is needed for it."""
        return None if agent.delegates or self._remote(agent) else self._whole(agent, {}, {})

    def _remote(self, agent: AgentView) -> list[str]:
        return [name for name in agent.tools if name not in CATALOGUE and name not in self._own]

    async def _equipped(self, agent: AgentView, path: tuple[str, ...], found: Mapping[str, Tool]) -> Toolset:
        delegates = await to_thread.run_sync(self._delegates, agent, path) if agent.delegates else {}
        return self._whole(agent, delegates, found)

    def _whole(self, agent: AgentView, delegates: Mapping[str, AgentView], found: Mapping[str, Tool]) -> Toolset:
        at_provider = self._provider.own_tools(agent.tools, agent.model)
        tools = {**{name: self._own[name] for name in agent.tools if name in self._own}, **found}
        return Toolset(
            tools=tools,
            delegates=delegates,
            definitions=[
                *map(definition_of, tools.values()),
                *(_definition(name, other) for name, other in delegates.items()),
                *at_provider,
            ],
            warnings=(
                *self._servers.why_missing([name for name in self._remote(agent) if name not in found]),
                *_unsent(agent, {definition["name"] for definition in at_provider}),
            ),
        )

    async def connect(self, agent: AgentView) -> None:
        """Reach the servers of its tools, and of those whom it may ask."""
        for other in (await self.equip(agent, (agent.id,))).delegates.values():
            await self.equip(other, (agent.id, other.id))

    def _delegates(self, agent: AgentView, path: tuple[str, ...]) -> dict[str, AgentView]:
        """Return who may be asked: none that waits for this one already, and none at the greatest depth."""
        if len(path) >= DEEPEST:
            return {}
        named: dict[str, AgentView] = {}
        for other in self._agents.active():
            if other.id in agent.delegates and other.id not in path:
                named[_free_name(f"ask_{server_slug(other.name) or 'agent'}"[:60], named)] = other
        return named


def _unsent(agent: AgentView, sent: Container[str]) -> Iterator[str]:
    for tool in (CATALOGUE[name] for name in agent.tools if name in CATALOGUE):
        if tool.at_provider and tool.name not in sent:
            yield f"{tool.label} was left out: which version of it {agent.model} takes is not known."


def _free_name(name: str, taken: Mapping[str, AgentView]) -> str:
    return next(each for each in (name, *(f"{name}_{n}" for n in range(2, 1_000))) if each not in taken)


def _definition(name: str, agent: AgentView) -> dict[str, Any]:
    told = f"Ask the agent {agent.name} to do something and get its answer. {agent.description}"
    return {"name": name, "description": f"{told} It sees nothing of this conversation.", "input_schema": TASK}
