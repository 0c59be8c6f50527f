"""The request an agent sends: the whole conversation, marked for prompt caching, and whether it fits the model."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import ContextTooLong
from core.provider.models import find_model
from core.provider.request import ModelRequest
from core.usage import estimate_tokens

_CACHED = {"cache_control": {"type": "ephemeral"}}
_THINKING = ("thinking", "redacted_thinking")
_LEAST_ANSWER = 256


@dataclass(frozen=True, slots=True)
class Persona:
    """What of an agent's version goes into a request."""

    model: str
    system_prompt: str
    max_output_tokens: int
    thinking: bool


@dataclass(frozen=True, slots=True)
class Said:
    """One earlier message. ``model`` wrote it; a partial one was cut short; ``tokens`` counts all up to its end."""

    role: str
    blocks: Sequence[dict[str, Any]]
    partial: bool = False
    model: str | None = None
    tokens: int | None = None


def build_request(persona: Persona, history: Sequence[Said], text: str) -> ModelRequest:
    """Raises ContextTooLong, before anything is spent, when the conversation cannot fit the model."""
    earlier = [message for said in history if (message := _message(said, persona))]
    latest = {"role": "user", "content": [{"type": "text", "text": text}]}
    messages = [*_with_last_block_cached(earlier), *_with_last_block_cached([latest])]
    estimate = estimate_prompt(persona, history, text)
    return ModelRequest(
        model=persona.model,
        system=[{"type": "text", "text": persona.system_prompt, **_CACHED}] if persona.system_prompt.strip() else [],
        messages=messages,
        max_tokens=_room_for_answer(persona, estimate),
        thinking=persona.thinking,
    )


def estimate_prompt(persona: Persona, history: Sequence[Said], text: str) -> int:
    """Tokens of the prompt: the provider's own count as far as there is one, the rest estimated from its text."""
    counted, since = 0, list(history)
    for place, said in enumerate(history, 1):
        if said.tokens is not None:
            counted, since = said.tokens, list(history[place:])
    texts = "".join(_plain(said.blocks) for said in since) + text
    return estimate_tokens(texts if counted else persona.system_prompt + texts) + counted


def _plain(blocks: Iterable[dict[str, Any]]) -> str:
    return "".join(str(block.get("text") or block.get("thinking") or "") for block in blocks)


def _room_for_answer(persona: Persona, prompt: int) -> int:
    model = find_model(persona.model)
    if model is None:
        return persona.max_output_tokens
    room = model.context_window - prompt
    if room < _LEAST_ANSWER:
        raise ContextTooLong(
            f"This conversation is about {prompt:,} tokens long and {model.label} takes at most "
            f"{model.context_window:,}. Nothing was sent. Start a new conversation, or shorten the message."
        )
    return min(persona.max_output_tokens, room)


def _message(said: Said, persona: Persona) -> dict[str, Any] | None:
    blocks = [block for block in said.blocks if _sendable(block, said, persona)]
    return {"role": said.role, "content": blocks} if blocks else None


def _sendable(block: dict[str, Any], said: Said, persona: Persona) -> bool:
    """Empty text is refused by the API; thinking belongs to the model that had it, and is void when cut short."""
    if block.get("type") == "text":
        return bool(str(block.get("text", "")).strip())
    if said.partial:
        return False
    return block.get("type") not in _THINKING or (persona.thinking and said.model == persona.model)


def _with_last_block_cached(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mark the end as a place to cache up to; thinking blocks cannot carry the mark."""
    if not messages or messages[-1]["content"][-1].get("type") in _THINKING:
        return messages
    *before, last = messages[-1]["content"]
    return [*messages[:-1], {**messages[-1], "content": [*before, {**last, **_CACHED}]}]
