"""Writes that come while another is under way are done together with the next one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar, cast

from core.errors import StoreError
from core.logs import log_failure

T = TypeVar("T")

LARGEST_BATCH = 64


class BatchWriter(Generic[T]):
    """Only for one event loop.

    A batch that the database refuses is tried once more and then fails as a whole; after any other error each of its
    items is tried alone and fails for itself.
    """

    def __init__(self, write: Callable[[Sequence[T]], Awaitable[None]], lanes: int = 1) -> None:
        """``lanes`` is how many batches may be under way at once."""
        self._write, self._lanes = write, lanes
        self._waiting: list[tuple[T, asyncio.Future[None]]] = []
        self._workers: set[asyncio.Task[None]] = set()

    async def write(self, item: T) -> None:
        """Returns when the item is written; raises what its writing raised."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, done))
        if len(self._workers) < self._lanes:
            worker = asyncio.create_task(self._work())
            worker.add_done_callback(log_failure)
            self._workers.add(worker)
        await done

    async def _work(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:LARGEST_BATCH], self._waiting[LARGEST_BATCH:]
            await self._write_batch(batch)
        # At once and not when the task is done: a caller in between must not count on it.
        self._workers.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    async def _write_batch(self, batch: list[tuple[T, asyncio.Future[None]]]) -> None:
        error = await self._try(batch)
        if isinstance(error, StoreError) and len(batch) > 1:
            error = await self._try(batch)
        if error is None or isinstance(error, StoreError) or len(batch) == 1:
            for _, done in batch:
                _settle(done, error)
            return
        for one in batch:
            await self._write_batch([one])

    async def _try(self, batch: list[tuple[T, asyncio.Future[None]]]) -> Exception | None:
        try:
            await self._write([item for item, _ in batch])
        except Exception as error:  # noqa: BLE001 - it belongs to the waiter for the item
            return error
        return None


def _settle(done: "asyncio.Future[None]", error: Exception | None) -> None:
    if done.cancelled():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
