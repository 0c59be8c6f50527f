"""What is asked of a provider, and with whose key.

Messages, blocks and tools have the Messages API's shapes, because those are what is stored. They are ours all the same:
a provider with another wire translates them at its edge.
"""

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from pydantic import SecretStr

KeySource: TypeAlias = Literal["own", "organisation", "environment"]


@dataclass(frozen=True, slots=True)
class CallKey:
    """What the provider is called with, and whose it is."""

    secret: SecretStr
    source: KeySource

    @property
    def label(self) -> str:
        """Return its last four characters, by which people tell keys apart."""
        return f"…{self.secret.get_secret_value()[-4:]}"


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """``system``, ``messages`` and ``tools`` are objects as the Messages API has them.

    Without a ``key`` the simulated provider is asked.
    """

    model: str
    system: list[dict[str, Any]]
    messages: list[dict[str, Any]]
    max_tokens: int
    thinking: bool
    tools: list[dict[str, Any]] = field(default_factory=list)
    key: CallKey | None = None

    @property
    def simulated(self) -> bool:
        return self.key is None
