"""A stop reads on all replies that arrive, also of agents that were asked, beside an upstream that keeps a bill."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from core.books.settling import NOT_SENT
from core.chat.turn import Turn
from core.events import Delegated, TextDelta, ToolProgress
from core.provider.simulator.scripted import answer_events, failed, streamed
from core.provider.simulator.wire import Chunk, WireRequest, WireResponse
from core.store.database import Store
from core.store.tables import LedgerLine, TraceSpan
from tests.core.agent.toolkit import FINAL, USAGE, asks, says
from tests.core.books.in_store import rows
from tests.core.chat.conftest import ended, events_of
from tests.core.chat.test_delegation import HELPERS_CALL, MASTERS_CALL, sessions_of
from tests.core.chat.tooling import HELPERS_MODEL, Open, Workshop, assert_adds_up, assert_whole

WORDS = tuple(f"word{number} " for number in range(30))
A, B = ("a", "ask_First", {"task": "Count."}), ("b", "ask_Second", {"task": "Count, too."})
STUCK: tuple[str, str, dict[str, str]] = ("c", "stuck", {})


def slowly(gap: float = 0.03) -> WireResponse:
    return streamed(answer_events(*WORDS, model=HELPERS_MODEL, usage=USAGE, final=FINAL), gap=gap)


def staffed(work: Open, *answers: WireResponse, seconds: float = 60) -> tuple[Workshop, list[int]]:
    """With two agents that may be asked; and the upstream's bill, to which each reply it has sent whole is added."""
    shop, bill = work(drain_stopped_seconds=seconds), list[int]()
    shop.change(delegates=(shop.helper("First"), shop.helper("Second")))
    answer = shop.script.answer

    def billed(request: WireRequest) -> WireResponse:
        given = answer(request)
        price = HELPERS_CALL if request.json()["model"] == HELPERS_MODEL else MASTERS_CALL
        if given.status != 200:
            return given
        return replace(given, chunks=_counted(list(given.chunks), lambda: bill.append(price)))

    shop.script.give(*answers)
    shop.script.answer = billed  # type: ignore[method-assign]
    return shop, bill


def _counted(chunks: list[Chunk], whole: Callable[[], object]) -> Iterator[Chunk]:
    """Sent to whoever reads it; what is hung up on is never whole."""
    yield from chunks[:-1]
    whole()
    yield chunks[-1]


def await_words(turn: Turn, agents: int) -> None:
    """Until something of the replies of so many agents was shown, however deep they are."""
    talking, seen = set[str](), 0
    while len(talking) < agents:
        for logged in turn.get(seen, 30):
            seen, event, whose = logged.sequence, logged.event, ""
            while isinstance(event, Delegated):
                whose, event = event.agent_name, event.event
            if isinstance(event, TextDelta):
                talking.add(whose)


def words_shown(turn: Turn) -> int:
    return sum("TextDelta(text='word" in str(event) for event in events_of(turn))


@pytest.mark.each_database
def test_a7_replies_of_agents_that_were_asked_are_read_to_their_ends_and_cost_what_the_bill_says(
    store: Store, work: Open
) -> None:
    """What else runs is stopped at once, nothing further is asked, and nothing more is shown."""
    shop, bill = staffed(work, asks(A, B, STUCK), slowly(), slowly())
    turn = shop.send()
    await_words(turn, 2)
    turn.stop()
    end = ended(turn)
    assert (end.status, end.basis, end.total) == ("stopped", "computed", sum(bill))
    assert sorted(bill) == sorted([MASTERS_CALL, HELPERS_CALL, HELPERS_CALL])
    assert "for its exact cost" in str(end.error_text)
    assert len(shop.script.requests) == 3
    assert 2 <= words_shown(turn) < 2 * len(WORDS)
    assert [event.status for event in events_of(turn) if isinstance(event, ToolProgress)] == ["executing"] * 3
    tools = rows(store, TraceSpan, task_trace_id=turn.id, kind="tool")
    assert {tool["status"] for tool in tools} == {"stopped"}
    master, others = sessions_of(store, turn)
    assert {master["status"], *(other["status"] for other in others)} == {"stopped"}
    assert {line["estimated"] for line in rows(store, LedgerLine, task_trace_id=turn.id)} == {False}
    assert_adds_up(store, turn)
    assert_whole(store, turn)


def test_a7_beside_a_reply_that_is_read_on_an_agent_that_waits_for_its_next_try_ends_at_once(
    store: Store, work: Open
) -> None:
    busy = failed(429, "rate_limit_error", "slow down", headers={"retry-after": "15"})
    shop, bill = staffed(work, asks(A, B), slowly(), busy, says("Never asked.", model=HELPERS_MODEL))
    turn = shop.send()
    await_words(turn, 1)
    while not any("RetryScheduled" in str(logged.event) for logged in turn.get(0, 10)):
        time.sleep(0.01)
    turn.stop()
    end = ended(turn)
    assert (end.status, end.basis, end.total) == ("stopped", "computed", sum(bill))
    assert bill == [MASTERS_CALL, HELPERS_CALL]
    assert len(shop.script.requests) == 3
    reasons = [row["cost_reason"] for row in rows(store, TraceSpan, task_trace_id=turn.id, kind="model_call")]
    assert NOT_SENT in reasons
    assert_adds_up(store, turn)


def test_a7_it_is_read_on_however_deep_it_was_asked_for(store: Store, work: Open) -> None:
    deeper = asks(("d", "ask_Second", {"task": "Count."}), model=HELPERS_MODEL)
    shop, bill = staffed(work, asks(A), deeper, slowly())
    known = {agent.name: agent.id for agent in shop.services.agents.list(shop.services.me)}
    first = shop.draft(known["First"], delegates=(known["Second"],))
    shop.services.agents.edit(shop.services.me, known["First"], first)
    turn = shop.send()
    await_words(turn, 1)
    turn.stop()
    end = ended(turn)
    assert (end.status, end.basis, end.total) == ("stopped", "computed", sum(bill))
    assert bill == [MASTERS_CALL, HELPERS_CALL, HELPERS_CALL]
    assert words_shown(turn) < len(WORDS)
    assert_adds_up(store, turn)


@pytest.mark.parametrize("again", [False, True], ids=["too slow", "told to end at once"])
def test_a7_what_is_not_whole_in_time_is_hung_up_on_and_estimated(store: Store, work: Open, again: bool) -> None:
    shop, bill = staffed(work, asks(A, B), slowly(gap=2), slowly(gap=2), seconds=600 if again else 0.3)
    turn = shop.send()
    await_words(turn, 2)
    turn.stop()
    if again:
        turn.halt("shutdown")
    end = ended(turn)
    assert (end.status, end.basis, bill) == ("stopped", "estimated", [MASTERS_CALL])
    assert_adds_up(store, turn)
