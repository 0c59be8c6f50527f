"""Recorders of several processes on one database, and what they write."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import wait
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, cast

from core.books.books import Books
from core.books.instance import read_instance
from core.books.liveness import PATIENCE_SECONDS
from core.books.spool import Spool
from core.books.values import Advance, Answer, Checkpoint
from core.chat.new_turn import NewTurn
from core.clock import new_id
from core.store.database import Store
from core.usage import Usage
from tests.core.books.histories import BOOK, a_call, a_point, an_end, refused
from tests.interleave import Play

LOOKS = range(0, int(PATIENCE_SECONDS) + 15, 5)


class Clock:
    """Seconds that pass when we say so."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


class Processes:
    """Recorders of one database that cannot see each other's processes, each with a data folder of its own."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store, self._folder, self._names, self.clock = store, folder, count(), Clock()

    def one(self, store: "Store | StoppingStore | None" = None) -> Books:
        name = f"host-{next(self._names)}"
        instance = read_instance(f"{name}:1:boot{name}.ns.1.{new_id()[-12:]}")
        used = cast("Store", store or self.store)
        return Books(used, BOOK, Spool(self._folder / instance.id, instance.id), instance, self.clock)

    def watch(self, observer: Books, *living: Books, live: tuple[str, ...] = ()) -> None:
        """For longer than anybody has patience."""
        for _ in LOOKS:
            self.clock.at += 5
            for each in living:
                run(each.heartbeat(()))
            observer.take_over(live)


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


def a_saved_point(opening: NewTurn, text: str = "Mu") -> Checkpoint:
    answer = Answer(opening.head.message_id, [{"type": "text", "text": text}], text)
    told = {"input_tokens": 1_000, "output_tokens": 1}
    return a_point(opening, Usage(input=1_000, output=9), told, request_id="req_1", answer=answer)


def a_step(opening: NewTurn) -> Advance:
    """The first attempt failed, another one is made."""
    call = replace(opening.call, id=new_id(), attempt=2)
    ended = an_end(a_call(opening), "failed", refused())
    return Advance(opening.trace.id, opening.run.id, opening.head.at, ended, call=call)


class StoppingStore:
    """The store, at which an actor stops before each transaction, which then is over when its future is given."""

    def __init__(self, store: Store, play: Play) -> None:
        self._store, self._play, self.dialect = store, play, store.dialect

    def write(self, job: Any) -> Any:
        self._play.point("write")
        written = self._store.write(job)
        wait([written])
        return written

    def read(self) -> Any:
        self._play.point("read")
        return self._store.read()
