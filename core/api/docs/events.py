"""What streams may send, for the document of the API: by name or, where events have none, by what they are."""

from datetime import datetime
from typing import Any, Literal, TypeAlias

from pydantic import Field

from core.api.wire import Given
from core.events import CostBasis

Events: TypeAlias = dict[str, dict[str, Any]]


class SessionStart(Given):
    """The books are open and the provider is about to be asked."""

    task_trace_id: str
    conversation_id: str
    agent: str
    model: str
    simulated: bool


class Chunk(Given):
    """A piece of the answer's text."""

    text: str
    replace: bool = Field(False, description="True: it is all of the text so far, in place of what came before.")


class ByAnother(Given):
    agent: str | None = Field(None, description="If another agent does it that was asked: its name.")
    asked_by: str | None = Field(None, description="The call of a tool by which that agent was asked.")


class ToolDetected(ByAnother):
    """The model has asked for a tool."""

    id: str = Field(description="Of the call.")
    tool: str
    input: dict[str, Any]


class ToolsExecuting(ByAnother):
    """So many tools start at once, these."""

    count: int
    tools: list[str]


class ToolProgress(ByAnother):
    """A tool runs, waits for consent, or is done."""

    id: str
    tool: str
    status: Literal["executing", "awaiting_approval", "completed", "failed"]
    execution_time: int | None = Field(description="In milliseconds, once it is over.")
    span_id: str | None = Field(None, description="What to approve or deny.")
    expires_at: datetime | None = Field(None, description="Until when.")


class TypedToolDetected(ToolDetected):
    """The model has asked for a tool."""

    message: str = Field(description="The same for people.")


class TypedToolProgress(ToolProgress):
    """A tool runs, waits for consent, or is done."""

    execution_time: str | None = Field(description="With its unit, such as 752ms, once it is over.")  # type: ignore[assignment]
    progress: str | None = Field(None, description="Which one of how many, such as 1/2.")


class Thinking(Given):
    """A piece of what the model thinks before it answers; no part of the answer."""

    text: str


class Retry(ByAnother):
    """The provider failed before the first word, and is about to be asked again."""

    attempt: int = Field(description="The one that failed, from 1.")
    wait_seconds: float = Field(description="Until the next one.")
    error: str = Field(description="Why it failed.")


class Warned(ByAnother):
    """Something to know although the turn goes on, such as a server of tools that does not answer."""

    text: str


class Server(ByAnother):
    """A server of tools that the answer waits for, or does without."""

    name: str
    status: Literal["connecting", "ready", "unavailable"]
    reason: str | None = Field(description="Why it is unavailable.")


class IterationStart(Given):
    """The model is asked once more, from the second time on with the results of its tools."""

    iteration: int


class Spent(Given):
    """All tokens read and written, and what that cost in dollars."""

    input_tokens: int
    output_tokens: int
    total_cost: float | None = Field(description="Null if the price is not known.")
    estimated: bool
    basis: CostBasis = Field(description="How sure the cost is: unpriced where no price is known.")


class Last(Given):
    """What is known at the end; not there if only this reader cannot go on."""

    task_trace_id: str | None = None
    stop_reason: str | None = Field(None, description="Why the model stopped, as the provider says it.")
    basis: CostBasis | None = None


class Done(Last):
    """The answer is whole. The last event."""


class Failed(Last):
    """The answer is not whole, and why. The last event."""

    error: str
    code: str


class Token(Given):
    """A piece of the answer's text; none while somebody's consent is waited for."""

    token: str
    done: Literal[False]
    waiting: dict[str, str] | None = Field(
        None, description="The `tool`, the `spanId` to approve or deny, `expiresAt`."
    )


class FullText(Last):
    """The answer is whole. The last event."""

    token: Literal[""]
    done: Literal[True]
    full_text: str


class TokenFailed(Last):
    """The answer is not whole. The last event."""

    error: str
    message: str


class Typed(Given):
    type: str
    timestamp: datetime


class TextChunk(Typed):
    """A piece of the answer's text, and all of it so far."""

    chunk: str
    accumulated: str
    replace: bool = Field(False, description="True: it is all of the text so far, in place of what came before.")


class Complete(Typed, Spent):
    """The model has answered. The last event."""

    full_text: str
    task_trace_id: str
    stop_reason: str | None


class TypedFailed(Typed, Failed):
    """The answer is not whole, and why; with its cost if it ended. The last event."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    total_cost: float | None = None
    estimated: bool | None = None


def _said(**events: type[Given]) -> Events:
    return {
        name: {"description": event.__doc__ or "", "schema": event.model_json_schema(by_alias=True)}
        for name, event in events.items()
    }


def _typed(event: type[Given]) -> type[Given]:
    return type(event.__name__, (Typed, event), {"__doc__": event.__doc__, "__module__": __name__})


_ON_THE_WAY: dict[str, type[Given]] = {
    "thinking": Thinking,
    "retry": Retry,
    "warning": Warned,
    "server": Server,
    "tool_detected": ToolDetected,
    "tools_executing": ToolsExecuting,
    "tool_progress": ToolProgress,
    "iteration_start": IterationStart,
}
_IN_WORDS: dict[str, type[Given]] = {"tool_detected": TypedToolDetected, "tool_progress": TypedToolProgress}
NAMED = _said(session_start=SessionStart, chunk=Chunk, **_ON_THE_WAY, cost=Spent, done=Done, error=Failed)
"""By the event's name."""
TOKENS = _said(token=Token, end=FullText, failure=TokenFailed)
"""Without names."""
TYPED = _said(
    session_start=_typed(SessionStart),
    text_chunk=TextChunk,
    **{name: _typed(event) for name, event in {**_ON_THE_WAY, **_IN_WORDS}.items()},
    complete=Complete,
    error=TypedFailed,
)
"""By ``type``."""
