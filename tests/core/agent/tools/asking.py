"""Who asks in these tests, and an asking of theirs that needs no event loop of its own."""

from collections.abc import Mapping
from typing import Any

import anyio

from core.access.roles import Person
from core.agent.tools.running import run_tool
from core.agent.tools.tool import Tool, ToolContext, ToolOutcome

ADA = ToolContext(Person("ada", "ada", "operator"), "Europe/Berlin")

ANYTHING: dict[str, Any] = {"type": "object"}


def run(tool: Tool, given: Any = None, asking: ToolContext = ADA) -> ToolOutcome:
    return run_named({tool.name: tool}, tool.name, {} if given is None else given, asking)


def run_named(tools: Mapping[str, Tool], name: str, given: Any, asking: ToolContext = ADA) -> ToolOutcome:
    return anyio.run(run_tool, tools, name, given, asking)
