"""What the engine needs of whoever runs models: one answer as a stream of events, and little else."""

from collections.abc import AsyncGenerator, Iterable
from math import inf
from typing import Any, Protocol

from core.provider.request import CallKey, ModelRequest
from core.provider.stream import ProviderEvent


class Provider(Protocol):
    """One for the whole process; streams run side by side on one event loop.

    A request, the events and their reply with its blocks and usage are values of this package. A provider translates
    between them and its own wire: in usage too, where what was read from a cache is no part of the input.
    """

    def stream(self, request: ModelRequest, seconds: float = inf) -> AsyncGenerator[ProviderEvent, None]:
        """One answer. Each AttemptStarting comes before its call, which is made when the generator is resumed.

        It ends after so many ``seconds``. Tries again only while nothing has begun to arrive. Closing the generator or
        cancelling its task hangs up at once. Raises ProviderBusy, ProviderRefused or ProviderBroken.
        """
        ...

    def own_tools(self, names: Iterable[str], model_id: str) -> list[dict[str, Any]]:
        """Definitions of those of the named tools that it runs itself, in the version this model takes."""
        ...

    async def check(self, key: CallKey) -> None:
        """Ask whether it takes the key, by a call that costs nothing. Raises ProviderError."""
        ...

    def warm_up(self) -> object:
        """Do beforehand what takes long at the first call. Any thread may call it."""
        ...

    async def close(self) -> None:
        """Let go of all connections."""
        ...
