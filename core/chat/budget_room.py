"""From where on a budget refuses which agents, by what even a short message to them holds."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from core.agent.context import Persona, estimate_prompt
from core.budgets.bounds import Asked, Bounds, most_apiece, most_read, runs_code
from core.budgets.holding import amount_held
from core.budgets.views import BudgetView
from core.money import Nanos
from core.provider.provider import Provider
from core.registry.agents import AgentView


@dataclass(frozen=True, slots=True)
class Room:
    """What a budget has for an agent: ``holds`` is held for its shortest call, None where no price is known.

    Once more than ``until`` is taken the agent is refused, None: always. ``over`` is how much more than it holds one
    call may cost, ``most_read`` the tokens that one may read where the provider's own tools add to its prompt.
    ``uncounted`` is one that may run code at the provider, whose time is billed apart and counts in no budget.
    """

    agent_id: str
    agent: str
    holds: Nanos | None
    until: Nanos | None
    has_room: bool
    over: Nanos
    most_read: int | None = None
    uncounted: bool = False


def rooms(
    view: BudgetView, agents: Iterable[AgentView], bounds: Bounds, provider: Provider, at: datetime
) -> list[Room]:
    """Return the room of the agents that it is for, the first to be refused first; none of a budget that only warns."""
    if not view.blocks:
        return []
    under = [agent for agent in agents if view.scope != "agent" or agent.id == view.subject_id]
    found = [_room(view, agent, bounds, provider, at) for agent in under]
    return sorted(found, key=lambda room: (-1 if room.until is None else room.until, room.agent, room.agent_id))


def _room(view: BudgetView, agent: AgentView, bounds: Bounds, provider: Provider, at: datetime) -> Room:
    tools = provider.own_tools(agent.tools, agent.model)
    persona = Persona(agent.model, agent.system_prompt, agent.max_output_tokens, agent.thinking, tools)
    prompt = estimate_prompt(persona, (), "")
    read, uncounted = most_read(tools, agent.model), runs_code(tools)
    asked = Asked(agent.model, prompt, agent.max_output_tokens, most_apiece(tools), read)
    bound = bounds.of(asked, at)
    holds = amount_held(view.reserve, bound)
    if holds is None:
        return Room(agent.id, agent.name, None, None, has_room=False, over=0, most_read=read, uncounted=uncounted)
    until = view.limit - holds
    has_room, over = view.taken <= until, (bound.most or holds) - holds
    from_where = until if until >= 0 else None
    return Room(agent.id, agent.name, holds, from_where, has_room, over, most_read=read, uncounted=uncounted)
