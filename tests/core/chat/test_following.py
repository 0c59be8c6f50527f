"""Answers that another process writes, as they are saved."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from core.chat.following import SAVED, Place, TurnElsewhere, WholeText
from core.chat.new_turn import Head
from core.chat.saved import SavedTurn
from core.errors import AppError, NotFound, ShuttingDown, StoreError
from core.events import TextDelta, TurnEnded, TurnStarted
from core.usage import Usage

AT = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
START = TurnStarted("trace", "conversation", "Helper", "claude-sonnet-5-5", True)
END = TurnEnded("completed", Usage(), 0, "computed", None, 1, 2)
BEGUN = SavedTurn(Head("trace", "conversation", "answer", "owner", "agent", AT), START, "One", None)


def told(
    states: list[SavedTurn | AppError | None],
    after: Place = 0,
    *,
    closing: bool = False,
    seen: Callable[[], object] = lambda: None,
) -> Iterator[object]:
    """What a reader is told who looks as often as there are states of the books after the first."""
    left = iter(states)

    def read() -> SavedTurn | None:
        state = next(left)
        if isinstance(state, AppError):
            raise state
        return state

    following = TurnElsewhere(BEGUN, after, read, seen=seen, closing=lambda: closing)
    for _ in range(len(states) + 1):
        yield from ((each.event, each.place) for each in asyncio.run(following.next(0)))


def test_what_is_saved_is_told_once_and_then_what_comes_to_it() -> None:
    more = replace(BEGUN, text="One two")
    assert list(told([BEGUN, more, StoreError("Away."), replace(more, end=END)])) == [
        (START, SAVED),
        (TextDelta("One"), SAVED),
        (TextDelta(" two"), SAVED),
        (END, SAVED),
    ]


@pytest.mark.parametrize("after", [3, SAVED])
def test_a_reader_who_has_something_is_told_the_whole_instead(after: Place) -> None:
    assert list(told([replace(BEGUN, text="Other", end=END)], after)) == [
        (WholeText("One"), SAVED),
        (WholeText("Other"), SAVED),
        (END, SAVED),
    ]


def test_a_process_that_ends_sends_its_readers_away_unless_there_is_an_end() -> None:
    with pytest.raises(ShuttingDown):
        list(told([BEGUN], closing=True))
    assert list(told([replace(BEGUN, end=END)], closing=True))[-1] == (END, SAVED)


def test_an_answer_that_is_deleted_meanwhile_is_not_there() -> None:
    with pytest.raises(NotFound):
        list(told([None]))


def test_each_look_at_what_is_still_written_says_that_somebody_is_there() -> None:
    seen: list[bool] = []
    list(told([BEGUN, StoreError("Away."), BEGUN, replace(BEGUN, end=END)], seen=lambda: seen.append(True)))
    assert len(seen) == 3
