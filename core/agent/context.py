"""The request an agent sends: the whole conversation, marked for prompt caching, and whether it fits the model."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from core.agent.tools.tool import Tool
from core.errors import ContextTooLong
from core.estimates import Estimate, estimate
from core.provider.blocks import THINKING, Block, as_messages, lone_server_tools, server_tools, with_every_result
from core.provider.media import media_tokens
from core.provider.models import find_model
from core.provider.reply import Reply
from core.provider.request import ModelRequest
from core.usage import read_usage

_CACHED = {"cache_control": {"type": "ephemeral"}}
_TOOL_BLOCKS = ("tool_use", "tool_result")
_NO_RESULT = "This tool was not run."
_LEAST_ANSWER = 256
_TOLD_OF_TOOLS = Estimate(0, 500)
"""What the provider itself tells a model that has tools."""


@dataclass(frozen=True, slots=True)
class Persona:
    """What of an agent's version goes into a request; ``tools`` are the Messages API's own definitions."""

    model: str
    system_prompt: str
    max_output_tokens: int
    thinking: bool
    tools: Sequence[dict[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class HistoryMessage:
    """One earlier message. ``model`` wrote it; a partial one was cut short; ``tokens`` counts all up to its end.

    An answer that used tools holds their results among its blocks, each after what asked for it. What is ``foreign``
    was written by the simulator for the provider, or the other way round: neither knows what the other has signed.
    """

    role: str
    blocks: Sequence[dict[str, Any]]
    partial: bool = False
    model: str | None = None
    tokens: int | None = None
    foreign: bool = False


def definition_of(tool: Tool) -> dict[str, Any]:
    """Return a tool as the model is told of it."""
    return {"name": tool.name, "description": tool.description, "input_schema": tool.input_schema}


def build_request(
    persona: Persona, history: Sequence[HistoryMessage], text: str, attached: Sequence[Block] = ()
) -> ModelRequest:
    """Begin a request with the new message: what is attached to it, and then its text, which may then be empty.

    Raises ContextTooLong, before anything is spent, when the conversation cannot fit the model.
    """
    earlier = [message for said in history for message in _messages(said, persona)]
    latest = _messages(HistoryMessage("user", [*attached, {"type": "text", "text": text}]), persona)
    messages = [*_with_last_block_cached(earlier), *_with_last_block_cached(latest)]
    prompt = estimate_prompt(persona, history, text, attached)
    return ModelRequest(
        model=persona.model,
        system=[{"type": "text", "text": persona.system_prompt, **_CACHED}] if persona.system_prompt.strip() else [],
        messages=messages,
        max_tokens=_room_for_answer(persona.model, persona.max_output_tokens, prompt),
        thinking=persona.thinking,
        tools=list(persona.tools),
    )


def follow_up(request: ModelRequest, reply: Reply, results: Sequence[dict[str, Any]]) -> tuple[ModelRequest, Estimate]:
    """Return the request that goes on after a reply, and about how many tokens its prompt has. Raises ContextTooLong.

    The reply goes back as it came, its results after it; only the newest results are marked for caching, because
    no request may carry more than four marks.
    """
    said = [{"role": "assistant", "content": reply.content}] if reply.content else []
    given = _with_last_block_cached([{"role": "user", "content": list(results)}]) if results else []
    prompt = _tokens_up_to(request, reply) + estimate(_plain(results), request.model)
    messages = [*_unmarked_results(request.messages), *said, *given]
    room = _room_for_answer(request.model, request.max_tokens, prompt)
    return replace(request, messages=messages, max_tokens=room), prompt


def estimate_prompt(
    persona: Persona, history: Sequence[HistoryMessage], text: str, attached: Sequence[Block] = ()
) -> Estimate:
    """Tokens of the prompt: the provider's own count as far as there is one, the rest estimated from what it holds."""
    counted, since = 0, list(history)
    for place, said in enumerate(history, 1):
        if said.tokens is not None:
            counted, since = said.tokens, list(history[place:])
    blocks = [*(block for said in since for block in said.blocks), *attached]
    texts = _plain(blocks) + text
    fixed = "" if counted else _fixed(persona.system_prompt, persona.tools)
    hidden = _TOLD_OF_TOOLS if persona.tools and not counted else Estimate()
    return Estimate(counted, counted) + hidden + _estimated(fixed + texts, blocks, persona.model)


def _estimated(text: str, blocks: Sequence[Block], model: str) -> Estimate:
    """A text, and the images and documents in blocks, of which the provider may see more than we do."""
    media = media_tokens(blocks, model)
    return estimate(text, model) + Estimate(media, 2 * media)


def _fixed(system_prompt: str, tools: Sequence[dict[str, Any]]) -> str:
    return system_prompt + "".join(json.dumps(tool) for tool in tools)


def _tokens_up_to(request: ModelRequest, reply: Reply) -> Estimate:
    """Return all that a reply read and wrote, as the provider counted it; estimated where its figures make no sense."""
    used = read_usage(reply.usage).usage
    wrote = Estimate(used.output, used.output) if used.output else reply.written
    if used.prompt:
        return Estimate(used.prompt, used.prompt) + wrote
    blocks = [block for message in request.messages for block in message["content"]]
    texts = _fixed(_plain(request.system), request.tools) + _plain(blocks)
    return _estimated(texts, blocks, request.model) + wrote


def _plain(blocks: Iterable[dict[str, Any]]) -> str:
    return "".join(_plain_block(block) for block in blocks)


def _plain_block(block: dict[str, Any]) -> str:
    match block.get("type"):
        case "tool_use":
            return json.dumps(block["input"], ensure_ascii=False)
        case "tool_result":
            return str(block["content"])
        case "document" if block["source"]["type"] == "text":
            return f"{block['title']}\n{block['source']['data']}"
    return str(block.get("text") or block.get("thinking") or "")


def _room_for_answer(model_id: str, wanted: int, prompt: Estimate) -> int:
    model = find_model(model_id)
    if model is None:
        return wanted
    room = model.context_window - prompt.upper
    if room < _LEAST_ANSWER:
        raise ContextTooLong(
            f"This conversation is about {prompt.central:,} tokens long, perhaps {prompt.upper:,}, and {model.label} "
            f"takes at most {model.context_window:,}. Nothing was sent. Start a new conversation, or shorten the "
            "message."
        )
    return min(wanted, room)


def _messages(said: HistoryMessage, persona: Persona) -> list[dict[str, Any]]:
    """Return what was said as the API takes it: no call without its result, and no calls without tools to call."""
    if said.role == "user":
        parts: list[dict[str, Any]] = [{"role": "user", "content": list(said.blocks)}]
    else:
        parts = as_messages(with_every_result(said.blocks, _NO_RESULT))
    unfit = _unfit_kinds(said, persona)
    kept = [{**part, "content": [block for block in part["content"] if _fits(block, unfit)]} for part in parts]
    if said.partial and kept and kept[-1]["role"] == "assistant":
        kept[-1]["content"] = [block for block in kept[-1]["content"] if block.get("type") == "text"]
    blocks = [block for message in kept for block in message["content"]]
    unsent = lone_server_tools(blocks) if persona.tools and not said.foreign else server_tools(blocks)
    if unsent or said.partial or said.foreign:
        kept = [{**message, "content": _without(unsent, message["content"])} for message in kept]
    return [message for message in kept if message["content"]]


def _without(calls: set[str], blocks: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out these calls of the provider's tools, the thoughts that led there and references to what they found."""
    left = [block for block in blocks if (block.get("id") or block.get("tool_use_id")) not in calls]
    if calls:
        left = [block for block in left if block.get("type") not in THINKING]
    return [{key: value for key, value in block.items() if key != "citations"} for block in left]


def _unfit_kinds(said: HistoryMessage, persona: Persona) -> tuple[str, ...]:
    """Thinking belongs to the model that had it, and goes with what it was followed by or not at all."""
    tool_blocks = () if persona.tools else _TOOL_BLOCKS
    changed = any(block.get("type") in tool_blocks for block in said.blocks)
    thinks = persona.thinking and said.model == persona.model and not said.foreign and not changed
    return tool_blocks if thinks else (*tool_blocks, *THINKING)


def _fits(block: dict[str, Any], unfit: tuple[str, ...]) -> bool:
    """Empty text is refused by the API."""
    if block.get("type") == "text":
        return bool(str(block.get("text", "")).strip())
    return block.get("type") not in unfit


def _with_last_block_cached(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mark the end as a place to cache up to; thinking blocks cannot carry the mark."""
    if not messages or messages[-1]["content"][-1].get("type") in THINKING:
        return messages
    *before, last = messages[-1]["content"]
    return [*messages[:-1], {**messages[-1], "content": [*before, {**last, **_CACHED}]}]


def _unmarked_results(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**message, "content": [_unmarked(block) for block in message["content"]]} for message in messages]


def _unmarked(block: dict[str, Any]) -> dict[str, Any]:
    if block.get("type") != "tool_result":
        return block
    return {key: value for key, value in block.items() if key != "cache_control"}
