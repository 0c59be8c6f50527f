"""The agents that the caller may ask."""

from fastapi import APIRouter

from core.api.caller import Caller, Running
from core.api.problems import raises
from core.api.wire import Data, Money, Wire, money
from core.errors import NotAllowed, NotFound
from core.registry.agents import AgentView

agents = APIRouter(prefix="/api/agents", tags=["agents"], responses=raises(NotAllowed))


class Agent(Wire):
    id: str
    name: str
    description: str
    model: str
    version: int
    active: bool


class AgentDetail(Agent):
    """``tools`` in ``askFirst`` run only with somebody's consent; ``delegates`` are ids of agents it may ask.

    The limits hold for one answer; null means the usual one, or none.
    """

    thinking: bool
    max_output_tokens: int
    starters: list[str]
    tools: list[str]
    ask_first: list[str]
    delegates: list[str]
    max_iterations: int | None
    max_cost: Money | None
    max_seconds: int | None
    max_answer_tokens: int | None


@agents.get("")
def list_agents(services: Running, by: Caller) -> Data[list[Agent]]:
    """List the active agents that the caller may ask, the oldest first."""
    return Data(data=[Agent.model_validate(each) for each in services.agents.list(by)])


@agents.get("/{agent_id}", responses=raises(NotFound))
def read_agent(services: Running, by: Caller, agent_id: str) -> Data[AgentDetail]:
    """Read an agent, active or not, as its current version is."""
    return Data(data=_detail(services.agents.get(by, agent_id)))


def _detail(view: AgentView) -> AgentDetail:
    own = {name: getattr(view, name) for name in AgentDetail.model_fields if name != "max_cost"}
    return AgentDetail(**own, max_cost=money(view.max_cost_nanos))
