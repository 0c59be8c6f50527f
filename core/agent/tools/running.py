"""Runs a tool for somebody and tells how it went, whatever the tool does."""

import asyncio
from collections.abc import Mapping
from time import monotonic
from typing import Any

import structlog

from core.agent.tools.tool import Asking, Tool, ToolFailure, ToolOutcome

log = structlog.get_logger()


async def run_tool(tools: Mapping[str, Tool], name: str, given: Mapping[str, Any], asking: Asking) -> ToolOutcome:
    """Never raises: what goes wrong is told to the model."""
    began = monotonic()
    text, failure = await _run(tools, name, given, asking)
    return ToolOutcome(text, len(text.encode(errors="replace")), round((monotonic() - began) * 1000), failure)


async def _run(
    tools: Mapping[str, Tool], name: str, given: Mapping[str, Any], asking: Asking
) -> tuple[str, ToolFailure | None]:
    if name not in tools:
        return f"There is no tool named {name}.", "unknown"
    try:
        async with asyncio.timeout(tools[name].timeout_seconds):
            return await tools[name].run(given, asking), None
    except TimeoutError:
        return f"The tool {name} took too long and was stopped.", "timeout"
    except Exception:  # a tool's defect is told to the model and must not end the turn
        log.exception("tool_failed", tool=name)
        return f"The tool {name} failed.", "failed"
