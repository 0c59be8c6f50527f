"""The engine: one event loop on a thread of its own, the turns that live on it and the chores between them."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from importlib.util import find_spec
from time import monotonic
from typing import TypeAlias, TypeVar

import structlog
from anyio.from_thread import BlockingPortal, start_blocking_portal

from core.access.roles import Person
from core.access.standing import Loss
from core.books.books import Books
from core.books.instance import HEARTBEAT_SECONDS
from core.chat.tally import Tally
from core.chat.turn import Turn
from core.errors import NotReady, ShuttingDown, StoreError
from core.logs import log_failure

log = structlog.get_logger()

T = TypeVar("T")

Lost: TypeAlias = Callable[[set[Person]], Mapping[Person, Loss]]

TICK_SECONDS = 1.0
TAKE_OVER_SECONDS = 5.0
ENDED_KEPT_SECONDS = 60.0
UNWATCHED_AFTER_SECONDS = 2.0
ANSWERS_WITHIN_SECONDS = 2.0
TURN_AWAY_SECONDS = 2.0


class Engine:
    """Starts turns, finds them again, checkpoints them together and ends them all at shutdown."""

    def __init__(self, books: Books, lost: Lost, *, grace_seconds: float | None) -> None:
        """``lost`` is asked off the loop for those of some people who may not go on, and why."""
        self._books, self._lost, self._grace = books, lost, grace_seconds
        self.tally = Tally()
        self._turns: dict[str, Turn] = {}
        self._ended_at: dict[str, float] = {}
        self._lock = threading.Lock()
        self._closing = False
        self._admitted = 0
        self._due = asyncio.Event()
        self._stack = ExitStack()
        self._portal: BlockingPortal = self._stack.enter_context(
            start_blocking_portal(backend_options={"use_uvloop": find_spec("uvloop") is not None}, name="engine")
        )
        self._loop = self._portal.call(_running_loop)
        self._chores = [self._task(chore) for chore in (self._save_often, self._stay_alive, self._turn_away)]

    @contextmanager
    def admission(self) -> Iterator[None]:
        """Hold the door for a turn whose books are being opened: shutting down waits for it. Raises ShuttingDown."""
        with self._lock:
            if self._closing:
                raise ShuttingDown("The server is shutting down. Send your message again in a minute.")
            self._admitted += 1
        try:
            yield
        finally:
            with self._lock:
                self._admitted -= 1

    def start(self, turn: Turn) -> None:
        """Within ``admission``; a turn once started runs to an end, watched or not."""
        with self._lock:
            self._turns[turn.conversation_id] = turn
            self._ended_at.pop(turn.conversation_id, None)
        self._task(partial(self._run, turn))

    def _task(self, work: Callable[[], Awaitable[object]]) -> Future[object]:
        """Whatever ends it is in the log, since nobody waits for it."""
        task = self._portal.start_task_soon(work)
        task.add_done_callback(log_failure)
        return task

    def find(self, conversation_id: str) -> Turn | None:
        """Return the conversation's turn, while it runs and for a little while after."""
        return self._turns.get(conversation_id)

    def turn(self, task_trace_id: str) -> Turn | None:
        """Return the same by the turn's own id."""
        return next((turn for turn in list(self._turns.values()) if turn.id == task_trace_id), None)

    @property
    def closing(self) -> bool:
        """Whether the process is about to go."""
        return self._closing

    def live(self) -> list[Turn]:
        return [turn for turn in list(self._turns.values()) if not turn.ended]

    def check(self) -> None:
        """Check that it takes turns now. Raises ShuttingDown, NotReady."""
        with self.admission():
            try:
                self._portal.start_task_soon(_running_loop).result(ANSWERS_WITHIN_SECONDS)
            except TimeoutError:
                raise NotReady("The engine is held up. Try again in a few seconds.") from None

    def call(self, work: Callable[[], Awaitable[T]]) -> T:
        """Await the work on the engine's loop, and return what it gives; within ``admission``, not on the loop."""
        return self._portal.call(work)

    def begin(self, chore: str, work: Callable[[], Awaitable[object]]) -> None:
        """Begin the same without waiting; what goes wrong is only logged."""
        with suppress(ShuttingDown), self.admission():
            self._task(lambda: self._quietly(chore, work()))

    def call_soon(self, call: Callable[[], object]) -> None:
        self._loop.call_soon_threadsafe(call)

    def wake(self) -> None:
        """Ask for a checkpoint now rather than at the next tick; only on the engine's loop."""
        self._due.set()

    async def _run(self, turn: Turn) -> None:
        try:
            await turn.run()
            self.tally.add(turn.status, turn.calls())
        finally:
            self._ended_at[turn.conversation_id] = monotonic()

    async def _save_often(self) -> None:
        looked_at = monotonic()
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._due.wait(), TICK_SECONDS)
            self._due.clear()
            if monotonic() - looked_at >= TICK_SECONDS:  # also while one answer after the other asks for a checkpoint
                looked_at = monotonic()
                await self._quietly("hear", self._hear())
                self._look_after_turns()
            await self._quietly("checkpoint", self._checkpoint())

    async def _checkpoint(self) -> None:
        points = {turn.id: points for turn in self.live() if (points := list(turn.checkpoints()))}
        if points:
            self._give_up(await self._books.checkpoint(points))

    def _give_up(self, lost: Collection[str]) -> None:
        """Give up turns that are another process's by now: what they spend here nobody would read."""
        for turn in self.live():
            if turn.id in lost:
                turn.halt("lost")

    async def _hear(self) -> None:
        """Hear what other processes say of the turns that run here."""
        live = {turn.id: turn for turn in self.live()}
        for said in await asyncio.to_thread(self._books.heard, list(live)) if live else ():
            live[said.task_trace_id].apply_remote(said)

    def _look_after_turns(self) -> None:
        for turn in self.live():
            if self._grace is not None and turn.unwatched_seconds() > self._grace + UNWATCHED_AFTER_SECONDS:
                turn.halt("unwatched")
        for conversation_id, ended_at in list(self._ended_at.items()):
            if monotonic() - ended_at > ENDED_KEPT_SECONDS:
                self._forget(conversation_id)

    async def _turn_away(self) -> None:
        while True:
            await asyncio.sleep(TURN_AWAY_SECONDS)
            if self.live():
                await self._quietly("turn away", self._stop_lost())

    async def _stop_lost(self) -> None:
        gone = await asyncio.to_thread(self._lost, {turn.by for turn in self.live()})
        for turn in self.live():
            if turn.by in gone:
                turn.halt(gone[turn.by])

    def _forget(self, conversation_id: str) -> None:
        with self._lock:
            turn = self._turns.get(conversation_id)
            if turn is not None and turn.ended:
                del self._turns[conversation_id]
            self._ended_at.pop(conversation_id, None)

    async def _stay_alive(self) -> None:
        took_over = 0.0
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            if live := [turn.id for turn in self.live()]:
                await self._quietly("heartbeat", self._beat(live))
            await self._quietly("book kept", self._books.book_kept())
            await self._quietly("replay", asyncio.to_thread(self._books.replay_spool))
            if monotonic() - took_over > TAKE_OVER_SECONDS:
                took_over = monotonic()
                own = {turn.id for turn in self.live()}
                await self._quietly("take_over", asyncio.to_thread(self._books.take_over, own))

    async def _beat(self, live: Collection[str]) -> None:
        self._give_up(await self._books.heartbeat(live))

    async def _quietly(self, chore: str, work: Awaitable[object]) -> None:
        try:
            await work
        except StoreError as error:
            log.warning("chore_put_off", chore=chore, reason=error.for_user)
        except Exception:  # a chore that fails once must still be tried again
            log.exception("chore_failed", chore=chore)

    def drain(self, seconds: float, at_last: Callable[[], Awaitable[None]]) -> None:
        """Take no new turns, let the live ones end by themselves for a while, interrupt the rest, book them all.

        ``at_last`` is awaited on the engine's loop when no turn needs it any more.
        """
        with self._lock:
            if self._closing:
                return
            self._closing = True
        self._wait_until(monotonic() + seconds)
        for turn in self.live():
            turn.halt("shutdown")
        self._wait_until(monotonic() + 10)
        for chore in self._chores:
            chore.cancel()
        self._portal.call(at_last)
        self._stack.close()

    def _wait_until(self, deadline: float) -> None:
        pause = threading.Event()
        while (self._admitted or self.live()) and monotonic() < deadline:
            pause.wait(0.02)


async def _running_loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()
