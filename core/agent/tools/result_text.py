"""A tool's result as text that the model, the database and a page can take: clean, and not too long."""

import re

LONGEST = 50_000
"""Bytes of UTF-8 that are kept of a result."""

_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls except tab and newline
    "\u202a-\u202e\u2066-\u2069"  # what turns the direction of text around
    "\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff"  # no characters at all
    "\U000e0000-\U000e007f]"  # invisible letters
)
_INSTEAD = "\ufffd"
_BINARY_SHARE = 0.1


def size_of(text: str) -> int:
    """In bytes of UTF-8, half a surrogate pair counting as three."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def bounded(text: str, size: int) -> str:
    """The text, or as much of it as fits and a line that says of how much; a mark for each unprintable character."""
    head = text[: LONGEST + 1].replace("\r\n", "\n").replace("\r", "\n")
    clean = _UNPRINTABLE.sub(_INSTEAD, head).encode()
    if len(clean) <= LONGEST:
        return clean.decode()
    kept = clean[:LONGEST].decode(errors="ignore")
    return f"{kept}\n[Cut: these are the first {size_of(kept):,} of {size:,} bytes.]"


def is_binary(clean: str) -> bool:
    return clean.count(_INSTEAD) > len(clean) * _BINARY_SHARE
