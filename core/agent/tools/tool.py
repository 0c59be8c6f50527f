"""A tool as the model is told of it, and the call that runs it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from core.access.roles import Person

ToolFailure: TypeAlias = Literal["unknown", "invalid_input", "failed", "timeout", "denied", "unavailable", "not_run"]


@dataclass(frozen=True, slots=True)
class ToolContext:
    """For whom a tool runs: it may do and see what they may. ``call_id`` is that of the model's call."""

    by: Person
    zone: str
    call_id: str = ""


@dataclass(frozen=True, slots=True)
class Tool:
    """``input_schema`` is JSON Schema of an object; ``run`` gives the text for the model.

    ``run`` may raise ToolError, whose text is meant for the model, or another AppError, whose text is fit for it;
    whatever else it raises is a defect of the tool. ``consent`` is awaited before and raises ToolDenied.
    """

    name: str
    description: str
    input_schema: dict[str, Any]
    run: Callable[[Mapping[str, Any], ToolContext], Awaitable[str]]
    timeout_seconds: float = 30.0
    consent: Callable[[str, Mapping[str, Any], ToolContext], Awaitable[None]] | None = None


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """What the model is told; ``size`` is the result's in bytes before it was cut, ``failure`` None if it worked.

    ``waited_ms`` is the part of its duration in which somebody's consent was waited for.
    """

    text: str
    size: int
    duration_ms: int
    failure: ToolFailure | None = None
    waited_ms: int = 0

    @property
    def own_ms(self) -> int:
        """What the tool itself took."""
        return max(0, self.duration_ms - self.waited_ms)
