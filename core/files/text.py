"""Plain text, in the encoding that it says or shows."""

import codecs
import re
from dataclasses import dataclass

_CONTROLS = frozenset(map(chr, range(32))) - frozenset("\t\n\r\f\v\b\x1b")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks; that of UTF-32 begins as one of UTF-16 does, so it comes first."""
_DECLARED = re.compile(rb"""\s*<\?xml[^>]{0,80}\bencoding\s*=\s*["']([A-Za-z0-9._-]{2,40})["']""")
_LABELS = {"utf-8-sig": "UTF-8", "utf-8": "UTF-8", "utf-16": "UTF-16", "utf-32": "UTF-32", "cp1252": "Windows-1252"}
_BEGINNING = 160


@dataclass(frozen=True, slots=True)
class Decoded:
    """``guessed`` where the data does not say its encoding and is not UTF-8, so that it may be another one."""

    text: str
    encoding: str
    guessed: bool = False

    @property
    def beginning(self) -> str:
        """Its first words with an unusual letter, by which a wrong guess is seen."""
        place = next((at for at, letter in enumerate(self.text) if not letter.isascii()), 0)
        return " ".join(self.text[max(0, place - _BEGINNING // 2) :][:_BEGINNING].split())


def as_plain_text(data: bytes) -> str | None:
    """Return the text, without a byte order mark; None if it is none, or holds control characters no text has."""
    decoded = decode(data)
    return None if decoded is None else decoded.text


def decode(data: bytes) -> Decoded | None:
    """Decode by its byte order mark, by what it declares, as UTF-8, else as Windows-1252 as older programs save it."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _decoded(data, encoding)
    return (
        _as_declared(data) or _decoded(data, "utf-8") or _without_mark(data) or _decoded(data, "cp1252", guessed=True)
    )


def _as_declared(data: bytes) -> Decoded | None:
    found = _DECLARED.match(data[:200])
    if found is None:
        return None
    try:
        name = codecs.lookup(found[1].decode()).name
    except LookupError:
        return None
    return _decoded(data, name)


def _without_mark(data: bytes) -> Decoded | None:
    """UTF-16 of which every second byte is zero, as that of Latin letters is."""
    for parity, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        half = data[parity:200:2]
        if len(data) % 2 == 0 and half and half.count(0) > len(half) * 0.7:
            return _decoded(data, encoding, guessed=True)
    return None


def _decoded(data: bytes, encoding: str, *, guessed: bool = False) -> Decoded | None:
    try:
        text = data.decode(encoding)
    except (UnicodeError, LookupError, ValueError):
        return None
    if not isinstance(text, str) or not _CONTROLS.isdisjoint(text):
        return None
    return Decoded(text, _LABELS.get(encoding, encoding.upper()), guessed)
