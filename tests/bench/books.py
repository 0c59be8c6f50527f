"""Finished turns a second: the books' own transactions against bare inserts of three rows, on both databases."""

import asyncio
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection, text

from core.access.local import local_person
from core.books.books import Books
from core.books.instance import read_instance
from core.books.spool import Spool
from core.books.values import TraceEnd
from core.chat.new_turn import NewTurn, open_turn
from core.demo.agents import read_demo_agents
from core.registry.agents import Agents
from core.store.database import Store, open_store
from tests.bench.report import Figure, percentile, show
from tests.core.books.histories import BOOK, a_call, a_finish, a_reply, an_end, an_opening
from tests.postgresql import postgresql

PRODUCERS = 8
TURNS = 4_000
USAGE = {"input_tokens": 1_000, "cache_read_input_tokens": 5_000, "output_tokens": 300}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        measure("SQLite", f"sqlite:///{Path(folder) / 'bench.db'}")
    with postgresql() as cluster:
        measure("PostgreSQL", cluster.url)


def measure(name: str, url: str) -> None:
    store = open_store(url)
    try:
        turns = opened(store)
        bare = run(store, [insert_three(number) for number in range(TURNS)])
        ends = asyncio.run(finish_all(store, [end for _, end in turns]))
        opens = run(store, [opening_again(turn) for turn, _ in turns])
        show(
            f"Books on {name}, {PRODUCERS} producers; the baseline inserts three bare rows",
            [
                Figure("finished turns a second", "1/s", TURNS / ends.wall, TURNS / bare.wall),
                Figure("opened turns a second", "1/s", TURNS / opens.wall, TURNS / bare.wall),
                Figure("commit of a finish, p50", "ms", percentile(ends.waits, 0.5), percentile(bare.waits, 0.5)),
                Figure("commit of a finish, p99", "ms", percentile(ends.waits, 0.99), percentile(bare.waits, 0.99)),
            ],
        )
    finally:
        store.close()


class Timed:
    """Wall seconds of a whole run and milliseconds of each commit."""

    def __init__(self) -> None:
        self.wall = 0.0
        self.waits: list[float] = []


def run(store: Store, jobs: list[Callable[[Connection], object]]) -> Timed:
    timed, shares = Timed(), [jobs[start::PRODUCERS] for start in range(PRODUCERS)]

    def produce(share: list[Callable[[Connection], object]]) -> None:
        for job in share:
            began = time.perf_counter()
            store.write(job).result()
            timed.waits.append((time.perf_counter() - began) * 1e3)

    threads = [threading.Thread(target=produce, args=(share,)) for share in shares]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    timed.wall = time.perf_counter() - began
    return timed


def opened(store: Store) -> list[tuple[NewTurn, TraceEnd]]:
    person, agents = local_person(store), Agents(store)
    agents.begin_with(read_demo_agents(), person.id)
    agent = agents.active()[0].id
    store.write(
        lambda connection: connection.execute(text("CREATE TABLE bare (id INTEGER, a INTEGER, b TEXT)"))
    ).result()
    turns = [an_opening(person.id, agent) for _ in range(TURNS)]
    for turn in turns:
        store.write(opening(turn))
    store.write(lambda _: None).result()
    return [(turn, ending(turn)) for turn in turns]


def opening(turn: NewTurn) -> Callable[[Connection], object]:
    return lambda connection: open_turn(connection, turn)


def opening_again(turn: NewTurn) -> Callable[[Connection], object]:
    return opening(an_opening(turn.head.owner_id, turn.head.agent_id))


async def finish_all(store: Store, ends: list[TraceEnd]) -> Timed:
    """As the engine does it: every producer waits for its turn's end to be committed before the next one."""
    timed = Timed()
    with tempfile.TemporaryDirectory() as folder:
        books = Books(store, BOOK, Spool(Path(folder), "bench:1:a"), read_instance("bench:1:a"))

        async def produce(share: list[TraceEnd]) -> None:
            for end in share:
                began = time.perf_counter()
                await books.close(end)
                timed.waits.append((time.perf_counter() - began) * 1e3)

        began = time.perf_counter()
        await asyncio.gather(*(produce(ends[start::PRODUCERS]) for start in range(PRODUCERS)))
        timed.wall = time.perf_counter() - began
    return timed


def ending(turn: NewTurn) -> TraceEnd:
    reply = a_reply("word " * 300, USAGE)
    return a_finish(turn, an_end(a_call(turn, reply=reply), "completed"), "completed", reply)


def insert_three(number: int) -> Callable[[Connection], object]:
    rows = [{"id": number * 3 + place, "a": place, "b": "x" * 200} for place in range(3)]
    statement = text("INSERT INTO bare VALUES (:id, :a, :b)")
    return lambda connection: [connection.execute(statement, row) for row in rows]


if __name__ == "__main__":
    main()
