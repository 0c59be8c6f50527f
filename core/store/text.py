"""Text that every database takes: a message is never lost over a character that cannot be stored."""

import re

from sqlalchemy import Dialect, Text
from sqlalchemy.types import TypeDecorator

from core.errors import InputError

_UNSENDABLE = re.compile("[\0\ud800-\udfff]")
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def storable(text: str) -> str:
    """Return the text with NUL and lone surrogates, which no column takes, each as U+FFFD; halves that meet become one.

    JSON columns need none of this: they keep any string exactly.
    """
    if not text.isascii():
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text.replace("\0", _REPLACEMENT)


def whole_characters(text: str, what: str) -> str:
    """Return the text, if every database and provider takes it as it is.

    Raises InputError, which says what and where.
    """
    bad = _UNSENDABLE.search(text)
    if bad is None:
        return text
    kind = "the character NUL" if bad[0] == "\0" else f"half of a character (\\u{ord(bad[0]):x})"
    raise InputError(f"{what} has {kind} at place {bad.start() + 1:,}, which cannot be sent. Remove it and try again.")


class StorableText(TypeDecorator[str]):
    """A text column that makes what is written to it, or compared with it, storable."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, _: Dialect) -> str | None:
        return None if value is None else storable(value)
