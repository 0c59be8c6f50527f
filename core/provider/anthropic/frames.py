"""The provider's stream of events, from bytes to JSON."""

import json
from typing import Any

import orjson

PING, ERROR = b"ping", b"error"


class Frames:
    """Takes bytes as they come and gives the events that are whole, each with its name and its data as they stand.

    As the SDK has it: an event without a name is none, and one that the stream breaks off in is dropped.
    """

    def __init__(self) -> None:
        self._left = b""

    def feed(self, data: bytes) -> list[tuple[bytes, bytes]]:
        data = self._left + data
        held = b""
        if b"\r" in data:
            # What follows the last one decides whether it is a line's end or half of one.
            held = b"\r" if data.endswith(b"\r") else b""
            data = data.removesuffix(held).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *whole, left = data.split(b"\n\n")
        self._left = left + held
        return [event for frame in whole if (event := _event(frame)) is not None]


def _event(frame: bytes) -> tuple[bytes, bytes] | None:
    name, data = b"", list[bytes]()
    for line in frame.split(b"\n"):
        field, _, value = line.partition(b":")
        value = value[1:] if value.startswith(b" ") else value
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value
    text = b"\n".join(data)
    return (name, text) if name and (text or name == ERROR) else None


def read_json(data: bytes) -> Any:
    """Raises ValueError for what is no JSON."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        # It is stricter: half a character, and numbers that JSON has no word for, are let pass as they always were.
        return json.loads(data.decode())
