"""Text that every database takes: a message is never lost over a character that cannot be stored."""

from sqlalchemy import Dialect, Text
from sqlalchemy.types import TypeDecorator

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def storable(text: str) -> str:
    """The text with NUL and lone surrogates, which no column takes, each as U+FFFD; halves that meet become one.

    JSON columns need none of this: they keep any string exactly.
    """
    if not text.isascii():
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text.replace("\0", _REPLACEMENT)


class StorableText(TypeDecorator[str]):
    """A text column that makes what is written to it, or compared with it, storable."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, _: Dialect) -> str | None:
        return None if value is None else storable(value)
