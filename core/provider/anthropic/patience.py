"""How long a reply is waited for: one timer for all reads of a call, in place of a time-out for each."""

import asyncio
from collections.abc import AsyncIterator

from core.provider.anthropic.failures import ContentSilent


class Patience:
    """Ends at the ``deadline`` on the loop's clock, and after so many ``seconds`` in which nothing of an answer came.

    Whoever made it stops it.
    """

    def __init__(self, deadline: float, seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._deadline, self._seconds = deadline, seconds
        self._content_at = self._loop.time()
        self._reader: asyncio.Task[object] | None = None
        self._over: Exception | None = None
        self._timer = self._loop.call_at(self._ends_at(), self._look)

    def content_came(self) -> None:
        self._content_at = self._loop.time()

    async def read(self, data: AsyncIterator[bytes]) -> bytes | None:
        """The next piece; None at the end. Raises TimeoutError, ContentSilent."""
        if self._over is not None:
            raise self._over
        self._reader = reader = asyncio.current_task()
        assert reader is not None
        cancelling = reader.cancelling()
        try:
            return await anext(data)
        except StopAsyncIteration:
            return None
        except asyncio.CancelledError:
            # As asyncio's own time-outs do: who is cancelled by others as well stays cancelled.
            if self._over is not None and reader.uncancel() <= cancelling:
                raise self._over from None
            raise
        finally:
            self._reader = None

    def stop(self) -> None:
        self._timer.cancel()

    def _ends_at(self) -> float:
        return min(self._deadline, self._content_at + self._seconds)

    def _look(self) -> None:
        if self._reader is None and self._loop.time() < self._deadline:
            self.content_came()  # it is not the provider that keeps us waiting
        if self._loop.time() < self._ends_at():
            self._timer = self._loop.call_at(self._ends_at(), self._look)
            return
        self._over = (
            TimeoutError()
            if self._ends_at() == self._deadline
            else ContentSilent(f"nothing of the answer came for {self._seconds:g} s")
        )
        if self._reader is not None:
            self._reader.cancel()
