"""What Streamlit would make of Markdown beyond what Markdown means: the same steps as its frontend takes.

They are in ``StreamlitMarkdown.*.js`` of the installed version; tests/browser/test_verbatim.py holds them against it.
"""

import re
from collections.abc import Iterator

from markdown_it import MarkdownIt
from markdown_it.token import Token

APART = ":small[]"
_COLOURS = "red|orange|yellow|green|blue|violet|purple|gray|grey|primary|rainbow"
_DIRECTIVE = re.compile(
    rf"(?<!:):(?:[^\W\d_][\w-]*[\[{{]|(?:(?:{_COLOURS})(?:-background|-badge)?|small|shimmer|color|help)(?![\w-]))"
)
_BOX = re.compile(r":{2,}[^\W\d_]")
_REPLACED = re.compile(
    r"(?:^|\s)(?:<->|->|<-|--|>=|<=|~=)(?=\s|$)|:material_\w+:|:streamlit:|:\+1:|:-1:|:[\w-]*[A-Za-z0-9][\w-]*:",
    re.ASCII,
)
_PARSER = MarkdownIt("commonmark", {"html": True}).enable("table").disable("text_join")


def orders(source: str) -> list[str]:
    """Return all that Streamlit would replace, take as an order or lose beyond what Markdown means."""
    renamed = source.replace(":material/", ":material_").replace(APART, "<i></i>")
    found: list[str] = []
    for token in _PARSER.parse(renamed):
        if token.type == "inline":
            found += _in_line(token)
        elif token.type in ("fence", "code_block") and ":material_" in token.content:
            found.append(token.content)
    return found


def drawn(source: str) -> str:
    """Return the words that are left when all formatting is done, line by line."""
    lines = [token for token in _PARSER.parse(source.replace(APART, "<i></i>")) if token.type == "inline"]
    return "\n".join("".join(child.content for child in each.children or [] if "text" in child.type) for each in lines)


def _in_line(token: Token) -> Iterator[str]:
    if _BOX.match(token.content):
        yield token.content
    node = ""
    for child in [*(token.children or []), Token("softbreak", "", 0)]:
        if child.type == "text" and (found := _DIRECTIVE.search(child.content)):
            yield found.group()
        if child.type == "code_inline" and ":material_" in child.content:
            yield child.content
        if child.type in ("text", "text_special"):
            node += child.content
        else:
            yield from (found.group() for found in _REPLACED.finditer(node))
            node = ""
