"""Running tools: whatever one does, the model gets a clean, bounded text and the turn goes on."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import anyio
import structlog

from core.agent.tools.fitting import misfits
from core.agent.tools.result_text import bounded, is_binary, size_of
from core.agent.tools.tool import Asking, Tool, ToolFailure, ToolOutcome
from core.errors import AppError, ToolInputInvalid, ToolUnavailable

_log = structlog.get_logger(__name__)

_AT_ONCE = 16

Tools: TypeAlias = Mapping[str, Tool]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """``id`` is the model's own; ``input`` is whatever it wrote."""

    id: str
    name: str
    input: Any


@dataclass(frozen=True, slots=True)
class ToolProgress:
    """Call ``number`` of ``count``, from 1 in the order asked; ``duration_ms`` is 0 while it is executing."""

    call: ToolCall
    state: Literal["executing", "completed", "failed"]
    duration_ms: int
    number: int
    count: int


@dataclass(frozen=True, slots=True)
class _Failed:
    failure: ToolFailure
    text: str


async def run_all(
    tools: Tools, calls: Sequence[ToolCall], asking: Asking, on_progress: Callable[[ToolProgress], None]
) -> list[ToolOutcome]:
    """Side by side, some at a time; the outcomes are in the order of the calls. Raises only when cancelled."""
    outcomes: dict[int, ToolOutcome] = {}
    limit = anyio.Semaphore(_AT_ONCE)

    async def run(number: int, call: ToolCall) -> None:
        async with limit:
            on_progress(ToolProgress(call, "executing", 0, number, len(calls)))
            outcome = outcomes[number] = await run_tool(tools, call.name, call.input, asking)
            state: Literal["completed", "failed"] = "failed" if outcome.failure else "completed"
            on_progress(ToolProgress(call, state, outcome.duration_ms, number, len(calls)))

    async with anyio.create_task_group() as group:
        for number, call in enumerate(calls, 1):
            group.start_soon(run, number, call)
    return [outcomes[number] for number in range(1, len(calls) + 1)]


async def run_tool(tools: Tools, name: str, given: Any, asking: Asking) -> ToolOutcome:
    """Raises only when cancelled."""
    began = time.monotonic()
    result = await _limited_run(tools, name, given, asking)
    text, failure = (result.text, result.failure) if isinstance(result, _Failed) else (result, None)
    size = size_of(text)
    clean = bounded(text, size)
    if failure is None and is_binary(clean):
        clean, failure = f"The tool gave {size:,} bytes that are not text. They were left out.", "failed"
    return ToolOutcome(clean or "The tool gave no output.", size, _milliseconds_since(began), failure)


def _milliseconds_since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)


async def _limited_run(tools: Tools, name: str, given: Any, asking: Asking) -> str | _Failed:
    tool = tools.get(name)
    if tool is None:
        return _Failed("unknown", f"There is no tool called {name[:100]}. There are: {', '.join(tools) or 'none'}.")
    with anyio.move_on_after(tool.timeout_seconds) as limit:
        try:
            return await _fitting_run(tool, given, asking)
        except BaseException as error:
            if _is_our_end(error, limit):
                raise
            return _failed(tool, error)
    return _Failed("timeout", f"The tool {tool.name} was given up after {tool.timeout_seconds:g} seconds.")


async def _fitting_run(tool: Tool, given: Any, asking: Asking) -> str:
    problems = misfits(tool.input_schema, given)
    if problems:
        raise ToolInputInvalid("\n".join(problems))
    result: Any = await tool.run(given, asking)
    if not isinstance(result, str):
        raise TypeError(f"a tool gives text, not {type(result).__name__}")
    return result


def _is_our_end(error: BaseException, limit: anyio.CancelScope) -> bool:
    """Not so when the tool itself was cancelled somewhere inside, or tries to end the process."""
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return limit.cancel_called or (task is not None and task.cancelling() > 0)
    return isinstance(error, KeyboardInterrupt | GeneratorExit)


def _failed(tool: Tool, error: BaseException) -> _Failed:
    """Of an error that nobody wrote for the model it learns the kind only: its words may hold anything."""
    match error:
        case ToolInputInvalid(for_user=problems):
            return _Failed("invalid_input", f"The input does not fit {tool.name}, which did nothing:\n{problems}")
        case ToolUnavailable():
            return _Failed("unavailable", error.for_user)
        case AppError():
            return _Failed("failed", error.for_user)
    _log.error("a tool failed", tool=tool.name, exc_info=error)
    return _Failed("failed", f"The tool {tool.name} failed with an error of its own ({type(error).__name__}).")
