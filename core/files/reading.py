"""Readers of files that somebody else made."""

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Unreadable(Exception):
    """The file is not what it begins like, or it is damaged."""


class TooManyPixels(Unreadable):
    """An image so large that it is not even looked at."""


class TooMuch(Unreadable):
    """To open it would take more memory or time than there is for one file."""


class Encrypted(Unreadable):
    """A PDF that is protected by a password, if only against changes."""


def read_carefully(reader: Callable[[bytes], T], data: bytes) -> T:
    """Return what the reader makes of the data. Raises Unreadable for whatever goes wrong in it."""
    try:
        return reader(data)
    except Unreadable:
        raise
    except Exception as error:  # the libraries raise all sorts of things at damaged files
        raise Unreadable from error
