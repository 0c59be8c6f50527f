"""What the provider's stream tells the engine, in order.

AttemptStarting, then (AttemptFailed, AttemptStarting)*, then ReplyStarted, (TextDelta | ThinkingDelta | ToolDetected)*,
ReplyEnded.
A failure that no further attempt follows is raised as a ProviderError at any point.
"""

from dataclasses import dataclass, field
from typing import TypeAlias

from core.errors import ProviderError
from core.events import TextDelta, ThinkingDelta, ToolDetected
from core.provider.passage import Passage
from core.provider.reply import Reply


@dataclass(frozen=True, slots=True)
class AttemptStarting:
    """The call is made when the generator is resumed; attempts count from 1.

    ``passage`` lives: it tells how far the request has come.
    """

    attempt: int
    passage: Passage = field(default_factory=Passage, compare=False)


@dataclass(frozen=True, slots=True)
class AttemptFailed:
    """This attempt brought nothing; the next one starts after ``wait_seconds``."""

    attempt: int
    error: ProviderError
    wait_seconds: float


@dataclass(frozen=True, slots=True)
class ReplyStarted:
    """``reply`` lives: it grows with every later event."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class ReplyEnded:
    reply: Reply


ProviderEvent: TypeAlias = (
    AttemptStarting | AttemptFailed | ReplyStarted | TextDelta | ThinkingDelta | ToolDetected | ReplyEnded
)
