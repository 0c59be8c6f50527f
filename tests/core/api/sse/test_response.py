"""How a stream goes out: what is ready as one piece, nothing after a refusal, no more in memory than a piece."""

import asyncio
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime

import pytest
from starlette.types import Message

from core.access.roles import Person
from core.api.sse import response
from core.api.sse.dialects import NamedEvents
from core.api.sse.response import EventStream
from core.chat.following import Followed
from core.chat.new_turn import Head
from core.errors import NotSignedIn
from core.events import TextDelta, TurnEnded
from core.usage import Usage
from tests.core.api.sse.reading import read_events, text_of

ADA = Person("ada", "Ada", "operator")
HEAD = Head("trace", "conversation", "message", ADA.id, "agent", datetime(2026, 1, 1, tzinfo=UTC))
ENDED = TurnEnded("completed", Usage(), 0, "computed", "end_turn", 1, 2)


class Batches:
    """What is followed comes in these batches."""

    head, asked, has_all = HEAD, "", False

    def __init__(self, *batches: list[Followed], pause: float = 0) -> None:
        self._batches, self._pause, self.ended = iter(batches), pause, False

    async def next(self, _seconds: float) -> list[Followed]:
        await asyncio.sleep(self._pause)
        batch = next(self._batches)
        self.ended = isinstance(batch[-1].event, TurnEnded)
        return batch

    def reading(self) -> AbstractContextManager[None]:
        return nullcontext()


def texts(*words: str) -> Iterator[Followed]:
    return (Followed(TextDelta(word), 0, place) for place, word in enumerate(words, 1))


def told(following: Batches, check: type[Exception] | None = None) -> list[bytes]:
    """The pieces of the body, as they went out."""
    pieces = list[bytes]()

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            pieces.append(message["body"])

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    def by() -> Person:
        if check is not None:
            raise check("gone")
        return ADA

    asyncio.run(EventStream(following, by, NamedEvents())({"type": "http"}, receive, send))
    return pieces


def test_all_that_is_ready_goes_out_as_one_piece() -> None:
    words = [f"{number} " for number in range(50)]
    first, last, end = told(Batches(list(texts(*words)), [Followed(ENDED, 0, 51)]))
    assert text_of(read_events(first)) == "".join(words)
    assert len(read_events(first)) == 50
    assert [event.name for event in read_events(last)] == ["cost", "done"]
    assert end == b""


def test_a_long_batch_is_told_in_pieces_that_are_bounded() -> None:
    words = ["x" * 1_000] * 500
    *pieces, end = told(Batches([*texts(*words), Followed(ENDED, 0, 501)]))
    assert end == b""
    assert max(map(len, pieces)) < response._LONGEST_PIECE + 2_000
    assert text_of(read_events(b"".join(pieces))) == "".join(words)


def test_who_may_not_read_on_is_told_so_instead_of_the_next_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(response, "CHECK_SECONDS", 0.05)
    [refused, end] = told(Batches(list(texts("a")), pause=1), NotSignedIn)
    assert [event.name for event in read_events(refused)] == ["error"]
    assert end == b""
