"""What a turn begins with beside its message: files, what was said before, its key, how much its person may ask for."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from core.clock import new_id

KEPT: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class NewAttachment:
    """A file to keep; ``reference`` is the block that stands for it in messages, ``preview`` an image's small WebP."""

    reference: dict[str, Any]
    sha256: str
    preview: bytes | None = field(repr=False)
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Once:
    """What a program names its request by; ``digest`` is the SHA-256 of the request, in hexadecimal.

    The key is good for ``kept``; one that names the turn ``instead_of`` is taken from that turn.
    """

    key: str
    digest: str
    kept: timedelta = KEPT
    instead_of: str | None = None


@dataclass(frozen=True, slots=True)
class Earlier:
    """A message that, as its sender says, came before the one that begins a conversation here: its id is the older."""

    role: Literal["user", "assistant"]
    text: str
    id: str = field(default_factory=new_id)

    @property
    def blocks(self) -> list[dict[str, str]]:
        return [{"type": "text", "text": self.text}] if self.text.strip() else []


@dataclass(frozen=True, slots=True)
class Quota:
    """How many turns a person may have running, and begin in the day from ``since`` to ``until``."""

    at_once: int
    per_day: int
    since: datetime
    until: datetime
