"""The API of a vendor there is not: a flat list of items in, chunks of a chat out, counts that include the cache.

Its answers come from the same scripts as those of the Messages API, so that whatever is tested with one wire can be
tested with the other.
"""

import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from core.provider.simulator.wire import Answers, WireRequest, paced

Json = dict[str, Any]

STOPS = {"end_turn": "stop", "tool_use": "tool_calls", "max_tokens": "length", "refusal": "content_filter"}
_PATH = "/v1/messages"


class OtherWire:
    """Takes requests as text and answers with lines, each a JSON chunk; the last is ``[DONE]``."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    async def ask(self, body: str) -> AsyncIterator[str]:
        scripted = json.dumps(_scripted_request(json.loads(body))).encode()
        response = self._answers.answer(WireRequest("POST", _PATH, {}, scripted))
        if response.status != 200:
            told = json.loads(b"".join([data async for data in paced(response.chunks)]))["error"]
            yield json.dumps({"error": {"code": told["type"], "message": told["message"], "status": response.status}})
            return
        places: dict[int, int] = {}
        async for data in paced(response.chunks):
            for line in _lines(json.loads(data.partition(b"data: ")[2]), places):
                yield line


def _scripted_request(body: Json) -> Json:
    turns = groupby(body["items"], key=lambda item: (item["turn"], item["role"]))
    messages = [{"role": role, "content": [_block(item) for item in items]} for (_, role), items in turns]
    tools = [{**tool["function"], "input_schema": tool["function"]["parameters"]} for tool in body["tools"]]
    for tool in tools:
        del tool["parameters"]
    return {
        "model": body["model"],
        "max_tokens": body["max_completion_tokens"],
        "messages": messages,
        "tools": tools,
        "stream": True,
        "thinking": {"type": "adaptive", "display": "summarized"},
    }


def _block(item: Json) -> Json:
    kept = {"cache_control": item["keep"]} if "keep" in item else {}
    match item["kind"]:
        case "text":
            return {"type": "text", "text": item["text"], **kept}
        case "reasoning":
            return {"type": "thinking", "thinking": item["summary"], "signature": item["proof"]}
        case "function_call":
            given = json.loads(item["arguments"])
            return {"type": "tool_use", "id": item["call_id"], "name": item["name"], "input": given, **kept}
        case "function_output":
            failed = {"is_error": True} if item["failed"] else {}
            return {
                "type": "tool_result",
                "tool_use_id": item["call_id"],
                "content": item["output"],
                **failed,
                **kept,
            }
    return dict(item["value"])


def _lines(event: Json, places: dict[int, int]) -> Iterator[str]:
    """``places`` are the numbers of the function calls among the blocks."""
    match event["type"]:
        case "message_start":
            message = event["message"]
            yield _chunk({}, id=message["id"], model=message["model"], usage=inclusive(message["usage"]))
        case "content_block_start":
            if (delta := _begun(event["index"], event["content_block"], places)) is not None:
                yield _chunk(delta)
        case "content_block_delta":
            yield _chunk(_grown(event["index"], event["delta"], places))
        case "message_delta":
            reason = event["delta"]["stop_reason"]
            yield _chunk({}, finish=STOPS.get(reason, reason), usage=inclusive(event["usage"]))
        case "message_stop":
            yield "[DONE]"


def _begun(index: int, start: Json, places: dict[int, int]) -> Json | None:
    if start["type"] in ("text", "thinking"):
        return None
    if start["type"] != "tool_use":
        return {"hosted": start}
    places[index] = len(places)
    function = {"name": start["name"], "arguments": ""}
    return {"tool_calls": [{"index": places[index], "id": start["id"], "function": function}]}


def _grown(index: int, delta: Json, places: Mapping[int, int]) -> Json:
    match delta["type"]:
        case "text_delta":
            return {"content": delta["text"]}
        case "thinking_delta":
            return {"reasoning": delta["thinking"]}
        case "signature_delta":
            return {"reasoning_proof": delta["signature"]}
    return {"tool_calls": [{"index": places[index], "function": {"arguments": delta["partial_json"]}}]}


def _chunk(delta: Json, *, finish: str | None = None, **more: Any) -> str:
    choices: Sequence[Json] = [{"index": 0, "delta": delta, "finish_reason": finish}]
    return json.dumps({"choices": choices, **more})


def inclusive(usage: Mapping[str, Any]) -> Json:
    """Tell a usage as this vendor does: the prompt with all of it that a cache held, or that was written to one."""
    told: Json = {}
    read, written = usage.get("cache_read_input_tokens", 0), usage.get("cache_creation_input_tokens", 0)
    if "input_tokens" in usage:
        told["prompt_tokens"] = usage["input_tokens"] + read + written
        told["prompt_tokens_details"] = {"cached_tokens": read, "written_tokens": written}
    if "output_tokens" in usage:
        told["completion_tokens"] = usage["output_tokens"]
    return told
