"""How a request is said to each of Anthropic's models."""

from typing import Any

from core.provider.models import find_model
from core.provider.request import ModelRequest

_SMALLEST_THINKING_BUDGET = 1_024
_LARGEST_THINKING_BUDGET = 16_000


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
