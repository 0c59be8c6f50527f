"""A turn as its reader follows it on an event loop: from its log where it runs, elsewhere from what is saved of it."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol, TypeAlias

from core.chat.log import EventLog
from core.chat.new_turn import Head
from core.chat.saved import SavedTool, SavedTurn
from core.clock import now
from core.errors import NotFound, ShuttingDown, StoreError
from core.events import Event, IterationStarted, Logged, TextDelta, TurnEnded

SAVED: Final = "saved"
"""The place of a reader whose text came from the books: it can only go on with the whole of it."""
END: Final = 999_999_999
"""The place of a reader who has all of an answer that has ended; no event has such a number."""
LOOK_EVERY_SECONDS = 1.0

Place: TypeAlias = int | str


@dataclass(frozen=True, slots=True)
class WholeText:
    """All of the answer so far, in place of what the reader has of it."""

    text: str


class Followed(NamedTuple):
    """``at`` is in seconds since the turn began, ``place`` what to go on from; ``known`` to a reader who came back."""

    event: Event | WholeText
    at: float
    place: Place
    known: bool = False


class Following(Protocol):
    head: Head
    ended: bool
    asked: str
    """The text of the message that is answered."""

    @property
    def has_all(self) -> bool:
        """Whether the reader has told the place of the end, so that nothing is left to tell."""
        ...

    async def next(self, seconds: float) -> list[Followed]:
        """What came since, soon after there is any, and perhaps nothing. Raises AppError if it cannot be followed."""
        ...

    def reading(self) -> AbstractContextManager[None]:
        """To be held while somebody is there."""
        ...


class LiveTurn:
    """``after`` is the place of what the reader has: 0 for nothing.

    The texts are those of the answer: a reply that follows another one begins a new paragraph.
    """

    def __init__(self, head: Head, log: EventLog, after: Place, asked: str = "") -> None:
        self.head, self.ended, self.asked = head, False, asked
        self._log, self._seen = log, 0
        self._has_end = after in (END, log.last)
        self._known = after if isinstance(after, int) and after <= log.last else 0
        self._behind = after != self._known
        self._text, self._new_reply = list[str](), False

    @property
    def has_all(self) -> bool:
        return self._has_end and self._log.ended

    async def next(self, seconds: float) -> list[Followed]:
        batch = await self._log.wait(self._seen, seconds)
        if batch:
            self._seen = batch[-1].sequence
            self.ended = isinstance(batch[-1].event, TurnEnded)
        return list(self._catch_up(batch)) if self._behind and batch else [self._follow(each) for each in batch]

    def reading(self) -> AbstractContextManager[None]:
        return self._log.reading()

    def _catch_up(self, batch: list[Logged]) -> Iterator[Followed]:
        """For a reader whose text has no place in the log."""
        self._behind = False
        so_far = batch[:-1] if self.ended else batch
        self._known = len(so_far)
        yield from map(self._follow, so_far)
        yield Followed(WholeText("".join(self._text)), batch[-1].at, self._known)
        yield from map(self._follow, batch[len(so_far) :])

    def _follow(self, logged: Logged) -> Followed:
        sequence, at, event = logged
        if isinstance(event, TextDelta):
            if event.text:
                event = TextDelta(f"\n\n{event.text}") if self._new_reply else event
                self._new_reply = False
                self._text.append(event.text)
        elif isinstance(event, IterationStarted):
            self._new_reply = bool(self._text)
        return Followed(event, at, sequence, known=sequence <= self._known)


class TurnElsewhere:
    """Looks once a second what more is saved, and each time says by ``seen`` that somebody is there.

    ``first`` was read before, ``closing`` says that this process ends.
    """

    def __init__(
        self,
        first: SavedTurn,
        after: Place,
        read: Callable[[], SavedTurn | None],
        *,
        seen: Callable[[], object],
        closing: Callable[[], bool],
    ) -> None:
        self.head, self.ended, self.asked = first.head, False, first.asked
        self.has_all = after == END and first.end is not None
        self._first: SavedTurn | None = first
        self._read, self._seen, self._closing = read, seen, closing
        self._text, self._replaces = "", after != 0
        self._tools: dict[str, SavedTool] = {}

    async def next(self, seconds: float) -> list[Followed]:
        saved, self._first = self._first, None
        if saved is not None:
            started = [] if self._replaces else [self._followed(saved.start)]
            return [*started, *self._news(saved)]
        await asyncio.sleep(min(seconds, LOOK_EVERY_SECONDS))
        try:
            saved = await asyncio.to_thread(self._read)
        except StoreError:
            return []
        if saved is None:
            raise gone()
        news = list(self._news(saved))
        if not self.ended and self._closing():
            raise ShuttingDown("The server is shutting down. Ask again in a minute for the rest of the answer.")
        return news

    def reading(self) -> AbstractContextManager[None]:
        return nullcontext()

    def _news(self, saved: SavedTurn) -> Iterator[Followed]:
        if saved.end is None:
            self._seen()
        for tool in saved.tools:
            yield from map(self._followed, tool.since(self._tools.get(tool.span_id)))
            self._tools[tool.span_id] = tool
        if self._replaces or not saved.text.startswith(self._text):
            yield self._followed(WholeText(saved.text))
        elif len(saved.text) > len(self._text):
            yield self._followed(TextDelta(saved.text[len(self._text) :]))
        self._text, self._replaces = saved.text, False
        if saved.end is not None:
            self.ended = True
            yield self._followed(saved.end)

    def _followed(self, event: Event | WholeText) -> Followed:
        return Followed(event, max(0.0, (now() - self.head.at).total_seconds()), SAVED)


def gone() -> NotFound:
    return NotFound("There is no such answer. Its id may be mistyped, or its conversation deleted.")
