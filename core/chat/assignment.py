"""What an agent has to do: its own persona and limits, and what it is told."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from core.agent.context import Persona, Said, build_request, estimate_prompt
from core.agent.limits import Limits
from core.agent.tools.tool import Asking
from core.estimates import Estimate
from core.money import Nanos
from core.pricing import PriceBook
from core.provider.blocks import Block
from core.provider.request import CallKey, ModelRequest
from core.registry.agents import AgentView, limits_of
from core.toolbox.toolset import Toolset


@dataclass(frozen=True, slots=True)
class Assignment:
    """``path`` led to the agent: ids of agents, the master's first, its own last."""

    request: ModelRequest
    prompt_estimate: Estimate
    toolset: Toolset
    asking: Asking
    limits: Limits
    ask_first: frozenset[str]
    path: tuple[str, ...]

    def most(self, book: PriceBook, at: datetime) -> Nanos | None:
        """What its first model call may cost; None where no price is known."""
        return book.most(self.request.model, self.prompt_estimate.upper, self.request.max_tokens, at)


def assign(
    agent: AgentView,
    toolset: Toolset,
    asking: Asking,
    *,
    path: tuple[str, ...],
    key: CallKey | None,
    text: str,
    said: Sequence[Said] = (),
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
    )
