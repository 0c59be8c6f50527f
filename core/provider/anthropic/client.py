"""Anthropic as a provider: our own retries and time-outs around the raw events of its API."""

import asyncio
import random
import threading
from collections.abc import AsyncGenerator, Iterable
from itertools import count
from math import inf
from typing import TYPE_CHECKING, Any

import httpx2
from pydantic import SecretStr

from core.errors import ProviderBroken, ProviderBusy, ProviderError, SetupError
from core.provider.anthropic import own_tools
from core.provider.anthropic.parameters import message_parameters
from core.provider.request import CallKey, ModelRequest
from core.provider.simulator.transport import SimulatorTransport
from core.provider.stream import AttemptFailed, AttemptStarting, ProviderEvent, ReplyEnded, ReplyStarted
from core.settings import Settings

if TYPE_CHECKING:
    from core.provider.anthropic.connections import Connections

_BACKOFF_SECONDS, _JITTER_SECONDS, _LONGEST_BACKOFF_SECONDS = 0.5, 0.5, 8.0


class AnthropicProvider:
    """A Provider.

    The SDK takes longer to import than all else together, so it is left until ``warm_up`` or the first stream.
    A ``transport`` takes the place of the provider and of the simulator.
    """

    def __init__(self, settings: Settings, transport: httpx2.AsyncBaseTransport | None) -> None:
        self._settings, self._transport, self._address = settings, transport, _address(settings)
        self._connections: Connections | None = None
        self._opening = threading.Lock()

    def warm_up(self) -> "Connections":
        """Import the SDK and make its clients: a second or two, once. Any thread may call it."""
        with self._opening:
            if self._connections is None:
                self._connections = self._connect()
            return self._connections

    def _connect(self) -> "Connections":
        from core.provider.anthropic.connections import Connections

        simulator = self._transport or SimulatorTransport(pace=self._settings.simulator_pace)
        return Connections(self._settings, self._address, self._transport, simulator)

    async def check(self, key: CallKey) -> None:
        """Whether the provider takes the key, by a call that costs nothing. Raises ProviderError."""
        client = (await self._opened()).client(key)
        from core.provider.anthropic.upstream import check_key

        await check_key(client, key.source)

    async def _opened(self) -> "Connections":
        if self._connections is None:
            return await asyncio.to_thread(self.warm_up)
        return self._connections

    def own_tools(self, names: Iterable[str], model_id: str) -> list[dict[str, Any]]:
        return own_tools.definitions(names, model_id)

    async def stream(self, request: ModelRequest, seconds: float = inf) -> AsyncGenerator[ProviderEvent, None]:
        """As the Protocol has it: within ``settings.turn_seconds``, and up to ``settings.attempts`` times."""
        deadline = asyncio.get_running_loop().time() + min(seconds, self._settings.turn_seconds)
        client = (await self._opened()).client(request.key)
        from core.provider.anthropic.upstream import Call, open_upstream

        parameters, source = message_parameters(request), request.key.source if request.key else None
        for attempt in count(1):
            starting = AttemptStarting(attempt)
            yield starting
            call = Call(client, parameters, deadline, self._settings.read_seconds, starting.passage, source)
            try:
                upstream = await open_upstream(call)
                break
            except ProviderError as error:
                failed = AttemptFailed(attempt, error, self._wait(attempt, error))
                if not self._tries_again(failed, deadline):
                    raise
            yield failed
            await asyncio.sleep(failed.wait_seconds)
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

    def _tries_again(self, failed: AttemptFailed, deadline: float) -> bool:
        """Asking sooner than the provider wants is refused again; waiting until the deadline leaves no time to ask."""
        error = failed.error
        if not isinstance(error, (ProviderBusy, ProviderBroken)) or error.kind == "turn_timeout":
            return False
        in_time = asyncio.get_running_loop().time() + failed.wait_seconds < deadline
        soon = error.retry_after is None or error.retry_after <= self._settings.retry_after_cap_seconds
        return soon and in_time and failed.attempt < self._settings.attempts

    def _wait(self, attempt: int, error: ProviderError) -> float:
        wait = _backoff(attempt) if error.retry_after is None else error.retry_after
        return min(wait, self._settings.retry_after_cap_seconds)

    async def close(self) -> None:
        if self._connections is not None:
            await self._connections.close()


def _backoff(attempt: int) -> float:
    """Seconds that double with each attempt, spread so that many callers do not come back together."""
    spread = random.uniform(0, _JITTER_SECONDS)  # noqa: S311
    return min(_BACKOFF_SECONDS * 2.0 ** (attempt - 1) + spread, _LONGEST_BACKOFF_SECONDS)


def open_provider(settings: Settings, transport: httpx2.AsyncBaseTransport | None = None) -> AnthropicProvider:
    """Which of the provider and the simulator is asked, each request says.

    Raises SetupError for a key in the environment, or an address, that cannot be used.
    """
    environment_key(settings)
    return AnthropicProvider(settings, transport)


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
