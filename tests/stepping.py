"""An event loop as an actor of a play: each of its rounds is a step, and time passes only when we say so."""

import asyncio
import selectors
from collections.abc import Callable
from typing import Any, TypeVar

from tests.interleave import Play

T = TypeVar("T")


class SteppedLoop(asyncio.SelectorEventLoop):
    """To be run by an actor. Where it would wait for its clock, that jumps: the first ``jumps`` times whether or not
    others could go on, and from then on only when nobody else can.

    What others would do on threads for it is done at once, by itself.
    """

    def __init__(self, play: Play, jumps: int = 2) -> None:
        self.at, self.jumps, self.play = 0.0, jumps, play
        super().__init__(_Patient(self))

    def time(self) -> float:
        return self.at

    def run_in_executor(self, executor: Any, function: Callable[..., T], *arguments: Any) -> "asyncio.Future[T]":  # type: ignore[override]
        """A step, and then done."""
        self.play.point("thread")
        done: asyncio.Future[T] = self.create_future()
        try:
            done.set_result(function(*arguments))
        except Exception as error:
            done.set_exception(error)
        return done


class _Patient(selectors.DefaultSelector):
    """Looks at once, and lets others go on instead of waiting."""

    def __init__(self, loop: SteppedLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        loop = self._loop
        if timeout == 0:
            loop.play.point("round")
            return super().select(0)
        if timeout is None or loop.jumps <= 0:
            loop.play.wait_until(self._is_called, or_all_wait=timeout is not None)
        else:
            loop.play.point("waits")
        found = super().select(0)
        if not found and timeout is not None:
            loop.at, loop.jumps = loop.at + timeout, loop.jumps - 1
        return found

    def _is_called(self) -> bool:
        return bool(super().select(0))


def stepped(play: Play, jumps: int = 2) -> SteppedLoop:
    """A loop that is closed when the play is over."""
    loop = SteppedLoop(play, jumps)
    play.stack.callback(loop.close)
    return loop
