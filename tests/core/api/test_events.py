"""What the document says that streams send is what they send."""

import json
from typing import Any

import pytest
from httpx2 import EventSource
from jsonschema import Draft202012Validator

from core.registry.agents import AgentDraft
from core.registry.mcp_registry import McpServerDraft
from tests.core.api.doors import Doors, Open
from tests.core.api.test_document import DOCUMENT, OPERATIONS

TALK = '[[fault: overloaded 1 times retry 0]] [[call: calculator {"expression": "6*7"}]] What is that?'
BREAKS = "[[fault: cut after 5]] Hello"


@pytest.fixture
def doors(open_api: Open) -> Doors:
    """Where nothing answers that agents count on but the provider, and that only the second time."""
    doors = open_api()
    for server in doors.services.registry.known():
        doors.services.registry.set_active(doors.services.me, server.id, False)
    return doors


def told(doors: Doors, path: str, body: dict[str, Any]) -> list[tuple[str, Any]]:
    """Names and data of a stream's events."""
    with doors.client.stream("POST", path, json=body) as answer:
        assert answer.status_code == 200, answer.read()
        return [(event.event, event.json()) for event in EventSource(answer)]


def check(path: str, name: str, data: Any) -> None:
    said = DOCUMENT["paths"][path]["post"]["x-events"]
    Draft202012Validator(said[name]["schema"]).validate(data)


def test_every_stream_says_what_it_sends() -> None:
    streams = [operation for _, operation in OPERATIONS if "text/event-stream" in str(operation["responses"])]
    assert len(streams) == 5
    assert all(operation["x-events"] for operation in streams)


def test_named_events_are_as_they_are_described(doors: Doors) -> None:
    path, agent = "/api/command-center/message", _analyst(doors)
    seen = [told(doors, path, {"agentId": agent, "message": text}) for text in (TALK, BREAKS)]
    for name, data in [event for stream in seen for event in stream]:
        check(path, name, data)
    assert {name for stream in seen for name, _ in stream} == set(DOCUMENT["paths"][path]["post"]["x-events"])
    assert "42" in json.dumps(seen[0])


def test_typed_events_are_as_they_are_described(doors: Doors) -> None:
    path, agent = "/mcp/chat/stream", _analyst(doors)
    seen = [data for text in (TALK, BREAKS) for _, data in told(doors, path, {"agent_id": agent, "message": text})]
    for data in seen:
        check(path, data["type"], data)
    assert {data["type"] for data in seen} == set(DOCUMENT["paths"][path]["post"]["x-events"])


def test_events_without_names_are_as_they_are_described(doors: Doors) -> None:
    path, agent = "/chat/stream", _analyst(doors)
    seen = [data for text in (TALK, BREAKS) for _, data in told(doors, path, {"agent_id": agent, "message": text})]
    for data in seen:
        check(path, "failure" if "error" in data else "end" if data["done"] else "token", data)
    assert "error" in seen[-1]


def _analyst(doors: Doors) -> str:
    """An agent that thinks, may calculate, and counts on a server that is not there."""
    me, agents = doors.services.me, doors.services.agents
    found = next(agent for agent in agents.list(me) if "calculator" in agent.tools)
    kept = {name: getattr(found, name) for name in AgentDraft.__dataclass_fields__}
    doors.services.registry.register(me, McpServerDraft("gone", "stdio", command="no-such-program"))
    changed = {**kept, "thinking": True, "tools": (*kept["tools"], "gone__tool")}
    return agents.edit(me, found.id, AgentDraft(**changed)).id
