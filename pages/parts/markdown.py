"""What is taken out of Markdown that somebody else wrote, before it is drawn: images are never loaded."""

import re

_JOINER = "\N{WORD JOINER}"
_FORMULA = tuple("=+-@\t\r\n\0＝＋－＠")
_LONGEST_SPAN = 200
_TOKEN = re.compile(
    rf"(?P<run>`++)(?P<span>[^\n]{{0,{_LONGEST_SPAN - 1}}}?[^`\n](?P=run)(?!`))?"
    r'|(?P<escape>\\["-/:-@\[-`{-~])|(?P<image>!\[)|(?P<price>\$(?=\d))|(?P<unclear>[!$\\]\Z)'
)


class Guard:
    """Streams one block's text: an image becomes a link, a dollar sign before a figure stays a dollar sign.

    What is code within a line stays as it is; a tick that is not closed soon or on its line is just a tick.
    """

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> str:
        """The safe form of what is certain by now; an end that may become something else is held back."""
        text = self._held + text
        cut = next((match.start() for match in _TOKEN.finditer(text) if _is_open(match)), len(text))
        self._held = text[cut:]
        return _TOKEN.sub(_safe, text[:cut])

    def finish(self) -> str:
        rest, self._held = self._held, ""
        return _TOKEN.sub(_safe, rest)


def _is_open(match: re.Match[str]) -> bool:
    """Whether what follows may still make something else of it."""
    if match.lastgroup != "run":
        return match.lastgroup == "unclear" or (match.lastgroup == "span" and match.end() == len(match.string))
    following = match.string[match.end() :]
    return "\n" not in following and len(following) <= _LONGEST_SPAN + len(match["run"])


def _safe(match: re.Match[str]) -> str:
    if match.lastgroup == "price":
        return r"\$"
    return match[0] if match.lastgroup == "escape" else match[0].replace("![", f"!{_JOINER}[")


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
