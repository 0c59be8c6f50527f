"""What the doors to agents share: how a request is named, how a turn is told, and to whom."""

from typing import Annotated, Any, TypeAlias

from fastapi import Header
from pydantic import BaseModel

from core.errors import (
    AgentInactive,
    BudgetSpent,
    ContextTooLong,
    ConversationBusy,
    KeyReused,
    NoProviderKey,
    NotAllowed,
    NotFound,
    SetupError,
    ShuttingDown,
    TooManyRequests,
)

IdempotencyKey: TypeAlias = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern="^[!-~]+$",
        description="The same request sent again with the same key gets the same answer, for 24 hours.",
    ),
]
AcceptHeader: TypeAlias = Annotated[str, Header(alias="Accept", include_in_schema=False)]
REFUSALS = (
    AgentInactive,
    BudgetSpent,
    NoProviderKey,
    NotAllowed,
    NotFound,
    ConversationBusy,
    ContextTooLong,
    KeyReused,
    TooManyRequests,
    ShuttingDown,
    SetupError,
)
"""What can be wrong with a message before its turn begins."""


def wants_json(accept: str) -> bool:
    """Rather than a stream of events."""
    return "application/json" in accept and "text/event-stream" not in accept


def streamed(reply: type[BaseModel] | None = None) -> dict[int | str, dict[str, Any]]:
    """For the documents: a stream of events or, on request, the reply."""
    stream = {"content": {"text/event-stream": {"schema": {"type": "string"}}}, "description": "Events as they happen."}
    return {200: stream if reply is None else {**stream, "model": reply}}
