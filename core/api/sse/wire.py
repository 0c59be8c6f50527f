"""Server-Sent Events as bytes."""

import json
from dataclasses import dataclass
from typing import Any

from fastapi.sse import format_sse_event

KEEPALIVE = b": still here\n\n"


def begun(place: str) -> bytes:
    """No event, but a place to go on from, for a reader who loses the connection before the first event."""
    return f": begun\nid: {place}\n\n".encode()


@dataclass(frozen=True, slots=True)
class WireEvent:
    """``data`` is sent as JSON; ``id`` is what a reader who comes back has to name."""

    data: dict[str, Any]
    name: str | None = None
    id: str | None = None

    def encode(self) -> bytes:
        """In ASCII, so that no parser can take a character of the text for the end of a line."""
        return format_sse_event(data_str=_json(self.data), event=self.name, id=self.id)


def _json(data: dict[str, Any]) -> str:
    try:
        return json.dumps(data, allow_nan=False, separators=(",", ":"))
    except ValueError:  # what models give to tools may hold numbers that JSON has no word for
        return json.dumps(json.loads(json.dumps(data), parse_constant=lambda _: None), separators=(",", ":"))
