"""The title that a conversation gets from its first message."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.conversations.conversations import title_from


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Hello", "Hello"),
        ("\n  \n  First   line \nSecond", "First line"),
        ("", "New conversation"),
        (" \n ", "New conversation"),
        ("word " * 30, "word word word word word word word word word word word word…"),
        ("x" * 60, "x" * 60),
        ("x" * 61, "x" * 60 + "…"),
        ("Why " + "x" * 70, "Why…"),
        ("y" * 59 + " z", "y" * 59 + "…"),
    ],
)
def test_a_title_is_the_first_line_cut_at_a_word(text: str, title: str) -> None:
    assert title_from(text) == title


@given(st.text())
def test_every_message_gives_a_short_title_of_one_line(text: str) -> None:
    title = title_from(text)
    assert 0 < len(title) <= 61
    assert title == " ".join(title.split())
