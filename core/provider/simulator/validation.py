"""The checks the API makes before it answers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from core.provider.models import Model, find_model
from core.provider.simulator.media_rules import media_faults
from core.provider.simulator.signatures import signature_is_ours
from core.provider.simulator.tool_rules import paused_at, tool_faults

_LARGEST_REQUEST_BYTES = 32_000_000
_MOST_BREAKPOINTS = 4
_WRONG_KEYS = ("wrong", "invalid")


@dataclass
class Rejection(Exception):
    """An answer with an error status; ``retry_after`` is in seconds."""

    status: int
    type: str
    message: str
    retry_after: float | None = None
    error_code: str | None = None


def check_key(headers: Mapping[str, str]) -> None:
    """Any key will do but none, or one that says it is wrong."""
    bearer = headers.get("authorization", "").removeprefix("Bearer ").strip()
    key = headers.get("x-api-key") or bearer
    if not key or any(wrong in key for wrong in _WRONG_KEYS):
        raise Rejection(401, "authentication_error", "invalid x-api-key")


def check_size(body: bytes) -> None:
    if len(body) > _LARGEST_REQUEST_BYTES:
        raise Rejection(413, "request_too_large", "Request exceeds the maximum size")


def check_body(body: Any) -> Model:
    """The model of a request that can be answered; raises Rejection as the API would."""
    if not isinstance(body, dict):
        raise _invalid("the request body is not a JSON object")
    model = _known_model(body)
    _check_max_tokens(body, model)
    _check_messages(body.get("messages"))
    for fault in media_faults(body["messages"], model):
        raise _invalid(fault)
    _check_tools(body)
    _check_thinking(body, model)
    _check_breakpoints(body)
    for name in ("temperature", "top_p", "top_k"):
        if name in body:
            raise _invalid(f"{name}: not supported by this version of the API")
    return model


def check_length(tokens: int, max_tokens: int, model: Model) -> None:
    if tokens > model.context_window:
        raise _invalid(f"prompt is too long: {tokens} tokens > {model.context_window} maximum")
    if tokens + max_tokens > model.context_window and model.thinking == "budget":
        raise _invalid(
            f"input length and `max_tokens` exceed context limit: {tokens} + {max_tokens} > {model.context_window}, "
            "decrease input length or `max_tokens`; the context window is full"
        )


def _invalid(message: str) -> Rejection:
    return Rejection(400, "invalid_request_error", message)


def _known_model(body: dict[str, Any]) -> Model:
    name = body.get("model")
    if not isinstance(name, str):
        raise _invalid("model: Field required")
    model = find_model(name)
    if model is None:
        raise Rejection(404, "not_found_error", f"model: {name}")
    return model


def _check_max_tokens(body: dict[str, Any], model: Model) -> None:
    limit = body.get("max_tokens")
    if limit is None:
        raise _invalid("max_tokens: Field required")
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise _invalid("max_tokens: Input should be greater than or equal to 1")
    if limit > model.max_output_tokens:
        raise _invalid(
            f"max_tokens: {limit} > {model.max_output_tokens}, which is the maximum allowed number of output tokens "
            f"for {model.id}"
        )


def _check_messages(messages: Any) -> None:
    if not isinstance(messages, list) or not messages:
        raise _invalid("messages: at least one message is required")
    for index, message in enumerate(messages):
        if not isinstance(message, dict) or message.get("role") not in ("user", "assistant"):
            raise _invalid(f"messages.{index}.role: Input should be 'user' or 'assistant'")
        _check_content(index, message.get("content"), last=index == len(messages) - 1)
    if messages[0]["role"] != "user":
        raise _invalid('messages: first message must use the "user" role')


def _check_tools(body: dict[str, Any]) -> None:
    tools = body.get("tools") or []
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        raise _invalid("tools: Input should be a valid list")
    for fault in tool_faults(body):
        raise _invalid(fault)
    if body["messages"][-1]["role"] != "user" and paused_at(body) is None:
        raise _invalid("This model does not support assistant message prefill. End with a user message.")


def _check_content(index: int, content: Any, *, last: bool) -> None:
    if not isinstance(content, (str, list)) or not content:
        raise _invalid(f"messages.{index}: all messages must have non-empty content")
    for place, block in enumerate(content if isinstance(content, list) else ()):
        _check_block(f"messages.{index}.content.{place}", block)
    if last and isinstance(content, str) and not content.strip():
        raise _invalid("messages: text content blocks must contain non-whitespace text")


def _check_block(where: str, block: Any) -> None:
    if not isinstance(block, dict) or not isinstance(block.get("type"), str):
        raise _invalid(f"{where}.type: Field required")
    if block["type"] == "text" and not str(block.get("text") or "").strip():
        raise _invalid(f"{where}: text content blocks must be non-empty")
    if block["type"] == "thinking" and not signature_is_ours(block):
        raise _invalid(f"{where}: Invalid `signature` in `thinking` block")


def _check_thinking(body: dict[str, Any], model: Model) -> None:
    thinking = body.get("thinking")
    if thinking is None:
        return
    kind = thinking.get("type") if isinstance(thinking, dict) else None
    allowed = {
        "budget": ("enabled", "disabled"),
        "optional": ("adaptive", "disabled"),
        "default": ("adaptive", "disabled"),
        "between_tools": ("adaptive", "between_tools"),
        "always": ("adaptive",),
    }[model.thinking]
    if kind not in allowed:
        raise _invalid(f'"thinking.type.{kind}" is not supported for this model. Use one of: {", ".join(allowed)}.')
    if kind == "enabled" and not 1_024 <= (thinking.get("budget_tokens") or 0) < body["max_tokens"]:
        raise _invalid("thinking.budget_tokens: must be at least 1024 and less than `max_tokens`")


def _check_breakpoints(body: dict[str, Any]) -> None:
    ttls = [(control.get("ttl") or "5m") for control in _cache_controls(body)]
    if len(ttls) > _MOST_BREAKPOINTS:
        raise _invalid(f"A maximum of 4 blocks with cache_control may be provided. Found {len(ttls)}.")
    if any(ttl not in ("5m", "1h") for ttl in ttls):
        raise _invalid("cache_control.ttl: Input should be '5m' or '1h'")
    if ttls != sorted(ttls):
        raise _invalid("a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block")


def _cache_controls(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    holders: list[Any] = [*(body.get("tools") or ())]
    for content in (body.get("system"), *(message["content"] for message in body["messages"])):
        holders += content if isinstance(content, list) else ()
    holders.append(body)
    for holder in holders:
        if isinstance(holder.get("cache_control"), dict):
            yield holder["cache_control"]
