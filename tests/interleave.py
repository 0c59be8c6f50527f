"""Actors driven step by step, in every order: what two of them may do to each other is tried, not waited for.

An actor is a function on a thread of its own that runs only while it has the turn. It gives that away at its points:
where it calls ``Play.point``, before each call of a method given to ``Play.stops``, and before each line of the files
in ``watched``. Which actor goes on is chosen by the schedule, and ``in_every_order`` goes through all schedules.
"""

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from types import FrameType, ModuleType
from typing import Any, TypeAlias

Actor: TypeAlias = Callable[[], object]
Stage: TypeAlias = Callable[["Play"], tuple[Sequence[Actor], Callable[[], object]]]

_PATIENCE_SECONDS = 60


@dataclass
class _Thread:
    number: int
    actor: Actor
    go: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    ready: Callable[[], bool] | None = None
    may_go_anyway: bool = False
    done: bool = False
    error: BaseException | None = None


class Play:
    """One run of the actors; ``story`` is who stopped where, in order, ``stack`` is closed when all is checked."""

    def __init__(self, choices: Sequence[int], watched: Sequence[ModuleType]) -> None:
        self.story: list[str] = []
        self.stack = ExitStack()
        self.options: list[int] = []
        self.switches: list[int] = []
        self.could_go_on: list[bool] = []
        self._choices, self._files = list(choices), {module.__file__ for module in watched}
        self._threads: list[_Thread] = []
        self._here = threading.local()
        self._stopped = threading.Semaphore(0)

    def point(self, name: str) -> None:
        """Stop here, if this is an actor; whoever has the turn next is chosen by the schedule."""
        own: _Thread | None = getattr(self._here, "own", None)
        if own is not None:
            self.story.append(f"{own.number} at {name}")
            self._give_way(own)

    @property
    def acting(self) -> bool:
        """Whether it is an actor who asks."""
        return getattr(self._here, "own", None) is not None

    def stops(self, thing: Any, method: str) -> None:
        """Make each call of the method a point."""
        call = getattr(thing, method)

        def stopping(*arguments: Any, **named: Any) -> Any:
            self.point(method)
            return call(*arguments, **named)

        setattr(thing, method, stopping)

    def lock(self) -> "Lock":
        """In place of a lock that actors hold while they stop."""
        return Lock(self)

    def condition(self) -> "Condition":
        """In place of a condition that actors wait for."""
        return Condition(self)

    def perform(self, actors: Sequence[Actor]) -> None:
        """Raises what an actor raised, and AssertionError if all wait for each other."""
        self._threads = [_Thread(number, actor) for number, actor in enumerate(actors)]
        for each in self._threads:
            threading.Thread(target=self._run, args=(each,), daemon=True).start()
        last: _Thread | None = None
        while not all(each.done for each in self._threads):
            last = self._next(last)
            last.go.release()
            assert self._stopped.acquire(timeout=_PATIENCE_SECONDS), f"an actor hangs outside its points: {self.story}"
        for each in self._threads:
            if each.error is not None:
                raise AssertionError(f"actor {each.number} failed after {self.story}") from each.error

    def _next(self, last: _Thread | None) -> _Thread:
        """The first option is to go on as before; every other one is a switch that was not forced."""
        living = [each for each in self._threads if not each.done]
        able = [each for each in living if each.ready is None or each.ready()]
        able = able or [each for each in living if each.may_go_anyway]
        assert able, f"the actors wait for each other: {self.story}"
        able.sort(key=lambda each: each is not last)
        step = len(self.options)
        chosen = self._choices[step] if step < len(self._choices) else 0
        self.options.append(len(able))
        self.could_go_on.append(able[0] is last)
        self.switches.append(int(able[0] is last and chosen > 0))
        return able[chosen]

    def _run(self, own: _Thread) -> None:
        own.go.acquire()
        self._here.own = own
        if self._files:
            sys.settrace(self._trace)
        try:
            own.actor()
        except BaseException as error:
            own.error = error
        finally:
            sys.settrace(None)
            own.done = True
            self._stopped.release()

    def _trace(self, frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename not in self._files:
            return None
        if event == "line":
            self.point(f"{frame.f_code.co_name}:{frame.f_lineno}")
        return self._trace

    def _give_way(self, own: _Thread) -> None:
        self._stopped.release()
        own.go.acquire()

    def wait_until(self, ready: Callable[[], bool], *, or_all_wait: bool = False) -> None:
        """Until then this actor cannot be chosen; with ``or_all_wait`` it goes on when nobody else can, too."""
        own: _Thread | None = getattr(self._here, "own", None)
        if own is None or ready():
            return
        own.ready, own.may_go_anyway = ready, or_all_wait
        self._give_way(own)
        own.ready, own.may_go_anyway = None, False


class Lock:
    """A mutual exclusion that the schedule knows of."""

    def __init__(self, play: Play) -> None:
        self._play, self.held = play, False

    def __enter__(self) -> None:
        self._play.wait_until(lambda: not self.held)
        self.held = True

    def __exit__(self, *_: object) -> None:
        self.held = False


class Condition(Lock):
    """In place of one on which actors wait: whoever is not notified never wakes, unless all the others wait as well."""

    def __init__(self, play: Play) -> None:
        super().__init__(play)
        self._notified = 0

    def notify_all(self) -> None:
        self._notified += 1

    def wait_for(self, predicate: Callable[[], bool], timeout: float | None = None) -> bool:
        """Time out only where nobody else can go on."""
        while not predicate():
            if not self._is_notified(or_all_wait=timeout is not None):
                return predicate()
        return True

    def _is_notified(self, *, or_all_wait: bool) -> bool:
        seen, self.held = self._notified, False
        self._play.wait_until(lambda: self._notified > seen and not self.held, or_all_wait=or_all_wait)
        self._play.wait_until(lambda: not self.held)
        self.held = True
        return self._notified > seen


def in_every_order(stage: Stage, *, watched: Sequence[ModuleType] = (), switches: int | None = None) -> int:
    """Play all orders and return how many there were.

    ``stage`` sets up anew for each order and returns the actors and a check of what they leave. With ``switches`` only
    orders in which at most so many switches from one actor to another are not forced.
    """
    choices: list[int] | None = []
    played = 0
    while choices is not None:
        play = Play(choices, watched)
        with play.stack:
            actors, check = stage(play)
            play.perform(actors)
            with _told(play):
                check()
        played += 1
        choices = _following(play, choices, switches)
    return played


@contextmanager
def _told(play: Play) -> Iterator[None]:
    try:
        yield
    except AssertionError as error:
        error.add_note(f"after {play.story}")
        raise


def _following(play: Play, choices: list[int], switches: int | None) -> list[int] | None:
    """The next schedule: the last choice that has an option left takes it."""
    taken = [*choices, *[0] * (len(play.options) - len(choices))][: len(play.options)]
    for step in reversed(range(len(taken))):
        free = switches is None or not play.could_go_on[step] or sum(play.switches[:step]) < switches
        if taken[step] + 1 < play.options[step] and free:
            return [*taken[:step], taken[step] + 1]
    return None
