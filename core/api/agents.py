"""The agents that the caller may ask."""

from fastapi import APIRouter
from pydantic import BaseModel

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
    """Those that are active, the oldest first."""
    return Agents(data=[Agent.model_validate(each, from_attributes=True) for each in services.agents.list(by)])
