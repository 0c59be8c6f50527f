"""Events on the wire, and chunks at their times."""

import asyncio

import pytest

from core.provider.simulator import wire
from core.provider.simulator.wire import Chunk, paced, sse

pytestmark = pytest.mark.anyio


def test_an_event_is_named_by_its_type_and_stays_on_its_line() -> None:
    event = {"type": "ping", "text": "häß\n\n"}
    assert sse(event) == 'event: ping\ndata: {"type":"ping","text":"häß\\n\\n"}\n\n'.encode()


class _Clock:
    """In place of asyncio, for what only asks for the time and sleeps."""

    def __init__(self) -> None:
        self.at = 0.0

    def get_running_loop(self) -> "_Clock":
        return self

    def time(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += seconds


async def test_a_late_chunk_does_not_shift_those_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = _Clock()
    monkeypatch.setattr(wire, "asyncio", clock)
    times = []
    async for _ in paced([Chunk(b"x", after=0.02)] * 20):
        times.append(clock.at)
        if len(times) == 3:
            clock.at += 0.2
    due = [0.02 * number for number in range(1, 21)]
    assert times == pytest.approx([*due[:3], *[0.26] * 10, *due[13:]])


async def test_a_stream_without_pauses_lets_others_have_their_turn() -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(tick())
    assert len([data async for data in paced([Chunk(b"x")] * 100)]) == 100
    other.cancel()
    assert ticks >= 50
