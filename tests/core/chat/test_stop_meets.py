"""A stop that meets whatever a turn may be waiting for: in every order it ends once, and its books add up."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from core.budgets.budgets import BudgetDraft, Budgets
from core.errors import InputError, NotFound
from core.events import TextDelta, TurnEnded
from core.money import NANOS_PER_USD
from core.provider.simulator.scripted import answer_events, failed, streamed
from core.store.budgets import BudgetReservation
from core.store.database import Store
from core.store.tables import Message, TraceSpan
from tests.core.agent.toolkit import FINAL, MODEL, USAGE, asks, says
from tests.core.books.in_store import rows
from tests.core.books.processes import StoppingStore
from tests.core.chat.conftest import ended
from tests.core.chat.stage import QueueingStore, Staged, staged
from tests.core.chat.test_delegation import ASK, helped, with_helper
from tests.core.chat.tooling import Open, Workshop, assert_adds_up, assert_whole
from tests.core.rows import ADMIN
from tests.interleave import Actor, Play, Stage, in_every_order

BUSY = failed(429, "rate_limit_error", "slow down", headers={"retry-after": "15"})
WRITES_OF_A_DELEGATION = 5
"""The call of the tool, the run that it opens, that one's end, the next call, and the end of all."""
WORDS = ("One ", "two ", "three.")


@pytest.fixture
def opened(work: Open) -> Callable[..., Workshop]:
    def open_(**more: Any) -> Workshop:
        """Warm: the first call of all takes steps that no later one does."""
        shop = work(says("Hello."), **more)
        assert ended(shop.send()).status == "completed"
        return shop

    return open_


def slowly() -> Any:
    return streamed(answer_events(*WORDS, model=MODEL, usage=USAGE, final=FINAL), gap=0.1)


@pytest.mark.each_database
def test_c2_a_stop_meets_the_wait_between_two_tries(
    store: Store, opened: Callable[..., Workshop], tmp_path: Path
) -> None:
    """No try is made after it, and what was not sent costs nothing."""
    shop, met = opened(), set[Any]()

    def stage(play: Play) -> tuple[list[Actor], Actor]:
        before = len(shop.script.requests)
        on = staged(shop, StoppingStore(store, play), tmp_path, play, BUSY, says("Well."))

        def check() -> None:
            end = assert_over(store, on)
            spans = rows(store, TraceSpan, task_trace_id=on.turn.id)
            sent = [span for span in spans if span["sent_at"]]
            assert len(sent) == len(shop.script.requests) - before
            assert all(span["cost_nanos"] == 0 for span in spans if span not in sent)
            met.add((end.status, len(spans), len(sent)))

        return [on.run, on.stop], check

    assert in_every_order(stage, switches=2) > 20
    assert {("completed", 2, 2), ("stopped", 2, 2), ("stopped", 2, 1), ("stopped", 1, 1)} <= met


@pytest.mark.parametrize("given_first", [False, True])
def test_c2_a_stop_meets_the_wait_for_consent_and_who_gives_it(
    store: Store, opened: Callable[..., Workshop], tmp_path: Path, given_first: bool
) -> None:
    """The tool runs if consent came first and never after the stop, and nobody is asked any more."""
    shop, met = opened(ask_first=("echo",)), set[Any]()
    me = shop.services.me

    def stage(play: Play) -> tuple[list[Actor], Actor]:
        calls = asks(("a", "echo", {"say": "Hi"}))
        on = staged(shop, StoppingStore(store, play), tmp_path, play, calls, says("Done."), jumps=1)
        asked, ask = list[str](), on.approvals.ask

        def consent() -> None:
            play.wait_until(lambda: bool(asked) or on.turn.ended)
            with suppress(InputError, NotFound):
                on.approvals.decide(me, asked[0], approved=True)

        def stop() -> None:
            play.wait_until(lambda: bool(asked) or on.turn.ended)
            on.stop()

        async def asking(span_id: str, task_trace_id: str, tool_name: str) -> datetime:
            until = await ask(span_id, task_trace_id, tool_name)
            asked.append(span_id)
            if given_first:
                consent()
            return until

        def check() -> None:
            end = assert_over(store, on)
            assert on.approvals.pending(me, on.turn.id) == []
            [tool] = rows(store, TraceSpan, task_trace_id=on.turn.id, kind="tool")
            met.add((end.status, tool["status"]))

        on.approvals.ask = asking  # type: ignore[method-assign]
        return [on.run, stop] if given_first else [on.run, stop, consent], check

    assert in_every_order(stage, switches=1) > 10
    stopped_late = {("stopped", "success")} if given_first else set()
    assert {("completed", "success"), ("stopped", "stopped"), *stopped_late} <= met


@pytest.mark.parametrize("reader", ["a page", "a program"])
def test_c2_a_stop_meets_the_wait_of_a_reader(
    store: Store, opened: Callable[..., Workshop], tmp_path: Path, reader: str
) -> None:
    """Whoever reads, on a thread or on a loop, sees all there was, and the end once, whatever it waited for."""
    shop = opened()

    def stage(play: Play) -> tuple[list[Actor], Actor]:
        on = staged(shop, StoppingStore(store, play), tmp_path, play, slowly())
        seen: list[Any] = []

        def read() -> None:
            seen.extend([logged.event for logged in on.read()] if reader == "a page" else on.follow())

        def check() -> None:
            assert_over(store, on)
            assert seen == [logged.event for logged in on.turn.get(0, 0)]

        return [on.run, on.stop, read], check

    assert in_every_order(stage, switches=1) > 50


@pytest.mark.parametrize("other", ["asked", "shutdown"])
def test_c2_a_stop_meets_the_reading_on_after_a_stop(
    store: Store, opened: Callable[..., Workshop], tmp_path: Path, other: Any
) -> None:
    """What is read on is exact and never shown; what ends it before its end leaves an estimate."""
    shop, met = opened(drain_stopped_seconds=60), set[Any]()

    def stage(play: Play) -> tuple[list[Actor], Actor]:
        on = staged(shop, StoppingStore(store, play), tmp_path, play, slowly(), jumps=9)

        def again() -> None:
            play.wait_until(lambda: on.turn._stop is not None)
            on.turn.halt(other)

        def check() -> None:
            end = assert_over(store, on)
            events = [logged.event for logged in on.turn.get(0, 0)]
            [answer] = rows(store, Message, task_trace_id=on.turn.id, role="assistant")
            shown = "".join(event.text for event in events if isinstance(event, TextDelta))
            assert answer["text"] == shown
            met.add((end.status, end.basis, bool(shown)))

        return [on.run, on.stop, again], check

    assert in_every_order(stage, switches=1) > 50
    assert {("completed", "computed", True), ("stopped", "computed", True)} <= met
    assert (("stopped", "estimated", True) in met) == (other == "shutdown")


@pytest.mark.each_database
@pytest.mark.parametrize("moment", ["waits", "is begun", "is done"])
def test_c2_a_stop_meets_the_books_of_an_agent_that_was_asked(
    store: Store, opened: Callable[..., Workshop], tmp_path: Path, moment: str
) -> None:
    """Whatever is being written when it comes: no run stays open, and nothing is held for one."""
    Budgets(store, ZoneInfo("UTC")).create(ADMIN, BudgetDraft("organisation", None, "month", 10 * NANOS_PER_USD))
    shop, met, writes = with_helper(opened()), set[Any](), list[int]()

    def stage_of(stopped_at: int) -> Stage:
        def stage(play: Play) -> tuple[list[Actor], Actor]:
            queueing = QueueingStore(store, play)
            on = staged(shop, queueing, tmp_path, play, asks(ASK), helped(), says("Nine."), jumps=0)

            def at(number: int, now: str) -> None:
                writes.append(number)
                if (number, now) == (stopped_at, moment):
                    on.turn.stop()

            def check() -> None:
                end = assert_over(store, on)
                assert rows(store, BudgetReservation) == []
                met.add((end.status, len(rows(store, TraceSpan, task_trace_id=on.turn.id))))

            return [on.run, lambda: queueing.work(lambda: on.turn.ended, at)], check

        return stage

    in_every_order(stage_of(-1), switches=0)
    for stopped_at in range(max(writes) + 1):
        in_every_order(stage_of(stopped_at), switches=1)
    assert max(writes) == WRITES_OF_A_DELEGATION - 1
    assert {("completed", 4), ("stopped", 2), ("stopped", 3)} <= met


def assert_over(store: Store, on: Staged) -> TurnEnded:
    """The one last event of a turn whose books are closed."""
    events = [logged.event for logged in on.turn.get(0, 0)]
    [end] = [event for event in events if isinstance(event, TurnEnded)]
    assert events[-1] is end
    assert_adds_up(store, on.turn)
    assert_whole(store, on.turn)
    return end
