"""What others wrote, made fit for Streamlit's Markdown: images are never loaded, and nobody's text gives it orders.

Beyond Markdown, Streamlit draws icons (``:material/home:``), emoji (``:smile:``), colours (``:red[x]``), boxes
(``::name``) and arrows (``->``). The names it takes while it reads are escaped; what it looks for in the text that is
left is parted by an element that shows nothing, and copies as nothing.
"""

import re
from collections.abc import Iterator

_APART = ":small[]"
_JOINER = "\N{WORD JOINER}"
_FORMULA = tuple("=+-@\t\r\n\0＝＋－＠")
_LONGEST_SPAN, _LONGEST_FORMULA, _LONGEST_NAME = 200, 2_000, 60
_INDENT = 4
_SHORTCODE = rf"(?:[A-Za-z0-9_+-]{{1,{_LONGEST_NAME}}}:|material[/_])"
_SIGN = r"(?<![\w<>~=-])(?:<->|->|<-|--|>=|<=|~=)(?![\w<>~=-])"
_TOKEN = re.compile(
    rf"(?P<run>`++)(?P<span>[^\n]{{0,{_LONGEST_SPAN - 1}}}?[^`\n](?P=run)(?!`))?"
    r'|(?P<escape>\\["-/;-@\[-`{-~])|(?P<image>!\[)|(?P<tildes>~{3,})'
    r"|(?P<address>://[^\s<>\")\]]*|\]\([^\s()]*)"
    rf"|(?P<formula>\$\$(?!\d)(?:[^$\n]|\n(?!\n)){{1,{_LONGEST_FORMULA}}}\$\$(?!\d)"
    rf"|\$(?![\s\d$])[^\n$]{{0,{_LONGEST_SPAN}}}(?<!\s)\$(?!\d))|(?P<price>\$(?=\d))|(?P<dollars>\$\$?(?!\d))"
    rf"|(?P<shortcode>\\?:(?={_SHORTCODE}))|(?P<name>\\?:+(?=[^\W\d_])(?!{_SHORTCODE}))|(?P<sign>{_SIGN})"
    r"|(?P<unclear>(?:\\?:[A-Za-z0-9_+-]*|\\?:+/?|[<>~=-]+|[!$\]\\])\Z)"
)
_ORDER = re.compile(rf":(?={_SHORTCODE})|{_SIGN}")
_NAME = re.compile(rf"[A-Za-z0-9_+-]{{0,{_LONGEST_NAME}}}\Z")
_RULE = re.compile(r"[ \t>]*[|:\- \t]*\Z")
_BEFORE_FENCE = re.compile(r"[ \t]*(?:>[ \t]*|[-*+][ \t]+|\d{1,9}[.)][ \t]+)*\Z")
_INDENTED = re.compile(r" {4}| {0,3}\t")


class Guard:
    """Streams one block's text: an image becomes a link, a dollar sign before a figure stays a dollar sign.

    What is code or a formula stays as it is; a tick that is not closed soon or on its line is just a tick.
    """

    def __init__(self) -> None:
        self._text, self._done = "", 0
        self._begun = False
        self._fence, self._before_fence = "", ""
        self._indented = False

    def feed(self, text: str) -> str:
        """Return the safe form of what is certain by now; an end that may become something else is held back."""
        self._text += text
        return "".join(self._take(whole=False))

    def finish(self) -> str:
        return "".join(self._take(whole=True))

    def _take(self, *, whole: bool) -> Iterator[str]:
        if not self._begun and not (whole or self._text[:_INDENT].strip(" ") or len(self._text) >= _INDENT):
            return
        if not self._begun:
            self._begun, self._indented = True, bool(_INDENTED.match(self._text))
        place = -1
        while place < self._done < len(self._text):
            place = self._done
            if self._indented or self._fence:
                yield self._take_code(whole=whole)
            if not (self._indented or self._fence):
                yield from self._take_words(whole=whole)
        self._forget()

    def _forget(self) -> None:
        """Keep the line that is under way and the one before, which decide what their end is."""
        line = self._text.rfind("\n", 0, self._done)
        kept = self._text.rfind("\n", 0, max(line, 0)) + 1
        self._text, self._done = self._text[kept:], self._done - kept

    def _take_code(self, *, whole: bool) -> str:
        """Take the next line of a block of code; a line without an end only if no more will come."""
        end = self._text.find("\n", self._done) + 1 or (len(self._text) if whole else self._done)
        line = self._text[self._done : end]
        if line.strip() and self._is_left(line):
            self._indented, self._fence = False, ""
            return ""
        self._done = end
        marks = line.strip(" \t>\r\n")
        if self._fence and len(marks) >= len(self._fence) and not marks.strip(self._fence[0]):
            self._fence = ""
        return _safe_code(line)

    def _is_left(self, line: str) -> bool:
        """Return whether the list or quotation that holds the code has ended before this line."""
        if self._indented:
            return _INDENTED.match(line) is None
        if ">" in self._before_fence:
            return not line.lstrip().startswith(">")
        return bool(self._before_fence) and not line.startswith((" ", "\t"))

    def _take_words(self, *, whole: bool) -> Iterator[str]:
        """Take all up to the next block of code, or up to what is not certain yet."""
        for match in _TOKEN.finditer(self._text, self._done):
            yield self._text[self._done : match.start()]
            self._done = match.start()
            if not whole and self._is_open(match):
                return
            if self._opens_fence(match):
                end = self._text.find("\n", self._done) + 1 or len(self._text)
                yield self._text[self._done : end]
                self._done = end
                return
            yield self._safe(match)
            self._done = match.end()
        yield self._text[self._done :]
        self._done = len(self._text)

    def _is_open(self, match: re.Match[str]) -> bool:
        """Return whether what follows may still make something else of it."""
        rest, kind = self._text[match.end() :], match.lastgroup
        if kind in ("run", "tildes"):
            return "\n" not in rest and len(rest) <= _LONGEST_SPAN + len(match[0])
        if kind == "dollars":
            double = len(match[0]) == 2
            return ("\n\n" if double else "\n") not in rest and len(rest) <= (
                _LONGEST_FORMULA + 2 if double else _LONGEST_SPAN + 1
            )
        if kind == "name":
            return _NAME.match(rest) is not None
        if kind == "sign" and "\n" not in rest and _RULE.match(self._line(match)):
            return True
        if kind == "unclear":
            return len(match[0]) <= _LONGEST_NAME + 2
        return not rest and kind in ("span", "address", "sign", "formula")

    def _opens_fence(self, match: re.Match[str]) -> bool:
        """Note the marks that open a block of code within a list or a quotation."""
        marks = match["tildes"] or (match["run"] if match["span"] is None else None) or ""
        before = self._text[self._text.rfind("\n", 0, match.start()) + 1 : match.start()]
        if len(marks) > 2 and _BEFORE_FENCE.match(before):
            self._fence, self._before_fence = marks, before
        return bool(self._fence)

    def _safe(self, match: re.Match[str]) -> str:
        match match.lastgroup:
            case "price":
                return r"\$"
            case "image" | "span":
                return _safe_code(match[0])
            case "shortcode":
                return rf"\:{_APART}"
            case "name":
                return r"\:" * match[0].count(":")
            case "sign" if not self._is_rule(match):
                return _APART.join(match[0])
            case _:
                return match[0]

    def _is_rule(self, match: re.Match[str]) -> bool:
        """Return whether it parts a table's head from its rows, or underlines a heading."""
        line = self._line(match)
        if match[0] != "--" or not _RULE.match(line):
            return False
        start = self._text.rfind("\n", 0, match.start())
        above = self._text[self._text.rfind("\n", 0, max(start, 0)) + 1 : max(start, 0)]
        return "|" in line or (line.strip(" \t>") == "--" and bool(above.strip()))

    def _line(self, match: re.Match[str]) -> str:
        """Return the line as far as it has come."""
        end = self._text.find("\n", match.end())
        return self._text[self._text.rfind("\n", 0, match.start()) + 1 : len(self._text) if end < 0 else end]


def _safe_code(text: str) -> str:
    """Code has no escapes, so that what Streamlit replaces even there is parted by a character that is not seen."""
    return text.replace("![", f"!{_JOINER}[").replace(":material/", f":{_JOINER}material/")


def safe_markdown(text: str) -> str:
    """Return the safe form of a whole block."""
    guard = Guard()
    return guard.feed(text) + guard.finish()


def as_text(text: str) -> str:
    """Return a line of somebody's own words inside our Markdown: drawn as written, never as formatting."""
    line, place, parts = " ".join(text.split()), 0, list[str]()
    for match in _ORDER.finditer(line):
        parts += _escaped(line[place : match.start()]), _parted(match[0])
        place = match.end()
    return "".join([*parts, _escaped(line[place:])])


def _escaped(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|$~:<>&^=])", r"\\\1", text)


def _parted(order: str) -> str:
    return _escaped(order) + _APART if order == ":" else _APART.join(map(_escaped, order))


def as_cell(text: str) -> str:
    """Write text for a table whose reader may save it as CSV: never taken for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text
