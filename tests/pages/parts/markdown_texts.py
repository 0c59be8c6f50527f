"""Strategies for Markdown as models write it, and for text that only looks a little like it."""

from hypothesis import strategies as st

LINES = (
    "",
    "  ",
    "Plain words go here",
    "   indented by three",
    "    indented by four",
    "\tafter a tab",
    "# Heading",
    "### Deeper heading ###",
    "#hashtag",
    "- item",
    "* item with *emphasis*",
    "  - inner item",
    "-not an item",
    "**bold** begins the line",
    "---",
    "1. first",
    "27) later",
    "1984 was a year",
    "| a | b |",
    "|---|---|",
    "  | c | d |",
    "> quoted",
    "`code` begins the line",
    "``two `` ticks",
    "~~struck~~",
    "It costs $5 or $6.50",
    "An image ![x](http://127.0.0.1/a.png)",
    "```",
    "```python",
    "  ```js",
    "    ```",
    "````",
    "``` `not` a fence",
    "~~~",
    "~~~ text",
    "ends in a return\r",
    "a\u2028separator and a\x0btab",
)
_LOOKALIKE = st.text("`~-*#|1.)> \t\r\nab$![]\\\u2028", max_size=60)

documents = st.lists(st.sampled_from(LINES) | _LOOKALIKE, max_size=20).map("\n".join) | _LOOKALIKE


@st.composite
def chunkings(draw: st.DrawFn, texts: st.SearchStrategy[str] = documents) -> tuple[str, list[str]]:
    """A text and the same text in pieces, empty ones among them."""
    text = draw(texts)
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=12)))
    return text, [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
