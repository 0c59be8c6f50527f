"""What is asked of the provider, with whose key, and how that is said to each model."""

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from pydantic import SecretStr

from core.provider.models import find_model

KeySource: TypeAlias = Literal["own", "organisation", "environment"]

_SMALLEST_THINKING_BUDGET = 1_024
_LARGEST_THINKING_BUDGET = 16_000


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
    """``system``, ``messages`` and ``tools`` are the Messages API's own objects, sent as they are.

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


def message_parameters(request: ModelRequest) -> dict[str, Any]:
    """The Messages API's parameters for a streamed answer."""
    parameters: dict[str, Any] = {
        "model": request.model,
        "messages": request.messages,
        "max_tokens": request.max_tokens,
        "stream": True,
    }
    if request.system:
        parameters["system"] = request.system
    if request.tools:
        parameters["tools"] = request.tools
    thinking = _thinking(request)
    if thinking is not None:
        parameters["thinking"] = thinking
    return parameters


def _thinking(request: ModelRequest) -> dict[str, Any] | None:
    """The parameter that turns thinking on or off for this model; None leaves it out.

    Where a model thinks, its thinking is asked for in readable form: with the newer models' default the stream
    would be silent while they think, though it is billed.
    """
    model = find_model(request.model)
    kind = model.thinking if model else "optional"
    if kind == "budget":
        return _budget(request)
    if request.thinking or kind == "always":
        return {"type": "adaptive", "display": "summarized"}
    return {"default": {"type": "disabled"}, "between_tools": {"type": "between_tools"}}.get(kind)


def _budget(request: ModelRequest) -> dict[str, Any] | None:
    """Half of the answer's room; too little room for the smallest budget means no thinking."""
    if not request.thinking or request.max_tokens <= _SMALLEST_THINKING_BUDGET:
        return None
    budget = min(max(request.max_tokens // 2, _SMALLEST_THINKING_BUDGET), _LARGEST_THINKING_BUDGET)
    return {"type": "enabled", "budget_tokens": budget}
