"""Server-Sent Events as bytes."""

import json
from typing import Any, NamedTuple

import orjson

KEEPALIVE = b": still here\n\n"
_ENCODER = json.JSONEncoder(allow_nan=False, separators=(",", ":"))


def begun(place: str) -> bytes:
    """No event, but a place to go on from, for a reader who loses the connection before the first event."""
    return f": begun\nid: {place}\n\n".encode()


class WireEvent(NamedTuple):
    """``data`` is sent as JSON."""

    data: dict[str, Any]
    name: str | None = None

    def encode(self, place: str | None = None) -> bytes:
        """In ASCII, so that no parser can take a character of the text for the end of a line.

        ``place`` is what a reader who comes back has to name.
        """
        name = b"" if self.name is None else b"event: %b\n" % self.name.encode()
        at = b"" if place is None else b"id: %b\n" % place.encode()
        return b"%bdata: %b\n%b\n" % (name, _json(self.data), at)


def _json(data: dict[str, Any]) -> bytes:
    """Numbers that JSON has no word for, which what models give to tools may hold, become null."""
    try:
        told = orjson.dumps(data)
    except TypeError:  # half a character, or a number too large for it
        told = b""
    return told if told and told.isascii() else _in_ascii(data)


def _in_ascii(data: dict[str, Any]) -> bytes:
    try:
        return _ENCODER.encode(data).encode()
    except ValueError:
        return _ENCODER.encode(json.loads(json.dumps(data), parse_constant=lambda _: None)).encode()
