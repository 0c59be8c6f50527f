"""What the doors to agents share: how a request is named, how a turn begins or goes on, how it is told."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, TypeAlias

from fastapi import Depends, Header, Request
from starlette.responses import Response

from core.access.roles import Person
from core.api.sse.response import STREAM_HEADERS
from core.chat.admission import KEPT
from core.chat.following import END, SAVED, Following, Place
from core.chat.new_turn import Earlier
from core.errors import (
    AgentInactive,
    BudgetSpent,
    ContextTooLong,
    ConversationBusy,
    InputError,
    KeyReused,
    NoProviderKey,
    NotAllowed,
    NotFound,
    SetupError,
    ShuttingDown,
    TooManyRequests,
)
from core.wiring import Services

IdempotencyKey: TypeAlias = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern="^[!-~]+$",
        description="The same request sent again with the same key gets the same answer, for 24 hours; one whose "
        "answer failed so that a later try may succeed begins a new one.",
    ),
]
LastEventId: TypeAlias = Annotated[
    str,
    Header(
        alias="Last-Event-ID",
        description="Of the last event that arrived: its answer goes on after it, and no model is asked again.",
    ),
]
_REQUEST_ID = re.compile(r"[!-~]{1,100}")
_TOLD = re.compile(rf"(?:([!-9;-~]{{1,64}}):)?([0-9]{{1,9}}|{SAVED})", re.ASCII)
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


async def request_id(request: Request) -> str:
    """Return what the log calls the request: as its sender does, if that is fit to be written down."""
    given = request.headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else ""


RequestId: TypeAlias = Annotated[str, Depends(request_id)]


@dataclass(frozen=True, slots=True)
class Sent:
    """A message, what its sender says was said before, and where of its answer the sender has got to already."""

    agent_id: str
    text: str
    conversation_id: str | None = None
    earlier: Sequence[Earlier] = ()
    key: str | None = None
    last_event_id: str = ""
    kept: timedelta = KEPT


def begin(services: Services, by: Person, sent: Sent) -> Following:
    """Ask, unless the sender names an answer that this message has already: that one goes on."""
    named, place = place_of(sent.last_event_id)
    if named is not None:
        following = services.answers.follow(by, named, place)
        if following.asked != sent.text:
            raise InputError("Last-Event-ID belongs to another message. Send this one without it, or resume that one.")
        return following
    if place != 0 and sent.key is None:
        raise InputError("Last-Event-ID does not name an answer. Send the whole id of the last event, or none.")
    task_trace_id = services.turns.post(
        owner=by,
        agent_id=sent.agent_id,
        text=sent.text,
        conversation_id=sent.conversation_id,
        earlier=sent.earlier,
        key=sent.key,
        kept=sent.kept,
    )
    return services.answers.follow(by, task_trace_id, place)


def place_of(last_event_id: str) -> tuple[str | None, Place]:
    """Return which answer, if it is said, and the place in it; 0 is its beginning. Raises InputError."""
    if not last_event_id:
        return None, 0
    found = _TOLD.fullmatch(last_event_id)
    if found is None:
        raise InputError("Last-Event-ID is not the id of an event. Send the last one that arrived, or none.")
    return found[1], SAVED if found[2] == SAVED else min(int(found[2]), END)


def stream_headers() -> Response:
    """Answer only with the headers of a stream: no model is asked anything."""
    return Response(headers={**STREAM_HEADERS, "Transfer-Encoding": "chunked"})


def streamed() -> dict[int | str, dict[str, Any]]:
    """Describe for the documents: a stream of events, or nothing where its reader has all of it."""
    stream: dict[str, Any] = {"content": {"text/event-stream": {}}, "description": "Events as they happen."}
    return {200: stream, 204: {"description": "The answer has ended, and `Last-Event-ID` says that all of it arrived."}}
