"""The SDK's clients: one pool of connections to the provider, whichever keys are used, and one to the simulator."""

from functools import lru_cache

import anthropic
import httpx2

from core.provider.anthropic.following import HOOKS
from core.provider.request import CallKey
from core.settings import Settings

_WRITE_SECONDS = 30.0
_KEYS_AT_HAND = 64


class Connections:
    """Importing this module takes a second or two. A ``transport`` takes the place of the provider."""

    def __init__(
        self,
        settings: Settings,
        address: str,
        transport: httpx2.AsyncBaseTransport | None,
        simulator: httpx2.AsyncBaseTransport,
    ) -> None:
        self._address = address
        self._provider = _client(settings, address, transport)
        self._simulator = _client(settings, "http://simulator.invalid", simulator)
        self._with_key = lru_cache(_KEYS_AT_HAND)(self._copy)

    def client(self, key: CallKey | None) -> anthropic.AsyncAnthropic:
        """The one that calls with this key, or the simulator without any."""
        return self._simulator if key is None else self._with_key(key)

    def _copy(self, key: CallKey) -> anthropic.AsyncAnthropic:
        return self._provider.with_options(api_key=key.secret.get_secret_value(), base_url=self._address)

    async def close(self) -> None:
        await self._provider.close()
        await self._simulator.close()


def _client(settings: Settings, address: str, transport: httpx2.AsyncBaseTransport | None) -> anthropic.AsyncAnthropic:
    timeout = httpx2.Timeout(
        connect=settings.connect_seconds,
        read=settings.read_seconds,
        write=_WRITE_SECONDS,
        pool=settings.connect_seconds,
    )
    # Only without a transport of ours do the environment's proxies hold.
    own = (
        anthropic.DefaultAsyncHttpxClient(transport=transport, timeout=timeout, event_hooks=HOOKS)
        if transport
        else anthropic.DefaultAsyncHttpxClient(timeout=timeout, event_hooks=HOOKS)
    )
    return anthropic.AsyncAnthropic(
        api_key="none",
        base_url=address,
        max_retries=0,
        timeout=timeout,
        http_client=own,
        open_telemetry=False,
    )
