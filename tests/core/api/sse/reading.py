"""A parser of Server-Sent Events that takes nothing but what the format allows, and what we send of it."""

import json
from dataclasses import dataclass
from typing import Any

_FIELDS = {"event", "data", "id"}


@dataclass(frozen=True)
class Read:
    name: str | None
    data: Any
    id: str | None


def read_events(body: bytes) -> list[Read]:
    """Every event whole, in ASCII, each field once, its data one JSON value; comments are passed over."""
    text = body.decode("ascii")
    assert "\r" not in text
    assert text == "" or text.endswith("\n\n")
    parts = [part for part in text.split("\n\n") if part and not part.startswith(":")]
    return [_event(part) for part in parts]


def _event(part: str) -> Read:
    fields: dict[str, str] = {}
    for line in part.split("\n"):
        name, colon, value = line.partition(": ")
        assert colon
        assert name in _FIELDS - fields.keys(), line
        fields[name] = value
    return Read(fields.get("event"), json.loads(fields["data"], parse_constant=_refuse), fields.get("id"))


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def text_of(events: list[Read]) -> str:
    """What a reader has of the answer who follows the named events."""
    text = ""
    for event in events:
        if event.name == "chunk":
            text = ("" if event.data.get("replace") else text) + event.data["text"]
    return text
