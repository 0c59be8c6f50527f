"""One open call to the provider: its raw events, under one deadline, with every failure translated."""

import asyncio
import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, cast

import anthropic
import httpx2

from core.errors import ProviderError
from core.events import TextDelta, ThinkingDelta, ToolDetected
from core.provider.anthropic.events import fold, is_content, start_reply
from core.provider.anthropic.failures import FAILURES, IncompleteStream, provider_error
from core.provider.anthropic.following import followed_by
from core.provider.anthropic.frames import ERROR, PING, Frames, read_json
from core.provider.anthropic.patience import Patience
from core.provider.passage import Passage
from core.provider.reply import MalformedEvent, Reply
from core.provider.request import KeySource

_DRAIN_SECONDS = 0.25
_CHECK_SECONDS = 10.0
_OF_THE_BODY: Final = ("content-encoding", "content-length", "transfer-encoding")


@dataclass(frozen=True, slots=True)
class Call:
    """What to ask, of whom, until when (on the event loop's clock), and with whose key.

    It fails after ``patience`` seconds in which nothing of the answer arrived, whatever else did.
    """

    client: anthropic.AsyncAnthropic
    parameters: dict[str, Any]
    deadline: float
    patience: float
    passage: Passage
    key_source: KeySource | None = None

    def failure(self, error: Exception, reply: Reply | None = None) -> ProviderError:
        """One of FAILURES, in words; ``reply`` is what had begun when it struck."""
        translated = provider_error(
            error,
            model=self.parameters["model"],
            started=reply is not None,
            secret=self.client.api_key or "",
            key_source=self.key_source,
        )
        translated.request_id = translated.request_id or self.passage.request_id
        return translated


class Upstream:
    """A call whose answer has begun to come; whoever opened it closes it.

    The bytes are the SDK's, what they say is read here: an object of the SDK's for each event would cost more than all
    that is done with it.
    """

    def __init__(self, call: Call, response: anthropic.AsyncAPIResponse[object]) -> None:
        self._call, self._response = call, response
        self._bytes = response.iter_bytes()
        self._frames, self._events = Frames(), deque[tuple[bytes, bytes]]()
        self._patience = Patience(call.deadline, call.patience)
        _unclocked(response.http_response)
        self._reply: Reply | None = None

    @property
    def reply(self) -> Reply:
        assert self._reply is not None
        return self._reply

    async def begin(self) -> None:
        """Wait for the first event; raises one of FAILURES."""
        while self._reply is None:
            if not self._events:
                await self._read()
            self._reply = start_reply(self._next(), self._response.request_id)

    async def wait(self) -> None:
        """Until more has come, which ``deltas`` has then. Raises ProviderError as soon as the stream fails."""
        if self._events:
            return
        try:
            await self._read()
        except FAILURES as error:
            raise self._call.failure(error, self._reply) from error

    def deltas(self) -> Iterator[TextDelta | ThinkingDelta | ToolDetected]:
        """What a reader sees of what has come; raises ProviderError where it cannot be read."""
        reply = self.reply
        try:
            while self._events and not reply.complete:
                event = self._next()
                delta = fold(reply, event)
                if is_content(event):
                    self._patience.content_came()
                if delta is not None:
                    yield delta
        except FAILURES as error:
            raise self._call.failure(error, reply) from error

    def _next(self) -> object:
        name, data = self._events.popleft()
        if name == ERROR:
            self._raise_told(data)
        return read_json(data)

    async def _read(self) -> None:
        while not self._events:
            data = await self._patience.read(self._bytes)
            if data is None:
                raise IncompleteStream("the stream ended too early")
            self._events += [event for event in self._frames.feed(data) if event[0] != PING]

    def _raise_told(self, data: bytes) -> None:
        """As the SDK understands an error in the middle of a stream."""
        began = self._response.http_response
        headers = {name: value for name, value in began.headers.items() if name not in _OF_THE_BODY}
        frame = b"event: error\n" + b"".join(b"data: %b\n" % line for line in data.split(b"\n")) + b"\n"
        told = httpx2.Response(began.status_code, headers=headers, content=frame, request=began.request)
        for _ in anthropic.Stream[object](cast_to=object, response=told, client=cast(Any, self._call.client)):
            pass

    async def drain(self) -> None:
        """Read the last bytes, so that the connection can serve the next call."""
        try:
            async with asyncio.timeout(_DRAIN_SECONDS):
                async for _ in self._bytes:
                    pass
        except FAILURES:
            return

    async def close(self) -> None:
        """Hang up at once; the provider sees it. Closing twice does nothing."""
        self._patience.stop()
        await self._response.close()


async def open_upstream(call: Call) -> Upstream:
    """Make the call and wait for its first event; raises ProviderError, with the connection closed."""
    try:
        async with asyncio.timeout_at(call.deadline):
            with followed_by(call.passage):
                return await _open(call)
    except FAILURES as error:
        raise call.failure(error) from error


async def _open(call: Call) -> Upstream:
    response = await call.client.messages.with_streaming_response.create(**call.parameters).__aenter__()
    upstream = Upstream(call, response)
    try:
        await upstream.begin()
    except BaseException:
        await upstream.close()
        raise
    return upstream


def _unclocked(response: httpx2.Response) -> None:
    """From its headers on an answer's silence is measured here, and no more by the HTTP client for each read."""
    response.request.extensions.get("timeout", {})["read"] = None


async def check_key(client: anthropic.AsyncAnthropic, source: KeySource) -> None:
    """Ask for one line of the list of models, which the provider gives for nothing; raises ProviderError."""
    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            response = await client.models.with_raw_response.list(limit=1)
            listed = json.loads(await response.text())
        if not isinstance(listed, dict) or "data" not in listed:
            raise MalformedEvent("what answered has no list of models")
    except FAILURES as error:
        secret = client.api_key or ""
        raise provider_error(error, model="", started=False, secret=secret, key_source=source) from error
