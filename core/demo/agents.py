"""The agents and the server of tools that a new installation begins with."""

import json
from contextlib import suppress

from pydantic import TypeAdapter

from core.errors import InputError
from core.place import PROJECT
from core.registry.agent_draft import AgentDraft
from core.registry.agents import Agents
from core.registry.mcp_registry import McpRegistry, McpServerDraft

_FILE = PROJECT / "data" / "demo_agents.json"
_DRAFTS = TypeAdapter(tuple[AgentDraft, ...])

PEOPLE = McpServerDraft("people", "stdio", command="python", args=("-m", "core.demo.people_server"))


def seed(agents: Agents, registry: McpRegistry, person_id: str) -> None:
    """Add the agents where there is none at all; safe when several processes start at once."""
    if agents.any():
        return
    with suppress(InputError):  # another process was first
        registry.begin_with(PEOPLE, person_id)
    agents.begin_with(read_demo_agents(), person_id)


def read_demo_agents() -> tuple[AgentDraft, ...]:
    """Read agents as the file has them: a system prompt is a list of lines, and delegates are named."""
    entries = json.loads(_FILE.read_text("utf-8"))
    return _DRAFTS.validate_python([{**each, "system_prompt": "\n".join(each["system_prompt"])} for each in entries])
