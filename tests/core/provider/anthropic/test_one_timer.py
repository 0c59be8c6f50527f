"""One timer for all reads of a call: what ends, what goes on, and who was cancelled by whom."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from core.provider.anthropic.failures import ContentSilent
from core.provider.anthropic.patience import Patience

pytestmark = pytest.mark.anyio


async def _pieces(*pauses: float) -> AsyncIterator[bytes]:
    for pause in pauses:
        await asyncio.sleep(pause)
        yield b"x"


def _patience(deadline: float = 60, seconds: float = 60) -> Patience:
    return Patience(asyncio.get_running_loop().time() + deadline, seconds)


async def test_pieces_come_through_and_then_the_end() -> None:
    patience, pieces = _patience(), _pieces(0, 0)
    assert [await patience.read(pieces) for _ in range(3)] == [b"x", b"x", None]
    patience.stop()


async def test_the_deadline_ends_a_read_and_every_later_one() -> None:
    patience = _patience(deadline=0.05)
    pieces = _pieces(30)
    for _ in range(2):
        with pytest.raises(TimeoutError):
            await patience.read(pieces)
    assert _cancelled() == 0


async def test_silence_ends_a_read_although_pieces_come_that_are_no_content() -> None:
    patience, pieces = _patience(seconds=0.2), _pieces(*[0.02] * 500)
    assert await patience.read(pieces) == b"x"
    with pytest.raises(ContentSilent):
        await _read_all(patience, pieces)
    assert _cancelled() == 0


async def test_content_puts_silence_off() -> None:
    patience, pieces = _patience(seconds=0.4), _pieces(*[0.1] * 8)
    while await patience.read(pieces):
        patience.content_came()
    patience.stop()


async def test_time_that_the_reader_takes_is_not_the_providers_silence() -> None:
    patience, pieces = _patience(seconds=0.1), _pieces(0, 0)
    assert await patience.read(pieces) == b"x"
    await asyncio.sleep(0.35)
    assert await patience.read(pieces) == b"x"
    patience.stop()


async def test_a_deadline_that_passes_between_two_reads_ends_the_next_one_without_cancelling() -> None:
    patience, pieces = _patience(deadline=0.05), _pieces(0, 0)
    assert await patience.read(pieces) == b"x"
    await asyncio.sleep(0.15)
    with pytest.raises(TimeoutError):
        await patience.read(pieces)
    assert _cancelled() == 0


async def test_who_is_cancelled_by_others_stays_cancelled() -> None:
    patience = _patience()
    reading = asyncio.create_task(_read_all(patience, _pieces(30)))
    await asyncio.sleep(0)
    reading.cancel()
    patience._deadline = 0
    patience._look()  # both before the reader gets to know of either
    with pytest.raises(asyncio.CancelledError):
        await reading


async def test_what_is_stopped_cancels_nobody() -> None:
    patience, pieces = _patience(deadline=0.05), _pieces(0)
    assert await patience.read(pieces) == b"x"
    patience.stop()
    await asyncio.sleep(0.1)
    assert await patience.read(pieces) is None


def _cancelled() -> int:
    task = asyncio.current_task()
    assert task is not None
    return task.cancelling()


async def _read_all(patience: Patience, pieces: AsyncIterator[bytes]) -> None:
    while await patience.read(pieces):
        pass
