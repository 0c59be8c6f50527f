"""Responses that follow a turn: as a stream of events, or as one JSON reply when it has ended.

No thread waits for a turn. Whoever leaves, or stops reading, leaves the turn alone; who may not read on is told so.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final

import structlog
from anyio import CancelScope, create_task_group, sleep, to_thread
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from core.access.roles import Person
from core.api.downloads import PATIENCE_SECONDS
from core.api.guard.straight import straight
from core.api.problems import SAFE, not_answered, problem
from core.api.sse.dialects import Dialect, asks
from core.api.sse.wire import KEEPALIVE, begun
from core.chat.following import END, Followed, Following, Place, WholeText, gone
from core.chat.new_turn import Head
from core.errors import AppError, NotSignedIn, StoreError
from core.events import ApprovalRequested, Delegated, Event, TextDelta, TurnEnded
from core.store.text import storable

KEEPALIVE_SECONDS: Final = 15.0
CHECK_SECONDS: Final = 2.0
_LOOK_SECONDS = 1.0
_LONGEST_PIECE = 64_000
STREAM_HEADERS: Mapping[str, str] = {
    "Content-Type": "text/event-stream; charset=utf-8",
    **SAFE,
    "Cache-Control": "no-cache, no-transform",
    "Connection": "keep-alive",
    "X-Accel-Buffering": "no",
}

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Whole:
    """A turn that has ended, and all the text of its answer."""

    head: Head
    text: str
    end: TurnEnded


class FollowingResponse(Response):
    """``check`` says anew who calls, or raises NotSignedIn; whose answer it is not any more is told so, too."""

    def __init__(self, following: Following, check: Callable[[], Person]) -> None:
        self._following, self._check = following, check
        self._refused: AppError | None = None
        self._waits_since: float | None = None
        self._not_taken = False
        self.background = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with create_task_group() as tasks:
            tasks.start_soon(_until_gone, receive, tasks.cancel_scope)
            tasks.start_soon(self._watch, tasks.cancel_scope)
            with self._following.reading():
                await self._answer(scope, send)
            tasks.cancel_scope.cancel()

    async def _answer(self, scope: Scope, send: Send) -> None:
        raise NotImplementedError

    async def _watch(self, scope: CancelScope) -> None:
        """One look now and then, in place of a time-out for each piece."""
        while True:
            await sleep(CHECK_SECONDS)
            if self._waits_since is not None and monotonic() - self._waits_since > PATIENCE_SECONDS:
                self._not_taken = True
                scope.cancel()
            if self._refused is None:
                await self._watch_caller()

    async def _watch_caller(self) -> None:
        """A database that does not answer proves nothing against anybody."""
        with suppress(StoreError):
            try:
                by = await to_thread.run_sync(self._check, abandon_on_cancel=True)
                self._refused = None if self._following.head.is_for(by) else gone()
            except NotSignedIn as error:
                self._refused = error

    async def _give(self, send: Send, piece: bytes) -> None:
        """It is given up with all the rest if it is not taken within ``PATIENCE_SECONDS``, or soon after."""
        self._waits_since = monotonic()
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        self._waits_since = None

    def _refuse(self) -> None:
        if self._refused is not None:
            raise self._refused


class EventStream(FollowingResponse):
    """A piece may wait for ``PATIENCE_SECONDS`` to be taken; who has all already is told so by status 204.

    ``request_id`` is for the log. ``whole`` is of browsers alone, which take an id without an event, as some programs
    do not: they are told their place at once, and it is called when the end has been sent.
    """

    def __init__(
        self,
        following: Following,
        check: Callable[[], Person],
        dialect: Dialect,
        request_id: str = "",
        whole: Callable[[], object] | None = None,
    ) -> None:
        super().__init__(following, check)
        self._dialect, self._whole = dialect, whole
        head = following.head
        self._trace = head.task_trace_id
        self._log = _log.bind(request_id=request_id or head.task_trace_id, task_trace_id=head.task_trace_id)
        self._events = self._tokens = self._length = 0
        self._sent = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._following.has_all:
            await Response(status_code=204, headers=SAFE)(scope, receive, send)
            return
        self._log.info("stream_started", conversation_id=self._following.head.conversation_id)
        await super().__call__(scope, receive, send)
        if self._not_taken:
            self._log.warning("stream_not_taken")
        if not self._sent:
            self._log.warning("client_left", **self._counts())

    def _counts(self) -> dict[str, int]:
        return {"events_streamed": self._events, "tokens_streamed": self._tokens, "text_length": self._length}

    async def _answer(self, scope: Scope, send: Send) -> None:
        head = self._following.head
        ids = {"X-Task-Trace-Id": head.task_trace_id, "X-Conversation-Id": head.conversation_id}
        raw = [(name.lower().encode(), value.encode()) for name, value in {**STREAM_HEADERS, **ids}.items()]
        await send({"type": "http.response.start", "status": 200, "headers": raw})
        if self._whole is not None:
            await self._give(send, begun(self._id(0)))
        try:
            await self._tell(scope, send)
        except AppError as error:
            await self._give(send, self._dialect.failed(error).encode())
        if self._following.ended and self._whole is not None:
            await to_thread.run_sync(self._whole)
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        self._sent = True
        self._log.info("stream_completed", **self._counts())

    async def _tell(self, scope: Scope, send: Send) -> None:
        told_at = monotonic()
        while not self._following.ended:
            batch = await self._following.next(_LOOK_SECONDS)
            self._refuse()
            for piece in self._pieces(batch):
                await self._give(straight(scope, send), piece)
                told_at = monotonic()
            if monotonic() - told_at >= KEEPALIVE_SECONDS:
                await self._give(send, KEEPALIVE)
                told_at = monotonic()

    def _pieces(self, batch: list[Followed]) -> Iterator[bytes]:
        """All that is there as one, unless it is long: a piece waits in memory until it is taken."""
        piece = bytearray()
        for followed in batch:
            events = list(self._dialect.encode(followed))
            if events and not followed.known:
                self._count(followed.event, len(events))
                place = END if isinstance(followed.event, TurnEnded) else followed.place
                for event in events[:-1]:
                    piece += event.encode()
                piece += events[-1].encode(self._id(place))
            if len(piece) >= _LONGEST_PIECE:
                yield bytes(piece)
                piece.clear()
        if piece:
            yield bytes(piece)

    def _id(self, place: Place) -> str:
        return f"{self._trace}:{place}"

    def _count(self, event: Event | WholeText, events: int) -> None:
        self._events += events
        if isinstance(event, TextDelta | WholeText):
            self._tokens += 1
            self._length += len(event.text)


class WholeReply(FollowingResponse):
    """``shape`` makes the JSON of a turn and its whole text; one that failed is a problem.

    While somebody's consent is waited for, nobody shall take the silence for a fault: from the first such moment on the
    answer has begun, its header ``X-Waiting-For`` names where to consent, and blanks, which JSON ignores, are sent now
    and then. The status is 200 then whatever becomes of it, and a problem tells its own in its body.
    """

    def __init__(
        self, following: Following, check: Callable[[], Person], shape: Callable[[Whole], dict[str, Any]]
    ) -> None:
        super().__init__(following, check)
        self._shape, self._begun = shape, False

    async def _answer(self, scope: Scope, send: Send) -> None:  # noqa: ARG002
        try:
            response = self._reply(await self._whole(send))
        except AppError as error:
            response = problem(error)
        if not self._begun:
            await send({"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers})
        await send({"type": "http.response.body", "body": response.body})

    async def _wait_aloud(self, send: Send) -> None:
        at = f"/api/command-center/{self._following.head.task_trace_id}/approvals"
        if not self._begun:
            self._begun = True
            headers = {"content-type": "application/json", **SAFE, "x-accel-buffering": "no", "x-waiting-for": at}
            raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
            await send({"type": "http.response.start", "status": 200, "headers": raw})
        await self._give(send, b"\n")

    def _reply(self, whole: Whole) -> Response:
        if whole.end.status in ("failed", "interrupted"):
            return not_answered(whole.end, whole.head.task_trace_id)
        return JSONResponse(self._shape(whole), headers=SAFE)

    async def _whole(self, send: Send) -> Whole:
        texts, told_at = list[str](), monotonic()
        while True:
            for followed in await self._following.next(_LOOK_SECONDS):
                match followed.event:
                    case TextDelta(text):
                        texts.append(text)
                    case WholeText(text):
                        texts = [text]
                    case TurnEnded() as end:
                        return Whole(self._following.head, storable("".join(texts)), end)
                    case ApprovalRequested() | Delegated() as event if asks(event) is not None:
                        await self._wait_aloud(send)
            self._refuse()
            if self._begun and monotonic() - told_at >= KEEPALIVE_SECONDS:
                told_at = monotonic()
                await self._wait_aloud(send)


async def _until_gone(receive: Receive, scope: CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
