"""What an agent has to do: its own persona and limits, and what it is told."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from core.agent.context import HistoryMessage, Persona, build_request, estimate_prompt
from core.agent.limits import Limits
from core.agent.tools.tool import ToolContext
from core.budgets.bounds import Asked, most_apiece, most_read
from core.estimates import Estimate
from core.provider.blocks import Block
from core.provider.request import CallKey, ModelRequest
from core.registry.agents import AgentView, limits_of
from core.toolbox.toolset import Toolset


@dataclass(frozen=True, slots=True)
class Assignment:
    """``path`` led to the agent: ids of agents, the master's first, its own last.

    ``renewed`` makes the same with another toolset. Raises ContextTooLong.
    """

    request: ModelRequest
    prompt_estimate: Estimate
    toolset: Toolset
    asking: ToolContext
    limits: Limits
    ask_first: frozenset[str]
    path: tuple[str, ...]
    agent: AgentView
    renewed: Callable[[Toolset], "Assignment"]

    @property
    def session_type(self) -> str:
        """How the books tell who answers."""
        return "simulated" if self.request.simulated else "command-center"

    @property
    def asked(self) -> Asked:
        """What bounds its first model call."""
        request = self.request
        apiece, read = most_apiece(request.tools), most_read(request.tools, request.model)
        return Asked(request.model, self.prompt_estimate, request.max_tokens, apiece, read)


def assign(
    agent: AgentView,
    toolset: Toolset,
    asking: ToolContext,
    *,
    path: tuple[str, ...],
    key: CallKey | None,
    text: str,
    said: Sequence[HistoryMessage] = (),
    attached: Sequence[Block] = (),
) -> Assignment:
    """``text`` and what is attached come after what was said; with ``key`` None the simulator answers."""
    persona = Persona(agent.model, agent.system_prompt, agent.max_output_tokens, agent.thinking, toolset.definitions)
    return Assignment(
        request=replace(build_request(persona, said, text, attached), key=key),
        prompt_estimate=estimate_prompt(persona, said, text, attached),
        toolset=toolset,
        asking=asking,
        limits=limits_of(agent),
        ask_first=frozenset(agent.ask_first),
        path=path,
        agent=agent,
        renewed=partial(assign, agent, asking=asking, path=path, key=key, text=text, said=said, attached=attached),
    )
