"""What a turn begins with beside its message: files to keep, its key, and how much its person may ask for."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class NewAttachment:
    """A file to keep; ``reference`` is the block that stands for it in messages, ``preview`` an image's small WebP."""

    reference: dict[str, Any]
    sha256: str
    preview: bytes | None = field(repr=False)
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Once:
    """What a program names its request by; ``digest`` is the SHA-256 of the request, in hexadecimal."""

    key: str
    digest: str


@dataclass(frozen=True, slots=True)
class Quota:
    """How many turns a person may have running, and begin in the day from ``since`` to ``until``."""

    at_once: int
    per_day: int
    since: datetime
    until: datetime
