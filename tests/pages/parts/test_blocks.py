"""However Markdown arrives it makes the same blocks, loses nothing, and long blocks go on in further ones."""

from collections.abc import Iterable
from itertools import groupby

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pages.parts.blocks import LONGEST_BLOCK, Kind, Piece, Splitter, split
from tests.pages.parts.markdown_texts import chunkings, documents


def blocks_of(portions: Iterable[str], longest: float = LONGEST_BLOCK) -> list[Piece]:
    """What a reader has on the screen in the end."""
    splitter = Splitter(longest)
    pieces = [piece for portion in portions for piece in splitter.feed(portion)] + splitter.finish()
    assert [piece.block for piece in pieces] == sorted(piece.block for piece in pieces)
    return [_joined(list(group)) for _, group in groupby(pieces, key=lambda piece: piece.block)]


def _joined(pieces: list[Piece]) -> Piece:
    [(block, kind, language)] = {(piece.block, piece.kind, piece.language) for piece in pieces}
    return Piece(block, kind, "".join(piece.text for piece in pieces), language)


def kinds(text: str) -> list[tuple[Kind, str]]:
    return [(block.kind, block.text) for block in split(text)]


def _lines(texts: Iterable[str]) -> list[str]:
    """What is written, without blank lines and fences, whose only trace is the kind of a block."""
    lines = (line.strip() for text in texts for line in text.split("\n"))
    return [line for line in lines if line and not line.startswith(("```", "~~~"))]


@given(chunkings())
@example(("```\n  `", ["```\n ", " `"]))
def test_any_chunking_makes_the_same_blocks(case: tuple[str, list[str]]) -> None:
    text, portions = case
    assert blocks_of(portions) == blocks_of([text])
    assert blocks_of(portions, longest=5) == blocks_of([text], longest=5)


@given(chunkings())
def test_an_answer_looks_the_same_while_it_streams_and_after(case: tuple[str, list[str]]) -> None:
    text, portions = case
    assert blocks_of(portions, longest=float("inf")) == split(text)


@given(documents)
def test_no_line_is_lost_and_none_changes_its_place(text: str) -> None:
    assert _lines(block.text for block in split(text)) == _lines([text])


_CODE_LINES = st.sampled_from(
    ("x = 1", "", "    ```", "    y", "- item", "| a |", "# comment", "``", "~~~~", "`", "![x](http://a/b.png)", "1. x")
)
_FENCED = st.tuples(st.just("code"), st.lists(_CODE_LINES, min_size=1, max_size=5))
_PROSE = st.tuples(
    st.just("text"), st.lists(st.sampled_from(("words", "- item", "| a |", "", "# Heading")), min_size=1, max_size=4)
)


@given(st.lists(_FENCED | _PROSE, max_size=8), st.sampled_from(("```", "````", "```python", "  ```")))
def test_code_in_fences_is_in_code_blocks_and_nowhere_else(sections: list[tuple[str, list[str]]], fence: str) -> None:
    indent, mark = len(fence) - len(fence.lstrip()), fence.strip().removesuffix("python")
    written: list[str] = []
    expected: list[str] = []
    for kind, lines in sections:
        if kind == "code":
            written += [fence, *(" " * indent + line for line in lines), f"{' ' * indent}{mark}"]
            expected.append("".join(f"{line}\n" for line in lines))
        else:
            written += [f"{line} of the prose" if line else "" for line in lines]
    blocks = split("\n".join(written))
    assert [block.text for block in blocks if block.kind == "code"] == expected
    prose = "\n".join(block.text for block in blocks if block.kind != "code")
    assert all("of the prose" in line for line in _lines([prose]))
    assert {block.language for block in blocks if block.kind == "code"} <= {fence.strip("` ")}


@pytest.mark.parametrize("fence", ["```", "~~~"])
def test_a_fence_is_not_closed_by_one_that_its_code_shows(fence: str) -> None:
    code = f'def f():\n    """\n    {fence}\n    example\n    {fence}\n    """\n'
    assert kinds(f"{fence}python\n{code}{fence}\nafter") == [("code", code), ("text", "after")]


def test_a_tilde_fence_may_have_ticks_behind_it() -> None:
    assert kinds("~~~ the `x` of it\ncode\n~~~\n") == [("code", "code\n")]


def test_paragraphs_lists_tables_and_headings_are_blocks_of_their_own() -> None:
    text = "# Title\nwords\nmore\n\n- a\n\n  b\n- c\n\n| x |\n|---|\n| 1 |\nend\n\nlast"
    assert kinds(text) == [
        ("text", "# Title\n"),
        ("text", "words\nmore\n"),
        ("list", "- a\n\n  b\n- c\n"),
        ("table", "| x |\n|---|\n| 1 |\nend\n"),
        ("text", "last"),
    ]


def test_an_unclosed_fence_is_code_to_the_end() -> None:
    assert kinds("before\n```sh\nls\n\n# no heading") == [("text", "before\n"), ("code", "ls\n\n# no heading")]


@given(
    st.lists(st.sampled_from(("- short", "- " + "long " * 30, "  - inner", "  more words")), min_size=1, max_size=60)
)
def test_a_long_list_goes_on_in_further_blocks(lines: list[str]) -> None:
    text = "- begins\n" + "".join(f"{line}\n" for line in lines)
    blocks = blocks_of([text])
    assert "".join(block.text for block in blocks) == text
    assert {block.kind for block in blocks} == {"list"}
    assert all(block.text.startswith("- ") for block in blocks)
    assert all(len(block.text) > LONGEST_BLOCK for block in blocks[:-1])


@given(st.lists(st.text("abc |", max_size=200), max_size=40))
def test_a_long_table_repeats_its_header(cells: list[str]) -> None:
    header = "| one | two |\n|-----|-----|\n"
    rows = [f"| {cell} |\n" for cell in cells]
    first, *others = blocks_of([header, *rows])
    assert all(block.text.startswith(header) for block in others)
    assert first.text + "".join(block.text.removeprefix(header) for block in others) == header + "".join(rows)
    assert {block.kind for block in (first, *others)} == {"table"}
    assert all(len(block.text) > LONGEST_BLOCK for block in (first, *others)[:-1])


def test_a_second_table_repeats_its_own_header() -> None:
    row = f"| {'x' * 600} |\n"
    second = "| second |\n|---|\n"
    blocks = blocks_of(["| first |\n|---|\n| 1 |\n\n", second, row * 3])
    assert [block.text for block in blocks[1:]] == [second + row * 2, second + row]


def test_a_header_comes_when_it_is_whole_and_rows_as_they_are_written() -> None:
    splitter = Splitter()
    assert splitter.feed("| a | b |\n|--") == []
    assert splitter.feed("-|---|\n") == [Piece(0, "table", "| a | b |\n|---|---|\n")]
    assert splitter.feed("| 1") == [Piece(0, "table", "| 1")]


def test_a_header_is_not_parted_from_its_table() -> None:
    header = f"| {'x' * 1_300} |\n|---|\n"
    assert [block.text for block in blocks_of([header, "| 1 |\n"])] == [header, f"{header}| 1 |\n"]


@given(st.lists(st.text("abc #-|`", max_size=300).filter(lambda line: "``" not in line), max_size=40))
def test_long_code_goes_on_in_further_blocks(lines: list[str]) -> None:
    code = "".join(f"{line}\n" for line in lines)
    blocks = blocks_of(["```python\n", code, "```\n"])
    assert "".join(block.text for block in blocks) == code
    assert {(block.kind, block.language) for block in blocks} <= {("code", "python")}
    assert all(len(block.text) > LONGEST_BLOCK for block in blocks[:-1])


@given(chunkings())
def test_no_character_is_sent_twice(case: tuple[str, list[str]]) -> None:
    """But for a table's header, so that what an answer costs to draw grows as the answer does."""
    text, portions = case
    assert sum(len(block.text) for block in blocks_of(portions)) <= len(text)
