"""What is taken out of Markdown that somebody else wrote, before it is drawn: images are never loaded."""

import re

_JOINER = "\N{WORD JOINER}"
_FORMULA = tuple("=+-@\t\r\n\0＝＋－＠")
_SPECIAL = re.compile(r"`+|!\[|\$(?=\d)")
_HELD = re.compile(r"(?:`+|!|\$)\Z")


class Guard:
    """Streams one block's text: an image becomes a link, a dollar sign before a figure stays a dollar sign."""

    def __init__(self) -> None:
        self._held = ""
        self._code = ""

    def feed(self, text: str) -> str:
        """The safe form of what is certain by now; a last character that may begin something is held back."""
        text = self._held + text
        held = _HELD.search(text)
        cut = held.start() if held else len(text)
        self._held = text[cut:]
        return _SPECIAL.sub(self._safe, text[:cut])

    def finish(self) -> str:
        rest, self._held = self._held, ""
        return _SPECIAL.sub(self._safe, rest)

    def _safe(self, match: re.Match[str]) -> str:
        found = match[0]
        if found == "![":
            return f"!{_JOINER}["
        if found == "$":
            return "$" if self._code else r"\$"
        if found == self._code:
            self._code = ""
        elif not self._code:
            self._code = found
        return found


def safe_markdown(text: str) -> str:
    """The safe form of a whole block."""
    guard = Guard()
    return guard.feed(text) + guard.finish()


def as_text(text: str) -> str:
    """A line of somebody's own words inside our Markdown: drawn as written, never as formatting."""
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|$~:<>&^=])", r"\\\1", " ".join(text.split()))


def as_cell(text: str) -> str:
    """Text for a table whose reader may save it as CSV: never taken for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text
