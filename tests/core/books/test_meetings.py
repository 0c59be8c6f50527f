"""Two who write to one turn's books, or to its sums, at the same time: in every order the books add up."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from core.analytics.rollups.check import differences
from core.analytics.rollups.refresh import Overtaken, refresh
from core.errors import TurnLost
from core.store.database import Store
from core.store.tables import LedgerLine, Message, TaskTrace, TraceSpan
from tests.core.books.histories import AT
from tests.core.books.in_store import completed, opened, recovered, rows
from tests.core.books.processes import Processes, StoppingStore, a_saved_point, run
from tests.interleave import Actor, Play, in_every_order

UTC = ZoneInfo("UTC")
LATER = AT + timedelta(hours=5)


@pytest.fixture
def processes(store: Store, tmp_path: Path) -> Processes:
    return Processes(store, tmp_path)


def tolerant(work: Callable[[], object], *errors: type[Exception]) -> Actor:
    def actor() -> None:
        with suppress(*errors):
            work()

    return actor


@pytest.mark.parametrize("other", ["a checkpoint", "a beat"])
def test_c2_an_end_meets_what_the_same_process_wrote_before_it(
    store: Store, ids: tuple[str, str], processes: Processes, other: str
) -> None:
    """What was under way when the turn ended changes nothing of its end."""

    def stage(play: Play) -> tuple[list[Actor], Actor]:
        books = processes.one(StoppingStore(store, play))
        opening = opened(store, ids, instance_id=books.instance_id)
        turn = opening.head.task_trace_id
        works: dict[str, Callable[[], Any]] = {
            "a checkpoint": lambda: run(books.checkpoint({turn: [a_saved_point(opening, "Mu")]})),
            "a beat": lambda: run(books.heartbeat([turn])),
        }

        def check() -> None:
            (trace,) = rows(store, TaskTrace, id=turn)
            (answer,) = rows(store, Message, id=opening.head.message_id)
            lines = rows(store, LedgerLine, task_trace_id=turn)
            assert (trace["status"], answer["text"], answer["status"]) == ("completed", "Much.", "complete")
            assert sum(line["amount_nanos"] for line in lines) == trace["cost_nanos"]
            (span,) = rows(store, TraceSpan, task_trace_id=turn)
            assert (span["status"], span["output_tokens"], trace["cost_nanos"]) == ("success", 50, 5_000_000)

        return [tolerant(works[other], TurnLost), lambda: run(books.close(completed(opening)))], check

    assert in_every_order(stage) >= 2


def test_c4_a_late_correction_meets_the_refresher_of_the_sums(
    store: Store, ids: tuple[str, str], processes: Processes
) -> None:
    """Whoever comes first, the tables of sums are what the ledger says as soon as no mark is left."""

    def stage(play: Play) -> tuple[list[Actor], Actor]:
        stopping = StoppingStore(store, play)
        books = processes.one(stopping)
        opening = opened(store, ids, instance_id="another:1:process")
        recovered(store)

        def refreshing() -> None:
            refresh(stopping, UTC, LATER)  # type: ignore[arg-type]

        def check() -> None:
            while refresh(store, UTC, LATER):
                pass
            assert list(differences(store)) == []
            (trace,) = rows(store, TaskTrace, id=opening.head.task_trace_id)
            assert (trace["status"], trace["cost_nanos"]) == ("completed", 5_000_000)

        return [tolerant(refreshing, Overtaken), lambda: run(books.close(completed(opening)))], check

    assert in_every_order(stage) >= 3
