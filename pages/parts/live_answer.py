"""An answer while it is being written: drawn block by block from the turn's log, by any number of readers."""

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.chat.turn import Turn
from core.events import CostSoFar, RetryScheduled, TextDelta, ThinkingDelta, TurnEnded
from pages.parts.blocks import Piece, Splitter
from pages.parts.figures import so_far
from pages.parts.markdown import Guard, as_text
from pages.parts.wide import room_for

Channel: TypeAlias = Literal["thinking", "text"]

POLL_SECONDS = 0.25
FRAME_SECONDS = 1 / 20
FRAMES_A_SECOND_FOR_ALL = 400
COMFORTABLE_BLOCK = 1_500

_last_frames: dict[int, float] = {}


@dataclass(frozen=True, slots=True)
class _Shown:
    channel: Channel
    piece: Piece

    @property
    def place(self) -> tuple[Channel, int]:
        return self.channel, self.piece.block


class LiveAnswer:
    """Draws from the first event, so that a reader that comes late or again sees the same."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._seen = 0
        self._ended = False
        self._splitters: dict[Channel, Splitter] = {"thinking": Splitter(), "text": Splitter()}
        self._waiting: deque[_Shown] = deque()
        self._drawn = 0
        self._next_frame = 0.0

    def draw(self) -> None:
        """Returns when the turn has ended and all of it is drawn."""
        self._thinking, self._answer = st.container(), st.container()
        self._thoughts: DeltaGenerator | None = None
        with st.container(horizontal=True, vertical_alignment="center"):
            self._figures = st.empty()
            st.button(
                "Stop",
                key=f"stop-{self._turn.id}",
                icon=":material/stop_circle:",
                on_click=self._turn.stop,
                help="End this answer now and keep what has arrived",
            )
        self._figures.caption(so_far(None))
        while not (self._ended and not self._waiting):
            if self._waiting:
                self._draw_block()
            else:
                self._receive()

    def _draw_block(self) -> None:
        first = self._waiting[0]
        self._drawn = 0
        with self._area(first.channel):
            if first.piece.kind == "code":
                self._draw_code(first)
            else:
                with room_for(first.piece.kind):
                    st.write_stream(self._growing(first.place))

    def _area(self, channel: Channel) -> DeltaGenerator:
        if channel == "text":
            return self._answer
        if self._thoughts is None:
            self._thoughts = self._thinking.expander("Thinking", icon=":material/psychology:")
        return self._thoughts

    def _growing(self, place: tuple[Channel, int]) -> Iterator[str]:
        guard = Guard()
        while (portion := self._portion(place)) is not None:
            yield guard.feed(portion)
        yield guard.finish()

    def _draw_code(self, first: _Shown) -> None:
        slot, code = st.empty(), ""
        while (portion := self._portion(first.place)) is not None:
            code += portion
            slot.code(code.rstrip("\n"), language=first.piece.language or None)

    def _portion(self, place: tuple[Channel, int]) -> str | None:
        """What came for the block at this place; "" when nothing did for a while, None when the block is finished."""
        if not self._waiting:
            if self._ended:
                return None
            self._receive()
        portion = ""
        while self._waiting and self._waiting[0].place == place:
            portion += self._waiting.popleft().piece.text
        self._drawn += len(portion)
        return None if not portion and self._waiting else portion

    def _receive(self) -> None:
        """Wait for the next frame and for something to draw in it, but never so long that a stop goes unnoticed."""
        events = self._turn.get(self._seen, POLL_SECONDS)
        if events and (early := self._next_frame - time.monotonic()) > 0:
            time.sleep(min(early, POLL_SECONDS))
            events = self._turn.get(self._seen, 0)
        self._next_frame = time.monotonic() + frame_seconds(id(self), self._drawn)
        for logged in events:
            self._seen = logged.sequence
            self._take(logged.event)

    def _take(self, event: object) -> None:
        match event:
            case TextDelta(text):
                self._add("text", self._splitters["text"].feed(text))
            case ThinkingDelta(text):
                self._add("thinking", self._splitters["thinking"].feed(text))
            case CostSoFar():
                self._figures.caption(so_far(event))
            case RetryScheduled(attempt, reason, wait):
                first_sentence = as_text(reason.split(". ")[0])
                again = f"Trying again in {wait:.0f} s (attempt {attempt + 1})."
                self._figures.caption(f":material/refresh: {first_sentence}. {again}")
            case TurnEnded():
                self._ended = True
                for channel in self._splitters:
                    self._add(channel, self._splitters[channel].finish())

    def _add(self, channel: Channel, pieces: list[Piece]) -> None:
        self._waiting.extend(_Shown(channel, piece) for piece in pieces)


def frame_seconds(reader: int, drawn: int) -> float:
    """The time until this reader's next frame: longer for a long block, and when many read at once."""
    moment = time.monotonic()
    _last_frames[reader] = moment
    for other, at in list(_last_frames.items()):
        if moment - at > 2:
            _last_frames.pop(other, None)
    return max(FRAME_SECONDS, len(_last_frames) / FRAMES_A_SECOND_FOR_ALL) * max(1.0, drawn / COMFORTABLE_BLOCK)
