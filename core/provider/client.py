"""Asking the provider for an answer: our own retries and time-outs around the SDK's raw events."""

import asyncio
import threading
from collections.abc import AsyncGenerator
from math import inf
from typing import TYPE_CHECKING

import httpx2
from pydantic import SecretStr
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, stop_before_delay
from tenacity.wait import wait_exponential_jitter

from core.errors import ProviderBroken, ProviderBusy, ProviderError, SetupError
from core.provider.request import CallKey, ModelRequest, message_parameters
from core.provider.simulator.transport import SimulatorTransport
from core.provider.stream import AttemptFailed, AttemptStarting, ProviderEvent, ReplyEnded, ReplyStarted
from core.settings import Settings

if TYPE_CHECKING:
    from core.provider.connections import Connections

_BACKOFF = wait_exponential_jitter(multiplier=0.5, max=8, jitter=0.5)


class _LastFailure:
    """The failed attempt and the wait after it: kept, so that it can be told before the wait begins."""

    attempt: int = 0
    error: ProviderError
    wait_seconds: float

    def remember(self, state: RetryCallState) -> None:
        self.attempt, self.error, self.wait_seconds = state.attempt_number, _error(state), state.upcoming_sleep

    async def sleep_later(self, _seconds: float) -> None:
        """In place of tenacity's own sleep."""


class Provider:
    """One for the whole process; streams run side by side on one event loop.

    The SDK takes longer to import than all else together, so it is left until ``warm_up`` or the first stream.
    A ``transport`` takes the place of the provider and of the simulator.
    """

    def __init__(self, settings: Settings, transport: httpx2.AsyncBaseTransport | None) -> None:
        self._settings, self._transport, self._address = settings, transport, _address(settings)
        self._connections: Connections | None = None
        self._opening = threading.Lock()

    @property
    def turn_seconds(self) -> float:
        """The longest that one answer may take."""
        return self._settings.turn_seconds

    @property
    def drain_stopped_seconds(self) -> float:
        """How long a stopped reply may still be read for its usage."""
        return self._settings.drain_stopped_seconds

    def warm_up(self) -> "Connections":
        """Import the SDK and make its clients: a second or two, once. Any thread may call it."""
        with self._opening:
            if self._connections is None:
                self._connections = self._connect()
            return self._connections

    def _connect(self) -> "Connections":
        from core.provider.connections import Connections

        simulator = self._transport or SimulatorTransport(pace=self._settings.simulator_pace)
        return Connections(self._settings, self._address, self._transport, simulator)

    async def check(self, key: CallKey) -> None:
        """Whether the provider takes the key, by a call that costs nothing. Raises ProviderError."""
        client = (await self._opened()).client(key)
        from core.provider.upstream import check_key

        await check_key(client, key.source)

    async def _opened(self) -> "Connections":
        if self._connections is None:
            return await asyncio.to_thread(self.warm_up)
        return self._connections

    async def stream(self, request: ModelRequest, seconds: float = inf) -> AsyncGenerator[ProviderEvent, None]:
        """One answer. Each AttemptStarting comes before its call, which is made when the generator is resumed.

        It ends after so many ``seconds``, and after ``settings.turn_seconds`` at the latest. Tries again, up to
        ``settings.attempts``, only while nothing has begun to arrive and the wait is within that time. Closing the
        generator or cancelling its task hangs up at once. Raises ProviderBusy, ProviderRefused or ProviderBroken.
        """
        seconds = min(seconds, self._settings.turn_seconds)
        deadline = asyncio.get_running_loop().time() + seconds
        client = (await self._opened()).client(request.key)
        from core.provider.upstream import Call, open_upstream

        parameters, source = message_parameters(request), request.key.source if request.key else None
        failure = _LastFailure()
        async for attempt in self._attempts(failure, seconds):
            if failure.attempt:
                yield AttemptFailed(failure.attempt, failure.error, failure.wait_seconds)
                await asyncio.sleep(failure.wait_seconds)
            starting = AttemptStarting(failure.attempt + 1)
            yield starting
            call = Call(client, parameters, deadline, self._settings.read_seconds, starting.passage, source)
            with attempt:
                upstream = await open_upstream(call)
        try:
            yield ReplyStarted(upstream.reply)
            while not upstream.reply.complete:
                await upstream.wait()
                for delta in upstream.deltas():
                    yield delta
            yield ReplyEnded(upstream.reply)
            await upstream.drain()
        finally:
            await upstream.close()

    def _attempts(self, failure: _LastFailure, seconds: float) -> AsyncRetrying:
        return AsyncRetrying(
            retry=retry_if_exception(self._may_succeed_later),
            stop=stop_after_attempt(self._settings.attempts) | stop_before_delay(seconds),
            wait=self._wait,
            before_sleep=failure.remember,
            sleep=failure.sleep_later,
            reraise=True,
        )

    def _may_succeed_later(self, error: BaseException) -> bool:
        """Whoever tries again sooner than the provider asked for is refused again."""
        if not isinstance(error, (ProviderBusy, ProviderBroken)) or error.kind == "turn_timeout":
            return False
        return error.retry_after is None or error.retry_after <= self._settings.retry_after_cap_seconds

    def _wait(self, state: RetryCallState) -> float:
        asked = _error(state).retry_after
        return min(_BACKOFF(state) if asked is None else asked, self._settings.retry_after_cap_seconds)

    async def close(self) -> None:
        if self._connections is not None:
            await self._connections.close()


def _error(state: RetryCallState) -> ProviderError:
    error = state.outcome.exception() if state.outcome else None
    assert isinstance(error, ProviderError)
    return error


def open_provider(settings: Settings, transport: httpx2.AsyncBaseTransport | None = None) -> Provider:
    """Which of the provider and the simulator is asked, each request says.

    Raises SetupError for a key in the environment, or an address, that cannot be used.
    """
    environment_key(settings)
    return Provider(settings, transport)


def environment_key(settings: Settings) -> CallKey | None:
    """That of ANTHROPIC_API_KEY. Raises SetupError if it cannot be one."""
    if settings.anthropic_api_key is None:
        return None
    key = settings.anthropic_api_key.get_secret_value().strip()
    if not key.isascii() or not key.isprintable() or " " in key:
        raise SetupError("ANTHROPIC_API_KEY holds characters that no key has. Copy the key again and start again.")
    return CallKey(SecretStr(key), "environment")


def _address(settings: Settings) -> str:
    address = (settings.anthropic_base_url or "").strip() or "https://api.anthropic.com"
    try:
        url = httpx2.URL(address)
        usable = url.scheme in ("http", "https") and bool(url.host)
    except httpx2.InvalidURL:
        usable = False
    if not usable:
        raise SetupError("ANTHROPIC_BASE_URL is not a web address such as https://host. Correct it and start again.")
    return address
