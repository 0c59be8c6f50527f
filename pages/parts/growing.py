"""Text that grows on the screen: split into blocks, of which only the one that grows is sent again."""

from collections.abc import Callable, Iterator
from typing import Literal, Protocol, TypeAlias

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.parts.blocks import Piece, Splitter
from pages.parts.markdown import Guard
from pages.parts.wide import room_for

Channel: TypeAlias = Literal["thinking", "text"]
GoesOn: TypeAlias = Callable[[], bool]


class Part(Protocol):
    """Something on the screen that changes; ``size`` is about how much is sent to draw it."""

    @property
    def size(self) -> int: ...

    def draw(self, goes_on: GoesOn, /) -> None:
        """Draw it as it is; ``goes_on`` waits for a change, and says if this part may follow it at once."""


Changed: TypeAlias = dict[Part, None]
"""The parts that are to be drawn, in the order in which they changed."""


class TextBlock:
    """A paragraph, list, table or code block in its own place, however many others grow at the same time."""

    def __init__(self, piece: Piece) -> None:
        self._kind, self._language = piece.kind, piece.language
        self._text = ""
        with room_for(piece.kind):
            self._slot = st.empty()

    @property
    def size(self) -> int:
        return len(self._text)

    def add(self, text: str) -> None:
        self._text += text

    def draw(self, goes_on: GoesOn) -> None:
        if self._kind == "code":
            self._slot.code(self._text.rstrip("\n"), language=self._language or None)
        else:
            self._slot.write_stream(self._portions(goes_on))

    def _portions(self, goes_on: GoesOn) -> Iterator[str]:
        """Give the text from its beginning, because each stream starts Streamlit's element again."""
        guard, given = Guard(), 0
        while True:
            portion, given = self._text[given:], len(self._text)
            yield guard.feed(portion)
            if not goes_on():
                break
        yield guard.finish()


def thinking() -> DeltaGenerator:
    """Return the folded place for what a model thinks, where the script draws now."""
    return st.expander("Thinking", icon=":material/psychology:", type="compact")


class Section:
    """What is said, or thought, at a stretch; its first words open it within ``area``."""

    def __init__(self, channel: Channel, area: DeltaGenerator, changed: Changed) -> None:
        self.channel, self._changed = channel, changed
        self._splitter, self._blocks = Splitter(), dict[int, TextBlock]()
        with area:
            self._area = thinking() if channel == "thinking" else st.container()

    def write(self, text: str) -> None:
        self._add(self._splitter.feed(text))

    def finish(self) -> None:
        self._add(self._splitter.finish())

    def _add(self, pieces: list[Piece]) -> None:
        for piece in pieces:
            if piece.block not in self._blocks:
                with self._area:
                    self._blocks[piece.block] = TextBlock(piece)
            self._blocks[piece.block].add(piece.text)
            self._changed[self._blocks[piece.block]] = None
