"""One open call to the provider: its raw events, under one deadline, with every failure translated."""

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

import anthropic

from core.errors import ProviderError
from core.provider.failures import FAILURES, ContentSilent, IncompleteStream, provider_error
from core.provider.passage import Passage, followed_by
from core.provider.reply import MalformedEvent, Reply, is_content, start_reply
from core.provider.request import KeySource
from core.provider.stream import ProviderEvent, ReplyEnded, ReplyStarted

_DRAIN_SECONDS = 0.25
_CHECK_SECONDS = 10.0


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
    """A stream whose reply has begun; whoever opened it closes it."""

    def __init__(self, call: Call, stream: anthropic.AsyncStream[object], reply: Reply) -> None:
        self._call = call
        self._stream = stream
        self._reply = reply
        self._content_at = asyncio.get_running_loop().time()

    async def events(self) -> AsyncGenerator[ProviderEvent, None]:
        """ReplyStarted, the deltas, ReplyEnded; raises ProviderError as soon as the stream fails."""
        reply = self._reply
        yield ReplyStarted(reply)
        while not reply.complete:
            try:
                delta = reply.fold(await self._next())
            except FAILURES as error:
                raise self._call.failure(error, reply) from error
            if delta is not None:
                yield delta
        yield ReplyEnded(reply)
        await self._drain()

    async def _next(self) -> object:
        silent_at = self._content_at + self._call.patience
        try:
            async with asyncio.timeout_at(min(self._call.deadline, silent_at)):
                event = await anext(self._stream, None)
        except TimeoutError:
            if silent_at < self._call.deadline:
                raise ContentSilent(f"nothing of the answer came for {self._call.patience:g} s") from None
            raise
        if event is None:
            raise IncompleteStream("the stream ended without message_stop")
        if is_content(event):
            self._content_at = asyncio.get_running_loop().time()
        return event

    async def _drain(self) -> None:
        """Read the last bytes, so that the connection can serve the next call."""
        try:
            async with asyncio.timeout(_DRAIN_SECONDS):
                while await anext(self._stream, None) is not None:
                    pass
        except FAILURES:
            return

    async def close(self) -> None:
        """Hang up at once; the provider sees it. Closing twice does nothing."""
        await self._stream.close()


async def open_upstream(call: Call) -> Upstream:
    """Make the call and wait for its first event; raises ProviderError, with the connection closed."""
    try:
        async with asyncio.timeout_at(call.deadline):
            with followed_by(call.passage):
                return await _open(call)
    except FAILURES as error:
        raise call.failure(error) from error


async def _open(call: Call) -> Upstream:
    response = await call.client.messages.with_raw_response.create(**call.parameters)
    # As plain JSON: what the SDK does not know is kept, and no model is built for each event.
    stream = await response.parse(to=anthropic.AsyncStream[object])
    try:
        return Upstream(call, stream, await _begun(call, stream, response.request_id))
    except BaseException:
        await stream.close()
        raise


async def _begun(call: Call, stream: anthropic.AsyncStream[object], request_id: str | None) -> Reply:
    silent_at = asyncio.get_running_loop().time() + call.patience
    try:
        async with asyncio.timeout_at(silent_at):
            return await _first_reply(stream, request_id)
    except TimeoutError:
        raise ContentSilent(f"no answer began within {call.patience:g} s") from None


async def _first_reply(stream: anthropic.AsyncStream[object], request_id: str | None) -> Reply:
    while (event := await anext(stream, None)) is not None:
        reply = start_reply(event, request_id)
        if reply is not None:
            return reply
    raise IncompleteStream("the stream ended before its first event")


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
