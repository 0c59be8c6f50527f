"""Items that wait for a write go in one batch, and one that fails does not fail the others."""

import asyncio
import threading
from collections.abc import Callable, Sequence

import pytest
from sqlalchemy import Connection

from core.books.batch_writer import LARGEST_BATCH, BatchWriter
from core.errors import StoreError
from core.store.database import Store


class Writer:
    """Takes a moment for each batch and refuses those that hold a "bad" item."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []

    async def write(self, items: Sequence[str]) -> None:
        await asyncio.sleep(0)
        if "bad" in items:
            raise ValueError("bad")
        self.batches.append(list(items))


def test_what_waits_goes_together_and_in_order() -> None:
    async def play() -> Writer:
        writer = Writer()
        together = BatchWriter(writer.write)
        await asyncio.gather(*(together.write(str(number)) for number in range(200)))
        return writer

    writer = asyncio.run(play())
    assert [item for batch in writer.batches for item in batch] == [str(number) for number in range(200)]
    assert max(len(batch) for batch in writer.batches) == LARGEST_BATCH
    assert len(writer.batches) < 10


def test_only_the_item_at_fault_fails() -> None:
    async def play() -> tuple[Writer, list[BaseException | None]]:
        writer = Writer()
        together = BatchWriter(writer.write)
        items = ["a", "bad", "b"]
        return writer, await asyncio.gather(*(together.write(item) for item in items), return_exceptions=True)

    writer, results = asyncio.run(play())
    assert [type(result) for result in results] == [type(None), ValueError, type(None)]
    assert sorted(item for batch in writer.batches for item in batch) == ["a", "b"]


@pytest.mark.parametrize("waiting", [1, 2, 10, 64])
@pytest.mark.parametrize("refusals", [1, 2, 1_000])
def test_c5_a_refusal_of_the_database_is_the_groups_and_blames_no_member(waiting: int, refusals: int) -> None:
    """Ten ends that wait for a database that is locked wait for it twice, and not ten times."""
    asked: list[int] = []

    async def refuse(items: Sequence[int]) -> None:
        asked.append(len(items))
        await asyncio.sleep(0)
        if len(asked) - 1 <= refusals:  # the first one is alone: the others come while it is tried
            raise StoreError("The database is locked.")

    async def play() -> list[BaseException | None]:
        together = BatchWriter(refuse)
        first = asyncio.ensure_future(together.write(0))
        await asyncio.sleep(0)
        return (await asyncio.gather(first, *(together.write(n) for n in range(waiting)), return_exceptions=True))[1:]

    results = asyncio.run(play())
    tries = 1 if waiting == 1 else 2
    assert asked == [1, *[waiting] * tries]
    failed = refusals >= tries
    assert [isinstance(result, StoreError) for result in results] == [failed] * waiting


@pytest.mark.parametrize("lanes", [1, 2, 4])
def test_whoever_comes_as_a_batch_ends_is_not_forgotten(lanes: int) -> None:
    async def play() -> Writer:
        writer = Writer()
        together = BatchWriter(writer.write, lanes)

        async def produce(name: str) -> None:
            for number in range(50):
                await together.write(f"{name}{number}")

        await asyncio.wait_for(asyncio.gather(*(produce(name) for name in "abcdefgh")), 20)
        return writer

    written = [item for batch in asyncio.run(play()).batches for item in batch]
    assert sorted(written) == sorted(f"{name}{number}" for name in "abcdefgh" for number in range(50))


def test_c5_a_refusal_of_the_database_is_the_groups(sqlite_store: Store) -> None:
    """Also in the middle of a transaction; each job alone would meet it again."""
    limit, runs = "PRAGMA max_page_count", list[int]()
    pages = sqlite_store.write(lambda connection: connection.exec_driver_sql("PRAGMA page_count").scalar()).result()
    sqlite_store.write(lambda connection: connection.exec_driver_sql(f"{limit}={pages}").close()).result()
    held, begun = threading.Event(), threading.Event()

    def hold(_: Connection) -> None:
        begun.set()
        held.wait(30)

    def full(number: int) -> Callable[[Connection], None]:
        def job(connection: Connection) -> None:
            runs.append(number)
            connection.exec_driver_sql("CREATE TABLE much AS SELECT zeroblob(100000) AS x")

        return job

    holding = sqlite_store.write(hold)
    begun.wait(30)
    jobs = [sqlite_store.write(full(number)) for number in range(5)]
    held.set()
    holding.result()
    for each in jobs:
        with pytest.raises(StoreError, match="disk is full"):
            each.result()
    assert runs == [0, 0]
