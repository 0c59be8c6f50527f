"""What browsers have uploaded and not sent yet: bounded by person and process, and freed when its sign-in ends."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from anyio import to_thread

from core.access.sessions import Session
from core.api.guard.rooms import Rooms
from core.errors import NotSignedIn, StoreError, TooManyRequests
from core.logs import log_failure

LOOK_EVERY_SECONDS = 5.0
_AGAIN_SECONDS = 60
_MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who stands at a door; without sign-in everybody is the same one, and has no secret."""

    person_id: str
    secret: str = ""


@dataclass(frozen=True, slots=True)
class Most:
    """``bytes`` are of files that are uploaded and not sent, ``files`` their number."""

    bytes: int
    files: int
    bytes_in_all: int


class Uploads:
    """On the event loop. ``check`` is asked, off it, whether a sign-in is still one: it raises NotSignedIn."""

    def __init__(self, rooms: Rooms, check: Callable[[str], Session], most: Most) -> None:
        self._rooms, self._check, self._most = rooms, check, most
        self._owners: dict[str, Visitor] = {}
        self._coming: list[tuple[Visitor, int]] = []
        self._sweeping: asyncio.Task[None] | None = None

    @contextmanager
    def coming(self, visitor: Visitor, room: str, size: int) -> Iterator[None]:
        """Keep so many bytes free for a file while it comes. Raises TooManyRequests."""
        self._refuse_too_much(visitor, size)
        coming = visitor, size
        self._coming.append(coming)
        self._owners[room] = visitor
        try:
            yield
        finally:
            self._coming.remove(coming)
            self._sweep_soon()

    def _refuse_too_much(self, visitor: Visitor, size: int) -> None:
        held = self._rooms.held()
        mine = [held.get(room, (0, 0)) for room, owner in self._owners.items() if owner.person_id == visitor.person_id]
        coming = [each for owner, each in self._coming if owner.person_id == visitor.person_id]
        files = sum(count for count, _ in mine) + len(coming)
        if files >= self._most.files or sum(each for _, each in mine) + sum(coming) + size > self._most.bytes:
            raise TooManyRequests(
                f"You have uploaded {files:,} files that are not sent yet; {self._most.files:,} files and "
                f"{self._most.bytes / _MEGABYTE:,.0f} MB are kept at most. Send or remove some, or close other pages.",
                retry_after=_AGAIN_SECONDS,
            )
        all_bytes = sum(each for _, each in held.values()) + sum(each for _, each in self._coming)
        if all_bytes + size > self._most.bytes_in_all:
            raise TooManyRequests(
                "The server keeps as many uploaded files as it can. Try again in a minute.", retry_after=_AGAIN_SECONDS
            )

    def _sweep_soon(self) -> None:
        if self._sweeping is None or self._sweeping.done():
            self._sweeping = asyncio.get_running_loop().create_task(self._sweep())
            self._sweeping.add_done_callback(log_failure)

    async def _sweep(self) -> None:
        """Until nothing is held."""
        while self._owners:
            await asyncio.sleep(LOOK_EVERY_SECONDS)
            for room, owner in list(self._owners.items()):
                if not self._rooms.exists(room) or not await self._is_signed_in(owner):
                    self._rooms.clear(room)
                if room not in self._rooms.held():
                    self._owners.pop(room, None)

    async def _is_signed_in(self, owner: Visitor) -> bool:
        if not owner.secret:
            return True
        try:
            await to_thread.run_sync(self._check, owner.secret)
        except NotSignedIn:
            return False
        except StoreError:
            return True
        return True
