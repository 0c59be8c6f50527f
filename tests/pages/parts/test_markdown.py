"""What somebody else wrote loads no image, makes no formula, and reads as it was written."""

import re

from hypothesis import assume, example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from pages.parts.markdown import Guard, as_cell, as_text, safe_markdown
from tests.pages.parts.markdown_texts import chunkings, documents
from tests.pages.parts.streamlit_markdown import APART, drawn, orders

JOINER = "\N{WORD JOINER}"
FORMULA_BEGINS = "=+-@\t\r\n\0＝＋－＠"

_SPECIAL_TEXT = st.text("`!$[]()\\15ab \n", max_size=40)


def streamed(portions: list[str]) -> str:
    guard = Guard()
    return "".join([*(guard.feed(portion) for portion in portions), guard.finish()])


def _tokens(text: str, kind: str) -> list[str]:
    inline = [child for token in MarkdownIt().parse(text) for child in token.children or []]
    return [token.content for token in inline if token.type == kind]


@given(chunkings(_SPECIAL_TEXT | documents))
@example(("`a```", ["`a`", "``"]))
@example((f"`{'a' * 250}` $5", ["`", "a" * 150, "a" * 100, "` $", "5"]))
def test_a_stream_is_made_safe_as_the_whole_is(case: tuple[str, list[str]]) -> None:
    text, portions = case
    assert streamed(portions) == safe_markdown(text)


@given(_SPECIAL_TEXT | documents)
def test_no_image_survives(text: str) -> None:
    safe = safe_markdown(text)
    assert "![" not in safe
    assert _tokens(safe, "image") == []


@given(_SPECIAL_TEXT | documents)
@example(r"\\$1")
def test_nothing_is_taken_away(text: str) -> None:
    safe = safe_markdown(text)
    assert _without_escapes(safe.replace(JOINER, "")) == _without_escapes(text)


def _without_escapes(text: str) -> str:
    """Dollar signs plain; two backslashes before one are a backslash, not an escape."""
    return re.sub(r"(?<!\\)((?:\\\\)*)\\\$", r"\1$", text)


def test_an_image_becomes_a_link_with_its_words() -> None:
    assert safe_markdown("see ![a cat](http://x/cat.png) here") == f"see !{JOINER}[a cat](http://x/cat.png) here"
    assert safe_markdown("![a cat][ref]") == f"!{JOINER}[a cat][ref]"
    assert safe_markdown(r"\![a cat](u) \\![b](u)") == rf"\!{JOINER}[a cat](u) \\!{JOINER}[b](u)"


@given(st.text("$123. \\a!", max_size=40))
def test_a_price_is_never_a_formula(text: str) -> None:
    for dollar in re.finditer(r"(\\*)\$(?=\d)", safe_markdown(text)):
        assert len(dollar[1]) % 2 == 1, "an even number of backslashes escape each other, not the dollar sign"


def test_a_price_behind_a_lone_tick_is_a_price() -> None:
    assert safe_markdown("the ` key, $5 or $6") == r"the ` key, \$5 or \$6"
    assert safe_markdown("one ` here\n$5 and ` there") == "one ` here\n\\$5 and ` there"
    assert safe_markdown(r"an escaped \` tick, $5 and `") == r"an escaped \` tick, \$5 and `"


def test_formulas_are_left_alone() -> None:
    assert safe_markdown("$x^2$ and $$\\sum$$") == "$x^2$ and $$\\sum$$"


_SPANS = st.text("$5\\![]() ab`", min_size=1, max_size=20).map(lambda code: f"``` {code.replace('`', '``')} ```")
_WORDS = st.sampled_from(("costs $5", "words", "a \\` tick", "![x](y)", "!", "ends\n\n"))


@given(st.lists(_SPANS | _WORDS, max_size=8).map(" ".join))
def test_code_within_a_line_is_not_touched(text: str) -> None:
    expected = [code.replace("![", f"!{JOINER}[") for code in _tokens(text, "code_inline")]
    assert _tokens(safe_markdown(text), "code_inline") == expected


ORDERS = (
    ":material/home:",
    ":material_home:",
    ":material/",
    ":smile:",
    ":+1:",
    ":100:",
    ":red[x]",
    ":red-badge[x]",
    ":small[x]",
    ":help",
    ":help[x]",
    ":color[x]{foreground=red}",
    ":streamlit:",
    "::box",
    ":::box",
    "x:list[str]",
    "std::vector",
    "->",
    "<-",
    "<->",
    "--",
    ">=",
    "<=",
    "~=",
)
"""What Streamlit makes something of, each of its kind once."""

_ORDERS = st.lists(st.sampled_from((*ORDERS, "a", " ", " ", "\n", ":", "-", "*", "(", "\\")), max_size=12).map("".join)


@given(st.text(max_size=40) | st.text("`~*_#[]()!|-+.1:<>&$^=\\ \n", max_size=40) | _ORDERS)
@example("1. no list")
@example(":material/home: :red[x]")
def test_e5_a_line_of_words_is_drawn_as_written(text: str) -> None:
    words = " ".join(text.split())
    assume("\0" not in words and APART not in words)
    tokens = MarkdownIt().parse(as_text(text).replace(APART, ""))
    if not words:
        assert tokens == []
        return
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    children = tokens[1].children or []
    assert {child.type for child in children} <= {"text", "text_special"}
    assert "".join(child.content for child in children) == words
    assert not re.search(r"(?<!\\)[$:]", as_text(text).replace(APART, ""))
    assert orders(as_text(text)) == []


@given(_ORDERS)
@example("say :material/home: -> :red[x] or std::vector, 1:100:2")
@example("::box\n\n:::box")
@example("- :help\n- a -> b")
def test_e5_an_answer_gives_streamlit_no_orders_and_keeps_its_words(text: str) -> None:
    assume(APART not in text)
    safe = safe_markdown(text)
    assert orders(safe) == []
    assert drawn(safe) == drawn(text)


@given(chunkings(_ORDERS))
def test_e5_a_stream_gives_no_orders_either(case: tuple[str, list[str]]) -> None:
    text, portions = case
    assert streamed(portions) == safe_markdown(text)


def test_e5_code_and_formulas_addresses_and_tables_are_left_as_they_are() -> None:
    for text in (
        "`a -> b :red[x]` and `` :smile: ``",
        "1. Do\n\n    ```python\n    def f(x: list[int]) -> int:\n        a[x:y]\n    ```\n",
        "> ~~~\n> a -> b :smile:\n> ~~~\n",
        "    x:list[int] -> y :red[z]",
        "$a <= b$ and $$\nx ~= y\n$$",
        "see https://example.com/:id:/a:b[1] or [here](/x/:id:/y)",
        "| a | b |\n| -- | --: |\n| 1 | 2 |",
        "A heading\n--\nand words",
    ):
        assert safe_markdown(text) == text


def test_e5_what_follows_a_block_of_code_is_guarded_again() -> None:
    for begin in ("- ```\n  code\n", "> ```\n> code\n", "    code\n", "1. a\n\n    ```\n    x\n    ```\n"):
        assert orders(safe_markdown(f"{begin}:red[x] a -> b :material/home:\n")) == []


@given(st.text(max_size=20) | st.text(FORMULA_BEGINS + "a1", max_size=5))
def test_t3_a_cell_never_begins_as_a_formula(text: str) -> None:
    cell = as_cell(text)
    assert not cell.startswith(tuple(FORMULA_BEGINS))
    assert cell in (text, f"'{text}")
    assert (cell == text) is not text.startswith(tuple(FORMULA_BEGINS))
