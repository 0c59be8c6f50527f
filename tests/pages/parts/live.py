"""A turn whose log is written ahead, and what a reader of it draws."""

from typing import Any

import streamlit as st
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Code, Markdown

from core.chat.log import EventLog
from core.errors import NotAllowed
from core.events import Event, Logged, TurnEnded
from core.usage import Usage

END = TurnEnded("completed", Usage(output=3), 75_000, "computed", "end_turn", 12, 340)


class ScriptedTurn:
    """What a reader sees of a turn, written ahead; where it does not end, the reader is sent away."""

    id = "turn"
    most_looks = 1_000_000

    def __init__(self, *events: Event) -> None:
        self._log = EventLog()
        self.stopped = self.looks = 0
        self.decided: list[tuple[str, bool, str]] = []
        self.tell(*events)

    def tell(self, *events: Event) -> None:
        for event in events:
            self._log.append(event)

    def get(self, after: int, timeout: float = 0.25) -> list[Logged]:
        events = self._log.get(after, 0)
        if not events and not self._log.ended:
            st.stop()
        return events

    def may_look(self) -> None:
        self.looks += 1
        if self.looks > self.most_looks:
            raise NotAllowed("No more of this is for you.")

    def decide(self, span_id: str, approved: bool, reason: str) -> None:
        self.decided.append((span_id, approved, reason))

    def stop(self) -> None:
        self.stopped += 1
        self._log.append(END)


def script(turn: "Any") -> None:  # as text: the body runs as a file of its own
    from pages.parts.live_answer import LiveAnswer
    from pages.parts.problems import told

    with told():
        LiveAnswer(turn, turn.decide, turn.may_look).draw()


def drawn(turn: ScriptedTurn) -> AppTest:
    app = AppTest.from_function(script, kwargs={"turn": turn}, default_timeout=30).run()
    assert not app.exception
    return app


def shown(app: AppTest) -> list[str]:
    """The Markdown and the code on the page, in order, without captions."""
    return [element.value for element in app.main if isinstance(element, Markdown | Code) and element.type != "caption"]
