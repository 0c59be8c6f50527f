"""Running tools: whatever one does, the model gets a clean, bounded text and the turn goes on."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import structlog

from core.agent.tools.fitting import misfits
from core.agent.tools.result_text import bounded, is_binary, size_of
from core.agent.tools.tool import Tool, ToolContext, ToolFailure, ToolOutcome
from core.errors import AppError, ToolDenied, ToolInputInvalid, ToolUnavailable

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Failed:
    failure: ToolFailure
    text: str


@dataclass(slots=True)
class _Wait:
    """For somebody's consent."""

    milliseconds: int = 0

    @contextmanager
    def measured(self) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self.milliseconds = _milliseconds_since(began)


async def run_tool(tools: Mapping[str, Tool], name: str, given: Any, asking: ToolContext) -> ToolOutcome:
    """Raises only when cancelled."""
    began, wait = time.monotonic(), _Wait()
    result = await _limited_run(tools, name, given, asking, wait)
    text, failure = (result.text, result.failure) if isinstance(result, _Failed) else (result, None)
    size = size_of(text)
    clean = bounded(text, size)
    if failure is None and is_binary(clean):
        clean, failure = f"The tool gave {size:,} bytes that are not text. They were left out.", "failed"
    took = _milliseconds_since(began)
    return ToolOutcome(clean or "The tool gave no output.", size, took, failure, min(wait.milliseconds, took))


def _milliseconds_since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)


async def _limited_run(
    tools: Mapping[str, Tool], name: str, given: Any, asking: ToolContext, wait: _Wait
) -> str | _Failed:
    tool = tools.get(name)
    if tool is None:
        return _Failed("unknown", f"There is no tool called {name[:100]}. There are: {', '.join(tools) or 'none'}.")
    try:
        return await _fitting_run(tool, given, asking, wait)
    except BaseException as error:
        if _is_our_end(error):
            raise
        return _failed(tool, error)


async def _fitting_run(tool: Tool, given: Any, asking: ToolContext, wait: _Wait) -> str | _Failed:
    """Nobody is asked for consent to a call that does not fit, and waiting for it is not the tool's time."""
    problems = misfits(tool.input_schema, given)
    if problems:
        raise ToolInputInvalid("\n".join(problems))
    if tool.consent is not None:
        with wait.measured():
            await tool.consent(tool.name, given, asking)
    with anyio.move_on_after(tool.timeout_seconds):
        result: Any = await tool.run(given, asking)
        if not isinstance(result, str):
            raise TypeError(f"a tool gives text, not {type(result).__name__}")
        return result
    return _Failed("timeout", f"The tool {tool.name} was given up after {tool.timeout_seconds:g} seconds.")


def _is_our_end(error: BaseException) -> bool:
    """Not so when the tool itself was cancelled somewhere inside, or tries to end the process."""
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is not None and task.cancelling() > 0
    return isinstance(error, KeyboardInterrupt | GeneratorExit)


def _failed(tool: Tool, error: BaseException) -> _Failed:
    """Of an error that nobody wrote for the model it learns the kind only: its words may hold anything."""
    match error:
        case ToolInputInvalid(for_user=problems):
            return _Failed("invalid_input", f"The input does not fit {tool.name}, which did nothing:\n{problems}")
        case ToolUnavailable():
            return _Failed("unavailable", error.for_user)
        case ToolDenied():
            return _Failed("denied", error.for_user)
        case AppError():
            return _Failed("failed", error.for_user)
    _log.error("a tool failed", tool=tool.name, exc_info=error)
    return _Failed("failed", f"The tool {tool.name} failed with an error of its own ({type(error).__name__}).")
