"""A second provider, for tests: it speaks ``OtherWire`` and nothing of it is known above its edge."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from math import inf
from typing import Any

from core.clock import now
from core.errors import ProviderBroken, ProviderRefused
from core.provider.blocks import Block
from core.provider.reply import Reply, Shown
from core.provider.request import CallKey, ModelRequest
from core.provider.simulator.wire import Answers
from core.provider.stream import AttemptStarting, ProviderEvent, ReplyEnded, ReplyStarted
from tests.core.provider.other_wire import STOPS, OtherWire

_REASONS = {theirs: ours for ours, theirs in STOPS.items()}
_FIRST_CALL = 1_000
"""Function calls come after all else and are numbered by themselves."""


class OtherProvider:
    """A Provider that tries once."""

    def __init__(self, wire: OtherWire) -> None:
        self._wire = wire

    async def stream(self, request: ModelRequest, seconds: float = inf) -> AsyncGenerator[ProviderEvent, None]:
        starting = AttemptStarting(1)
        yield starting
        starting.passage.sent_at = now()
        lines = self._wire.ask(json.dumps(_asked(request)))
        deadline = asyncio.get_running_loop().time() + seconds
        folding: _Folding | None = None
        while (line := await _next(lines, deadline)) is not None:
            if line == "[DONE]":
                assert folding is not None
                folding.reply.end()
                yield ReplyEnded(folding.reply)
                return
            chunk = json.loads(line)
            if "error" in chunk:
                raise _refusal(chunk["error"])
            if folding is None:
                folding = _Folding(chunk)
                yield ReplyStarted(folding.reply)
            for shown in folding.take(chunk):
                yield shown
        raise ProviderBroken("The answer broke off.", kind="stream_incomplete")

    def own_tools(self, names: Iterable[str], model_id: str) -> list[dict[str, Any]]:
        """None: it runs no tools itself."""
        return []

    async def check(self, key: CallKey) -> None:
        """It takes any key."""

    def warm_up(self) -> None:
        """Nothing takes long."""

    async def close(self) -> None:
        """Nothing is open."""


@asynccontextmanager
async def through_other(answers: Answers) -> AsyncIterator[OtherProvider]:
    provider = OtherProvider(OtherWire(answers))
    yield provider
    await provider.close()


async def _next(lines: AsyncIterator[str], deadline: float) -> str | None:
    try:
        async with asyncio.timeout_at(None if deadline == inf else deadline):
            return await anext(lines, None)
    except TimeoutError as error:
        raise ProviderBroken("The answer took too long.", kind="turn_timeout") from error


def _refusal(error: Mapping[str, Any]) -> ProviderRefused:
    said = error["message"]
    return ProviderRefused(f"It said: {said}", kind=error["code"], detail=said, http_status=error["status"])


def _asked(request: ModelRequest) -> dict[str, Any]:
    return {
        "model": request.model,
        "max_completion_tokens": request.max_tokens,
        "reasoning": request.thinking,
        "items": [
            {"turn": turn, "role": message["role"], **_item(block)}
            for turn, message in enumerate(request.messages)
            for block in message["content"]
        ],
        "tools": [{"type": "function", "function": _function(tool)} for tool in request.tools],
    }


def _function(tool: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": tool["name"], "description": tool["description"], "parameters": tool["input_schema"]}


def _item(block: Block) -> dict[str, Any]:
    kept = {"keep": block["cache_control"]} if "cache_control" in block else {}
    match block["type"]:
        case "text":
            return {"kind": "text", "text": block["text"], **kept}
        case "thinking":
            return {"kind": "reasoning", "summary": block["thinking"], "proof": block["signature"]}
        case "tool_use":
            called = {"call_id": block["id"], "name": block["name"], "arguments": json.dumps(block["input"])}
            return {"kind": "function_call", **called, **kept}
        case "tool_result":
            output = {"call_id": block["tool_use_id"], "output": block["content"]}
            return {"kind": "function_output", **output, "failed": block.get("is_error", False), **kept}
    return {"kind": "hosted", "value": block}


class _Folding:
    """Chunks that say what grows, but neither where a block begins nor where it ends."""

    def __init__(self, first: Mapping[str, Any]) -> None:
        self.reply = Reply(first["model"], disjoint(first["usage"]), message_id=first["id"])
        self._open: tuple[str, int] | None = None
        self._blocks = 0
        self._calls: list[int] = []

    def take(self, chunk: Mapping[str, Any]) -> Iterator[Shown]:
        for choice in chunk["choices"]:
            delta = choice["delta"]
            yield from self._said(delta)
            for call in delta.get("tool_calls", ()):
                self._call(call)
            if choice["finish_reason"] is not None:
                yield from self._finish(choice["finish_reason"], chunk["usage"])

    def _said(self, delta: Mapping[str, Any]) -> Iterator[Shown]:
        if "content" in delta and (shown := self.reply.grow(self._at("text"), "text", delta["content"])):
            yield shown
        if "reasoning" in delta and (shown := self.reply.grow(self._at("thinking"), "thinking", delta["reasoning"])):
            yield shown
        if "reasoning_proof" in delta:
            self.reply.amend(self._at("thinking"), "signature", delta["reasoning_proof"])
        if "hosted" in delta:
            self._close()
            self.reply.begin_block(self._blocks, delta["hosted"])
            self.reply.end_block(self._blocks)
            self._blocks += 1

    def _at(self, kind: str) -> int:
        if self._open is None or self._open[0] != kind:
            self._close()
            start = {"type": kind, kind: "", **({"signature": ""} if kind == "thinking" else {})}
            self.reply.begin_block(self._blocks, start)
            self._open, self._blocks = (kind, self._blocks), self._blocks + 1
        return self._open[1]

    def _close(self) -> None:
        if self._open is not None:
            self.reply.end_block(self._open[1])
            self._open = None

    def _call(self, call: Mapping[str, Any]) -> None:
        index, function = _FIRST_CALL + call["index"], call["function"]
        if "id" in call:
            self._close()
            self.reply.begin_block(index, {"type": "tool_use", "id": call["id"], "name": function["name"], "input": {}})
            self._calls.append(index)
        self.reply.grow(index, "input", function["arguments"])

    def _finish(self, reason: str, usage: Mapping[str, Any]) -> Iterator[Shown]:
        self._close()
        for index in self._calls:
            if shown := self.reply.end_block(index):
                yield shown
        self.reply.settle(disjoint(usage), _REASONS.get(reason, reason))


def disjoint(usage: Mapping[str, Any]) -> dict[str, Any]:
    """A usage as ours: what a cache held, or was written to one, is no part of the input."""
    ours: dict[str, Any] = {}
    if "prompt_tokens" in usage:
        details = usage.get("prompt_tokens_details") or {}
        read, written = details.get("cached_tokens", 0), details.get("written_tokens", 0)
        ours = {
            # Below zero where they contradict each other, which is then no count, and its cost not certain.
            "input_tokens": usage["prompt_tokens"] - read - written,
            "cache_read_input_tokens": read,
            "cache_creation_input_tokens": written,
        }
    return {**ours, "output_tokens": usage["completion_tokens"]} if "completion_tokens" in usage else ours
