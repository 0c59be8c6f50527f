"""Numbered events, read by several readers at their own pace."""

import asyncio
import threading

from core.chat.log import EventLog
from core.events import TextDelta, TurnEnded
from core.usage import Usage

END = TurnEnded("completed", Usage(), 0, "computed", "end_turn", 1, 2)


def test_events_are_numbered_from_one_without_gaps() -> None:
    log = EventLog()
    for word in "abc":
        log.append(TextDelta(word))
    assert [(logged.sequence, logged.event) for logged in log.get(0, 0)] == [
        (1, TextDelta("a")),
        (2, TextDelta("b")),
        (3, TextDelta("c")),
    ]


def test_a_reader_continues_where_it_was_and_a_new_one_starts_at_the_beginning() -> None:
    log = EventLog()
    for word in "abc":
        log.append(TextDelta(word))
    assert [logged.sequence for logged in log.get(2, 0)] == [3]
    assert [logged.sequence for logged in log.get(0, 0)] == [1, 2, 3]


def test_a_silent_turn_answers_with_nothing_at_the_time_out() -> None:
    assert EventLog().get(0, 0.01) == []


def test_a_waiting_reader_wakes_with_the_next_event() -> None:
    log, got = EventLog(), []
    reader = threading.Thread(target=lambda: got.extend(log.get(0, 30)))
    reader.start()
    log.append(TextDelta("a"))
    reader.join(10)
    assert [logged.event for logged in got] == [TextDelta("a")]


def test_after_the_end_nobody_waits() -> None:
    log = EventLog()
    log.append(END)
    assert log.ended
    assert log.get(1, 30) == []


def test_reading_counts_as_watching() -> None:
    log = EventLog()
    threading.Event().wait(0.05)
    waited = log.unread_seconds()
    log.get(0, 0)
    assert waited >= 0.05 > log.unread_seconds()


def test_a_reader_on_a_loop_is_woken_by_another_thread_and_sees_all_there_is_by_then() -> None:
    log = EventLog()

    async def read() -> list[int]:
        waiting = asyncio.create_task(log.wait(0, 30))
        await asyncio.sleep(0)
        writer = threading.Thread(target=lambda: [log.append(TextDelta(word)) for word in "abc"])
        writer.start()
        writer.join()
        return [logged.sequence for logged in await waiting]

    assert asyncio.run(read()) == [1, 2, 3]


def test_a_reader_on_a_loop_that_is_gone_does_not_disturb_the_turn() -> None:
    log = EventLog()

    async def leave() -> None:
        assert await log.wait(0, 0.01) == []
        waiting = asyncio.create_task(log.wait(0, 30))
        await asyncio.sleep(0)
        waiting.cancel()

    asyncio.run(leave())
    log.append(END)
    assert log._wakers == []
    assert asyncio.run(log.wait(1, 30)) == []


def test_while_somebody_reads_it_never_counts_as_unread() -> None:
    log = EventLog()
    with log.reading(), log.reading():
        log._last_read -= 1_000
        assert log.unread_seconds() == 0
    assert 0 < log.unread_seconds() < 100
