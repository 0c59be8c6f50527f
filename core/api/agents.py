"""The agents that the caller may ask."""

from fastapi import APIRouter
from pydantic import BaseModel

from core.access.roles import may_use_agent
from core.api.caller import Caller, Running

agents = APIRouter(prefix="/api", tags=["agents"])


class Agent(BaseModel):
    id: str
    name: str
    description: str
    model: str
    version: int
    active: bool


class Agents(BaseModel):
    data: list[Agent]


@agents.get("/agents")
def list_agents(services: Running, by: Caller) -> Agents:
    """Those that are active, by name."""
    found = [each for each in services.agents.list() if may_use_agent(by, each.id)]
    return Agents(data=[Agent.model_validate(each, from_attributes=True) for each in found])
