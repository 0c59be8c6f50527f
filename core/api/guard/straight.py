"""The straight way out for the body of an answer, past what only looks at how the answer begins.

An answer in a thousand pieces would else go through every part of the guard a thousand times.
"""

from typing import Final

from starlette.datastructures import Headers
from starlette.types import Message, Scope, Send

_KEY: Final = "command_center.straight"


class Straight:
    """Opens when the beginning has come by; what changes or drops bodies shuts it, and so does a coded body."""

    def __init__(self, send: Send) -> None:
        self._send, self._begun, self._shut = send, False, False

    def begin(self, start: Message) -> None:
        self._begun = True
        if Headers(raw=start.get("headers", [])).get("content-encoding", "identity") != "identity":
            self._shut = True

    def shut(self) -> None:
        self._shut = True

    def instead_of(self, send: Send) -> Send:
        return self._send if self._begun and not self._shut else send


def lay_straight(scope: Scope, send: Send) -> Straight:
    """By the outermost part of the guard, which tells it the beginning."""
    way: Straight = scope.setdefault(_KEY, Straight(send))
    return way


def shut_straight(scope: Scope) -> None:
    """Let every piece of this answer come by."""
    if _KEY in scope:
        scope[_KEY].shut()


def straight(scope: Scope, send: Send) -> Send:
    """Return what sends the next piece of a body that would go by ``send``."""
    way: Straight | None = scope.get(_KEY)
    return send if way is None else way.instead_of(send)
