"""Events on the wire, and chunks at their times."""

import asyncio
import time

import pytest

from core.provider.simulator.wire import Chunk, paced, sse

pytestmark = pytest.mark.anyio


def test_an_event_is_named_by_its_type_and_stays_on_its_line() -> None:
    event = {"type": "ping", "text": "häß\n\n"}
    assert sse(event) == 'event: ping\ndata: {"type":"ping","text":"häß\\n\\n"}\n\n'.encode()


async def test_a_late_chunk_does_not_shift_those_after_it() -> None:
    chunks = [Chunk(b"x", after=0.02)] * 20
    started = time.monotonic()
    async for _ in paced(chunks):
        if time.monotonic() - started < 0.1:
            await asyncio.sleep(0.35)
    assert 0.4 <= time.monotonic() - started < 0.7


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
