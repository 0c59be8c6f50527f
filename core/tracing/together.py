"""Writes that come while another is under way are done together with the next one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar, cast

T = TypeVar("T")

LARGEST_BATCH = 64


class Together(Generic[T]):
    """Only for one event loop. If a batch fails, each of its items is tried alone and fails for itself."""

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
            self._workers.add(asyncio.create_task(self._work()))
        await done

    async def _work(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:LARGEST_BATCH], self._waiting[LARGEST_BATCH:]
            await self._write_batch(batch)
        # At once and not when the task is done: whoever comes in between must not count on it.
        self._workers.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    async def _write_batch(self, batch: list[tuple[T, asyncio.Future[None]]]) -> None:
        try:
            await self._write([item for item, _ in batch])
        except Exception as error:  # noqa: BLE001 - it belongs to whoever waits for the item
            await self._blame(batch, error)
        else:
            for _, done in batch:
                _settle(done, None)

    async def _blame(self, batch: list[tuple[T, asyncio.Future[None]]], error: Exception) -> None:
        if len(batch) == 1:
            _settle(batch[0][1], error)
            return
        for one in batch:
            await self._write_batch([one])


def _settle(done: "asyncio.Future[None]", error: Exception | None) -> None:
    if done.cancelled():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
