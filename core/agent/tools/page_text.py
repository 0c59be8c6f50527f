"""The readable text of an HTML page, in time that grows with its length whatever is in it."""

import re
from collections.abc import Mapping
from typing import Any

from lxml import etree

_HIDDEN = frozenset({"script", "style", "template", "noscript", "svg", "iframe", "object"})
_CELLS = frozenset({"td", "th"})
# What does not end a line; all other tags do, also those that nobody has thought of yet.
_INLINE = frozenset(
    {
        *{"a", "abbr", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font", "i", "img"},
        *{"input", "ins", "kbd", "label", "mark", "q", "s", "samp", "small", "span", "strike", "strong", "sub", "sup"},
        *{"time", "tt", "u", "var", "wbr"},
    }
)
_SPACES = re.compile(r"\s+")


def page_text(page: bytes, encoding: str | None) -> str:
    """Return the page's title and then its text, a line for each block; ``encoding`` is the server's or None."""
    lines: Any = _Lines()
    try:
        parser = etree.HTMLParser(target=lines, encoding=encoding, no_network=True)
    except LookupError:
        parser = etree.HTMLParser(target=lines, no_network=True)
    parser.feed(page)
    parser.close()
    return str(lines)


class _Lines:
    """Takes the parser's events. No tree is built: one would take ever longer the deeper a page nests."""

    def __init__(self) -> None:
        self._lines: list[list[str]] = [[]]
        self._hidden = 0

    def start(self, tag: str, _attributes: Mapping[str, str]) -> None:
        self._hidden += tag in _HIDDEN
        self._separate(tag)

    def end(self, tag: str) -> None:
        self._hidden -= tag in _HIDDEN
        if tag not in _CELLS:
            self._separate(tag)

    def data(self, text: str) -> None:
        if not self._hidden:
            self._lines[-1].append(text)

    def close(self) -> None:
        """The parser asks for it."""

    def __str__(self) -> str:
        lines = (_SPACES.sub(" ", "".join(line)).strip() for line in self._lines)
        return "\n".join(line for line in lines if line)

    def _separate(self, tag: str) -> None:
        if tag in _CELLS:
            self._lines[-1].append(" | " if self._lines[-1] else "")
        elif tag not in _INLINE:
            self._lines.append([])
