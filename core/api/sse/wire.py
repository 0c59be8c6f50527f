"""Server-Sent Events as bytes."""

import json
from typing import Any, NamedTuple

KEEPALIVE = b": still here\n\n"
_ENCODER = json.JSONEncoder(allow_nan=False, separators=(",", ":"))


def begun(place: str) -> bytes:
    """No event, but a place to go on from, for a reader who loses the connection before the first event."""
    return f": begun\nid: {place}\n\n".encode()


class WireEvent(NamedTuple):
    """``data`` is sent as JSON; ``id`` is what a reader who comes back has to name."""

    data: dict[str, Any]
    name: str | None = None
    id: str | None = None

    def encode(self) -> bytes:
        """In ASCII, so that no parser can take a character of the text for the end of a line."""
        name = "" if self.name is None else f"event: {self.name}\n"
        place = "" if self.id is None else f"id: {self.id}\n"
        return f"{name}data: {_json(self.data)}\n{place}\n".encode()


def _json(data: dict[str, Any]) -> str:
    try:
        return _ENCODER.encode(data)
    except ValueError:  # what models give to tools may hold numbers that JSON has no word for
        return _ENCODER.encode(json.loads(json.dumps(data), parse_constant=lambda _: None))
