"""A turn on a stage: it runs on a loop that is an actor of a play, so that others meet it at every step of its way."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from core.chat.approvals import Approvals
from core.chat.engine import Engine
from core.chat.following import LiveTurn
from core.chat.turn import Turn
from core.chat.turns import Turns
from core.events import Logged, TurnEnded
from core.provider.simulator.wire import WireResponse
from core.store.database import Store
from tests.core.books.processes import Processes, StoppingStore
from tests.core.chat.tooling import Workshop
from tests.interleave import Play
from tests.stepping import SteppedLoop, stepped


class _Held:
    """The engine, but for what it starts: that is kept, not run."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def start(self, turn: Turn) -> None:
        """Whoever has the turn runs it."""

    def find(self, _: str) -> None:
        """No other message runs."""


class QueueingStore(StoppingStore):
    """What an actor writes waits until the actor ``work`` comes to it, as it would for a busy database."""

    def __init__(self, store: Store, play: Play) -> None:
        super().__init__(store, play)
        self._waiting: list[tuple[Any, Future[Any]]] = []

    def write(self, job: Any) -> Any:
        if not self._play.acting:
            return super().write(job)
        self._waiting.append((job, Future()))
        return self._waiting[-1][1]

    def work(self, over: Callable[[], bool], at: Callable[[int, str], object]) -> None:
        """``at`` is told how many jobs came before, and whether the next one waits, is begun or is done."""
        number = 0
        while not over():
            self._play.wait_until(lambda: bool(self._waiting) or over())
            for job, future in self._waiting[:1]:
                at(number, "waits")
                self._play.point("takes a job")
                del self._waiting[:1]
                self._do(job, future, lambda moment, number=number: at(number, moment))  # type: ignore[misc]
                number += 1

    def _do(self, job: Any, future: "Future[Any]", at: Callable[[str], object]) -> None:
        """As the writers do: what is not wanted any more is not begun, what is begun is brought to its end."""
        if not future.set_running_or_notify_cancel():
            return
        at("is begun")
        self._play.point("has begun it")
        done = super().write(job)
        at("is done")
        if (error := done.exception()) is not None:
            future.set_exception(error)
        else:
            future.set_result(done.result())


@dataclass(frozen=True)
class Staged:
    play: Play
    turn: Turn
    loop: SteppedLoop
    approvals: Approvals
    store: StoppingStore

    def run(self) -> None:
        self.loop.run_until_complete(self.turn.run())

    def stop(self) -> None:
        self.play.point("about to stop")
        self.turn.stop()

    def read(self) -> list[Logged]:
        """As a page does: on a thread that waits for what comes."""
        seen: list[Logged] = []
        while not (seen and isinstance(seen[-1].event, TurnEnded)):
            seen += self.turn.get(len(seen), 30)
        return seen

    def follow(self) -> list[Any]:
        """As a program's door does: on a loop of its own."""
        return stepped(self.play, jumps=0).run_until_complete(self._follow())

    async def _follow(self) -> list[Any]:
        following, seen = LiveTurn(self.turn.head, self.turn.log, 0), list[Any]()
        while not following.ended:
            seen += [each.event for each in await following.next(30)]
        return seen


def staged(
    shop: Workshop, stopping: StoppingStore, folder: Path, play: Play, *answers: WireResponse, jumps: int = 2
) -> Staged:
    """A turn that is opened and not yet run, and that gets these answers."""
    shop.script.give(*answers)
    store, loop = shop.services.store, stepped(play, jumps)
    books = Processes(store, folder).one(stopping)
    approvals = Approvals(cast("Store", stopping), 60, books.instance_id)

    def call_soon(call: Callable[[], object]) -> None:
        play.point("call soon")
        loop.call_soon_threadsafe(call)

    real = shop.services.turns
    parts = replace(real._parts, books=books, approvals=approvals, wake=lambda: None, call_soon=call_soon)
    engine = cast("Engine", _Held(real._engine))
    turns = Turns(store, real._agents, engine, parts, real._keys, real._quotas)
    turn = turns.send(owner=shop.services.me, agent_id=shop.agent_id, text="Go.")
    turn.log._changed = play.condition()  # type: ignore[assignment]
    return Staged(play, turn, loop, approvals, stopping)
