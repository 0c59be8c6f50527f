"""Splits growing Markdown into blocks, so that finished ones are drawn once and never sent again."""

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["text", "list", "table", "code"]

LONGEST_BLOCK = 1_200
"""Characters after which a list, a table or a code fence goes on in a further block while it streams."""

_FENCE = re.compile(r"( {0,3})(`{3,}(?=[^`]*$)|~{3,})\s*([^\s`]*)")
_ITEM = re.compile(r" {0,3}(?:[-*+]|(\d{1,9})[.)])(?:\s|$)")
_HEADING = re.compile(r" {0,3}#{1,6}(?:\s|$)")
_UNDECIDED = re.compile(r"\s*(?:`{1,2}|`{3,}[^`\n]*|~{1,2}|~{3,}[^\n]*|[-*+|]|#{1,6}|\d{1,9}[.)]?)?")


@dataclass(frozen=True, slots=True)
class Piece:
    """More of block number ``block``; a code block's text comes without its fence, ``language`` from the fence."""

    block: int
    kind: Kind
    text: str
    language: str = ""


@dataclass(frozen=True, slots=True)
class _Fence:
    indent: int
    mark: str

    def closed_by(self, line: str) -> bool:
        stripped = line.strip()
        deeper = len(line) - len(line.lstrip()) > self.indent + 3  # then it is a line of the code
        return len(stripped) >= len(self.mark) and not stripped.strip(self.mark[0]) and not deeper

    def maybe_closed_by(self, start: str) -> bool:
        return not start.strip().strip(self.mark[0])

    def unindented(self, line: str) -> str:
        spaces = len(line) - len(line.lstrip(" "))
        return line[min(spaces, self.indent) :]


class Splitter:
    """Feed it text in any portions; a call costs what its portion costs, however long the whole has become."""

    def __init__(self, longest: float = LONGEST_BLOCK) -> None:
        self._longest = longest
        self._block, self._size, self._language = 0, 0, ""
        self._kind: Kind = "text"
        self._fence: _Fence | None = None
        self._line, self._sent, self._gap, self._held = "", 0, "", ""
        self._header: list[str] = []
        self._pieces: list[Piece] = []

    def feed(self, text: str) -> list[Piece]:
        """Return the pieces that are certain by now; the beginning of a line may be held back until it is clear."""
        for part in text.splitlines(keepends=True):
            self._line += part
            if self._line.endswith("\n"):
                self._take_line()
            else:
                self._take_start()
        return self._taken()

    def finish(self) -> list[Piece]:
        """Return what was held back until its line, or a table's header, should end."""
        if self._line:
            self._take_line()
        self._release()
        return self._taken()

    def _taken(self) -> list[Piece]:
        taken, self._pieces = self._pieces, []
        return taken

    def _take_start(self) -> None:
        """Pass on an unfinished line as soon as its beginning cannot change what it is."""
        if self._sent == 0:
            held = self._fence.maybe_closed_by(self._line) if self._fence else _UNDECIDED.fullmatch(self._line)
            if held:
                return
            self._begin_line()
        self._emit_line()

    def _take_line(self) -> None:
        if self._sent == 0:
            self._take_whole_line()
        else:
            self._emit_line()
        self._end_line()
        self._line, self._sent = "", 0

    def _take_whole_line(self) -> None:
        if self._fence and self._fence.closed_by(self._line):
            self._fence = None
            self._open("text")
        elif self._fence:
            self._begin_line()
            self._emit_line()
        elif not self._line.strip():
            self._gap += self._line
        elif match := _FENCE.match(self._line.rstrip("\r\n")):
            self._open("code", match[3])
            self._fence = _Fence(len(match[1]), match[2])
        else:
            self._begin_line()
            self._emit_line()

    def _begin_line(self) -> None:
        """Decide whether a new block begins with this line."""
        if self._fence:
            if self._size > self._longest:
                self._open("code", self._language)
            self._line = self._fence.unindented(self._line)
            return
        kind, gap, indented = self._line_kind(), self._gap, self._line[0] in " \t"
        self._gap = ""
        too_long = self._size > self._longest and not indented and not self._in_header()
        goes_on = self._size > 0 and self._kind == "list" and (indented or kind == "list") and not too_long
        if gap and goes_on:
            self._emit(gap)
        elif gap or self._interrupts(kind):
            self._open(kind)
        elif too_long and kind == self._kind != "text":
            self._continue(kind)

    def _line_kind(self) -> Kind:
        item = _ITEM.match(self._line)
        if item and (item[1] in (None, "1") or self._gap or self._kind == "list" or not self._size):
            return "list"
        return "table" if self._line.lstrip(" ").startswith("|") else "text"

    def _interrupts(self, kind: Kind) -> bool:
        """Return whether the line ends the block before it without a blank line between them."""
        if not self._size:
            self._kind = kind
            return False
        return bool(_HEADING.match(self._line)) or kind not in ("text", self._kind)

    def _in_header(self) -> bool:
        return self._kind == "table" and len(self._header) < 2

    def _continue(self, kind: Kind) -> None:
        header = self._header
        self._open(kind)
        self._header = header
        self._emit("".join(header))

    def _open(self, kind: Kind, language: str = "") -> None:
        self._release()
        self._block += self._size > 0
        self._kind, self._size, self._language, self._gap, self._header = kind, 0, language, "", []

    def _end_line(self) -> None:
        if self._in_header():
            self._header.append(self._line)
            if not self._in_header():
                self._release()
        if self._kind == "text" and _HEADING.match(self._line):
            self._open("text")

    def _emit_line(self) -> None:
        self._emit(self._line[self._sent :])
        self._sent = len(self._line)

    def _emit(self, text: str) -> None:
        """A table's header waits until it is whole, as before that it would be drawn as a row of bars."""
        self._size += len(text)
        self._held += text
        if not self._in_header():
            self._release()

    def _release(self) -> None:
        if self._held:
            self._pieces.append(Piece(self._block, self._kind, self._held, self._language))
        self._held = ""


def split(text: str) -> list[Piece]:
    """Return a finished text's blocks, whole ones only: one piece each."""
    splitter = Splitter(longest=float("inf"))
    blocks: dict[int, Piece] = {}
    for piece in [*splitter.feed(text), *splitter.finish()]:
        before = blocks.get(piece.block)
        blocks[piece.block] = Piece(
            piece.block, piece.kind, (before.text if before else "") + piece.text, piece.language
        )
    return list(blocks.values())
