"""A turn's log on the screen: every block in its place, and no more frames than readers can take."""

from types import SimpleNamespace

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from core.events import CostSoFar, Logged, RetryScheduled, TextDelta, ThinkingDelta
from core.usage import Usage
from pages.parts import live_answer
from pages.parts.blocks import LONGEST_BLOCK, Piece, Splitter
from pages.parts.live_answer import COMFORTABLE_BLOCK, FRAME_SECONDS, FRAMES_A_SECOND_FOR_ALL, frame_seconds
from pages.parts.markdown import safe_markdown
from tests.pages.parts.live import END, ScriptedTurn, drawn, shown


def test_the_answer_is_drawn_block_by_block() -> None:
    text = "# Title\n\nIt costs $5 ![x](http://a/b.png)\n\n- a\n- b\n\n```python\nx = 1\n```\nlast"
    app = drawn(ScriptedTurn(*(TextDelta(character) for character in text), END))
    assert shown(app) == [
        "# Title",
        "It costs \\$5 !\N{WORD JOINER}[x](http://a/b.png)",
        "- a\n- b",
        "x = 1",
        "last",
    ]
    assert app.code[0].language == "python"


def test_thinking_is_apart_from_the_answer() -> None:
    app = drawn(ScriptedTurn(ThinkingDelta("hm"), ThinkingDelta(" so"), TextDelta("Yes"), TextDelta("."), END))
    assert [element.value for element in app.expander[0].markdown] == ["hm so"]
    assert shown(app) == ["hm so", "Yes."]


def test_costs_and_retries_are_told_beside_the_answer() -> None:
    retry = RetryScheduled(1, "The provider is overloaded at the moment. Your message is kept.", 2.0)
    app = drawn(ScriptedTurn(retry, END))
    assert app.caption[0].value == (
        ":material/refresh: The provider is overloaded at the moment. Trying again in 2 s (attempt 2)."
    )
    app = drawn(ScriptedTurn(retry, CostSoFar(Usage(input=4, output=1), 1_000_000, 5), TextDelta("x"), END))
    assert app.caption[0].value == r"**≈ \$0.001000** so far (estimate) · 4 in · 1 out · first token 5 ms"


def test_an_answer_without_a_word_is_drawn_too() -> None:
    app = drawn(ScriptedTurn(END))
    assert shown(app) == []
    assert app.caption[0].value == "Waiting for the first token …"


def test_stop_reaches_the_turn() -> None:
    turn = ScriptedTurn(TextDelta("x"), END)
    drawn(turn).button(key="stop-turn").click().run()
    assert turn.stopped == 1


_TEXT = st.sampled_from(("words ", "\n", "- item\n", "```\n", "| a |\n", f"{'x' * 700}\n"))
_THOUGHTS = st.sampled_from(("hm ", "\n\n", "1. so\n"))


@settings(max_examples=15, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(st.lists(_THOUGHTS, max_size=5), st.lists(_TEXT, max_size=30))
def test_what_is_drawn_is_what_the_splitter_says(thoughts: list[str], text: list[str]) -> None:
    app = drawn(ScriptedTurn(*map(ThinkingDelta, thoughts), *map(TextDelta, text), END))
    assert shown(app) == [*_blocks("".join(thoughts)), *_blocks("".join(text))]


def _blocks(text: str) -> list[str]:
    splitter = Splitter(LONGEST_BLOCK)
    blocks: dict[int, list[Piece]] = {}
    for piece in [*splitter.feed(text), *splitter.finish()]:
        blocks.setdefault(piece.block, []).append(piece)
    return [_drawn(pieces) for pieces in blocks.values()]


def _drawn(pieces: list[Piece]) -> str:
    """Streamlit leaves out a line break that code begins with."""
    text = "".join(piece.text for piece in pieces)
    return text.rstrip("\n").removeprefix("\n") if pieces[0].kind == "code" else safe_markdown(text).strip()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time in seconds that frames are paced by, and no other reader."""
    now = [1_000.0]
    monkeypatch.setattr(live_answer, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(live_answer, "_last_frames", {})
    return now


def test_one_reader_of_a_short_block_gets_every_frame(clock: list[float]) -> None:
    assert frame_seconds(1, 0) == frame_seconds(1, COMFORTABLE_BLOCK) == FRAME_SECONDS


def test_a_long_block_is_drawn_less_often(clock: list[float]) -> None:
    assert frame_seconds(1, 3 * COMFORTABLE_BLOCK) == pytest.approx(3 * FRAME_SECONDS)


def test_many_readers_share_the_frames_until_they_have_gone(clock: list[float]) -> None:
    for reader in range(200):
        last = frame_seconds(reader, 0)
    assert last == pytest.approx(200 / FRAMES_A_SECOND_FOR_ALL)
    clock[0] += 2.1
    assert frame_seconds(0, 0) == FRAME_SECONDS


class EndlessTurn(ScriptedTurn):
    """Goes on without a word."""

    def get(self, after: int, timeout: float = 0.25) -> list[Logged]:
        return self._log.get(after, 0)


def test_t10_whoever_may_look_no_longer_sees_no_more_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_answer, "LOOK_SECONDS", 0)
    turn = EndlessTurn(TextDelta("A word. "))
    turn.most_looks = 3
    app = drawn(turn)
    assert app.error[0].value == r"No more of this is for you\."
    assert turn.stopped == 0
