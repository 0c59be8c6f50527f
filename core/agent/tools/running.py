"""Running tools: whatever one does, the model gets a clean, bounded text and the turn goes on."""

import asyncio
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

import anyio
import structlog
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import validator_for
from referencing import Registry

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
    """Tell the model only the kind of an error that nobody wrote for it: its words may hold anything."""
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


_MOST, _LONGEST = 8, 300
# Given in place of the default, which would fetch a schema that another one points to from anywhere.
_NOTHING_ELSE: Registry[Any] = Registry()


def misfits(schema: dict[str, Any], given: Any) -> list[str]:
    """Return a sentence for each misfit, the first few. Raises what jsonschema raises for a schema that is none."""
    if not isinstance(given, dict):
        return ["The input must be a JSON object."]
    kind = validator_for(schema, default=Draft202012Validator)
    errors = list(islice(kind(schema, registry=_NOTHING_ELSE).iter_errors(given), _MOST + 1))
    told = [_told(error) for error in errors[:_MOST]]
    return [*told, "There are more."] if len(errors) > _MOST else told


def _told(error: ValidationError) -> str:
    message = error.message
    if len(message) > _LONGEST:  # most begin with the value and end with what is wrong
        message = f"{message[: _LONGEST // 2]} … {message[-_LONGEST // 2 :]}"
    return f"{error.json_path}: {message}" if error.absolute_path else message


LONGEST = 50_000
"""Bytes of UTF-8 that are kept of a result."""

_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls except tab and newline
    "\u202a-\u202e\u2066-\u2069"  # what turns the direction of text around
    "\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff"  # no characters at all
    "\U000e0000-\U000e007f]"  # invisible letters
)
_INSTEAD = "\ufffd"
_BINARY_SHARE = 0.1


def size_of(text: str) -> int:
    """Count bytes of UTF-8, half a surrogate pair counting as three."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def bounded(text: str, size: int) -> str:
    """Return the text, or as much as fits and a line that says of how much; unprintable characters become marks."""
    head = text[: LONGEST + 1].replace("\r\n", "\n").replace("\r", "\n")
    clean = _UNPRINTABLE.sub(_INSTEAD, head).encode()
    if len(clean) <= LONGEST:
        return clean.decode()
    kept = clean[:LONGEST].decode(errors="ignore")
    return f"{kept}\n[Cut: these are the first {size_of(kept):,} of {size:,} bytes.]"


def is_binary(clean: str) -> bool:
    return clean.count(_INSTEAD) > len(clean) * _BINARY_SHARE
