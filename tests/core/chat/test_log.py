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


def test_a_reader_is_woken_once_for_all_that_is_written_at_a_stretch() -> None:
    log, looks = EventLog(), list[int]()

    async def read() -> None:
        seen = 0
        while seen < 6:
            batch = await log.wait(seen, 30)
            looks.append(len(batch))
            seen = batch[-1].sequence

    async def write() -> None:
        reading = asyncio.create_task(read())
        for _ in range(2):
            await asyncio.sleep(0.05)
            for word in "abc":
                log.append(TextDelta(word))
        await reading

    asyncio.run(write())
    assert looks == [3, 3]


def test_who_begins_to_wait_while_something_is_written_is_not_forgotten() -> None:
    """Readers on loops and in threads, against a writer that never pauses: whoever is missed would wait in vain."""
    log, rounds, got = EventLog(), 3_000, list[int]()

    def in_a_thread() -> None:
        seen = 0
        while seen < rounds:
            batch = log.get(seen, 20)
            assert batch
            seen = batch[-1].sequence
        got.append(seen)

    async def on_a_loop() -> None:
        seen = 0
        while seen < rounds:
            batch = await log.wait(seen, 20)
            assert batch
            seen = batch[-1].sequence
        got.append(seen)

    readers = [threading.Thread(target=in_a_thread) for _ in range(2)]
    readers += [threading.Thread(target=lambda: asyncio.run(on_a_loop())) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(rounds):
        log.append(TextDelta("x"))
        if number % 50 == 0:
            threading.Event().wait(0.0005)
    for reader in readers:
        reader.join(60)
    assert got == [rounds] * 4
