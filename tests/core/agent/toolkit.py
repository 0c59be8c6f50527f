"""Tools that work, fail, hang and take their time, and a provider that refuses what the API would refuse."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from core.access.roles import Person
from core.agent.tools.tool import Tool, ToolContext
from core.provider.blocks import Block
from core.provider.simulator.scripted import Script, answer_events, block, failed, streamed, thinking_block, tool_call
from core.provider.simulator.signatures import sign_thinking
from core.provider.simulator.validation import Rejection, check_body
from core.provider.simulator.wire import WireRequest, WireResponse

MODEL = "claude-opus-5-5"
ASKING = ToolContext(Person("ada", "ada", "admin"), "UTC")
USAGE = {"input_tokens": 100, "output_tokens": 1}
FINAL = {"output_tokens": 20}


async def _echo(given: Mapping[str, Any], asking: ToolContext) -> str:
    return f"{given.get('say')} for {asking.by.id}"


async def _broken(given: Mapping[str, Any], asking: ToolContext) -> str:
    raise RuntimeError("a defect")


async def _hanging(given: Mapping[str, Any], asking: ToolContext) -> str:
    await asyncio.Event().wait()
    return "never"


async def _slow(given: Mapping[str, Any], asking: ToolContext) -> str:
    await asyncio.sleep(given.get("seconds", 0))
    return f"slept {given.get('seconds')}"


async def _self_cancelling(given: Mapping[str, Any], asking: ToolContext) -> str:
    raise asyncio.CancelledError


def tool(name: str, run: Any, timeout: float = 30, **properties: Any) -> Tool:
    return Tool(name, f"The tool {name}", {"type": "object", "properties": properties}, run, timeout)


TOOLS = {
    each.name: each
    for each in (
        tool("echo", _echo),
        tool("strict", _echo, say={"type": "string"}),
        tool("broken", _broken),
        tool("hanging", _hanging, timeout=0.05),
        tool("stuck", _hanging, timeout=60),
        tool("slow", _slow),
        tool("self_cancelling", _self_cancelling),
    )
}
DEFINITIONS = [{"name": name, "description": name, "input_schema": {"type": "object"}} for name in TOOLS]


class Strict(Script):
    """A script that first looks at each request as the API would: a call without its result is a 400."""

    def answer(self, request: WireRequest) -> WireResponse:
        try:
            check_body(request.json())
        except Rejection as rejection:
            self.requests.append(request)
            return failed(rejection.status, rejection.type, rejection.message)
        return super().answer(request)

    def give(self, *responses: WireResponse) -> None:
        """Answer with these from now on."""
        self._responses = list(responses)

    @property
    def messages(self) -> list[list[dict[str, Any]]]:
        return [request.json()["messages"] for request in self.requests]


def asks(
    *calls: tuple[str, str, Any],
    text: str = "",
    thought: str = "",
    split: int = 0,
    found: Sequence[Block] = (),
    **more: Any,
) -> WireResponse:
    """An answer that calls tools, each an id, a name and its input; ``found`` are results of the provider's tools."""
    thoughts = [thinking_block(thought, signature=sign_thinking(thought, "n"))] if thought else []
    blocks = [*map(block, found), *thoughts]
    called = [tool_call(*call, split=split) for call in calls]
    texts = [text] if text else []
    more = {"model": MODEL, "usage": USAGE, "final": FINAL, **more}
    return streamed(answer_events(*texts, blocks=blocks, calls=called, **more))


def says(text: str, **more: Any) -> WireResponse:
    return streamed(answer_events(text, **{"model": MODEL, "usage": USAGE, "final": FINAL, **more}))


def results(message: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    """A message's tool results without the marks for caching."""
    found = [block for block in message["content"] if block["type"] == "tool_result"]
    return [{key: value for key, value in block.items() if key != "cache_control"} for block in found]
