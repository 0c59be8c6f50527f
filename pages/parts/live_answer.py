"""An answer while it is being written: drawn from the turn's log as it grows, by any number of readers."""

import time
from collections.abc import Callable
from functools import partial

import streamlit as st

from core.chat.turn import Turn
from core.events import CostSoFar, Delegated, Event, RetryScheduled, ServerChanged, TurnEnded, TurnStarted, Warned
from pages.parts.approval import Decide
from pages.parts.figures import so_far
from pages.parts.growing import Changed, Part
from pages.parts.lane import Lane
from pages.parts.markdown import as_text
from pages.parts.problems import attempt

POLL_SECONDS = 0.25
LOOK_SECONDS = 2.0
FRAME_SECONDS = 1 / 20
FRAMES_A_SECOND_FOR_ALL = 400
COMFORTABLE_BLOCK = 1_500

_last_frames: dict[int, float] = {}


class LiveAnswer:
    """Draws from the first event, so that a reader that comes late or again sees the same.

    ``may_look`` is asked now and then, and raises when the reader may see no more of it.
    """

    def __init__(self, turn: Turn, decide: Decide, may_look: Callable[[], object]) -> None:
        self._turn, self._decide, self._may_look = turn, decide, may_look
        self._seen = 0
        self._ended = False
        self._changed: Changed = {}
        self._warnings: list[str] = []
        self._next_frame = 0.0
        self._next_look = time.monotonic() + LOOK_SECONDS

    def draw(self) -> None:
        """Returns when the turn has ended and all of it is drawn."""
        self._above = st.container()
        self._lane = Lane(st.container(), self._changed, self._decide)
        with st.container(horizontal=True, vertical_alignment="center", wrap=False):
            self._figures = st.empty()
            st.button(
                "Stop",
                key=f"stop-{self._turn.id}",
                icon=":material/stop_circle:",
                on_click=attempt,
                args=(self._stop,),
                help="End this answer now and keep what has arrived",
            )
        self._figures.caption(so_far(None))
        while self._changed or not self._ended:
            if self._changed:
                part = next(iter(self._changed))
                del self._changed[part]
                part.draw(partial(self._goes_on, part))
            else:
                self._receive()

    def _stop(self) -> None:
        self._may_look()
        self._turn.stop()

    def _goes_on(self, part: Part) -> bool:
        """Wait until something changes, unless something has already; whether it is this part."""
        if self._changed:
            return False
        while not (self._changed or self._ended):
            self._receive()
        grown = part in self._changed
        self._changed.pop(part, None)
        return grown

    def _receive(self) -> None:
        """Wait for the next frame and for something to draw in it, but never so long that a click goes unnoticed."""
        if time.monotonic() >= self._next_look:
            self._may_look()
            self._next_look = time.monotonic() + LOOK_SECONDS
        events = self._turn.get(self._seen, POLL_SECONDS)
        if events and (early := self._next_frame - time.monotonic()) > 0:
            time.sleep(min(early, POLL_SECONDS))
            events = self._turn.get(self._seen, 0)
        for logged in events:
            self._seen = logged.sequence
            self._take(logged.event)
        if not events:
            st.session_state.get("waits")  # Streamlit ends a script only where it draws or looks at its session
        self._next_frame = time.monotonic() + frame_seconds(id(self), sum(part.size for part in self._changed))

    def _take(self, event: Event) -> None:
        match innermost(event):
            case RetryScheduled(attempt, reason, wait):
                first_sentence = as_text(reason.split(". ")[0])
                again = f"Trying again in {wait:.0f} s (attempt {attempt + 1})."
                self._figures.caption(f":material/refresh: {first_sentence}. {again}")
            case Warned(text):
                self._warn(text)
            case ServerChanged(name, condition):
                said = as_text(f"Server {name}: {condition}")
                self._figures.caption(f":material/cable: {said}")
        match event:
            case TurnStarted():
                pass
            case CostSoFar():
                self._figures.caption(so_far(event))
            case TurnEnded():
                self._ended = True
                self._lane.finish()
            case _:
                self._lane.take(event)

    def _warn(self, text: str) -> None:
        if text not in self._warnings:
            self._warnings.append(text)
            self._above.warning(as_text(text), icon=":material/warning:")


def innermost(event: Event) -> Event:
    """Return what happened, without who was asked to do it by whom."""
    while isinstance(event, Delegated):
        event = event.event
    return event


def frame_seconds(reader: int, drawn: int) -> float:
    """Return the time until this reader's next frame: longer for long blocks, and when many read at once."""
    moment = time.monotonic()
    _last_frames[reader] = moment
    for other, at in list(_last_frames.items()):
        if moment - at > 2:
            _last_frames.pop(other, None)
    return max(FRAME_SECONDS, len(_last_frames) / FRAMES_A_SECOND_FOR_ALL) * max(1.0, drawn / COMFORTABLE_BLOCK)
