"""The events of one simulated answer, in the order of the wire."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from core.provider.simulator.searches import SEARCH, PlannedSearch

PLACEHOLDER_OUTPUT_TOKENS = 1


@dataclass(frozen=True, slots=True)
class Step:
    """One event, how many seconds after the one before, and how many tokens it brings."""

    event: dict[str, Any]
    after: float = 0.0
    tokens: int = 0


_STOP = Step({"type": "content_block_stop"})


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """A call of a tool; its input's JSON in the pieces it is sent in. A server's own tools are run by the server."""

    id: str
    name: str
    pieces: tuple[str, ...]
    of_server: bool = False


@dataclass(frozen=True, slots=True)
class AnswerPlan:
    """All that is decided about an answer before its first byte; ``usage`` holds the prompt's side.

    ``read`` are the tokens of what the searches found: they are counted as input, but only at the end.
    """

    message_id: str
    model: str
    usage: dict[str, Any]
    thinking: tuple[str, ...]
    thinking_shown: bool
    signature: str
    text: tuple[str, ...]
    stop_reason: str
    message_deltas: int = 1
    calls: tuple[PlannedCall, ...] = ()
    searches: tuple[PlannedSearch, ...] = ()
    read: int = 0

    @property
    def output_tokens(self) -> int:
        asked = [*(call.pieces for call in self.calls), *(search.pieces for search in self.searches)]
        return len(self.thinking) + len(self.text) + sum(map(len, asked))


@dataclass(frozen=True, slots=True)
class Tempo:
    """Seconds until the first token, and from each token to the next."""

    first: float
    gaps: Iterator[float]


def answer_steps(plan: AnswerPlan, tempo: Tempo) -> Iterator[Step]:
    """message_start, the blocks, the message_deltas, message_stop."""
    yield Step(_message_start(plan), tempo.first)
    yield Step({"type": "ping"})
    for index, block in enumerate(_blocks(plan, tempo)):
        yield from (Step({**step.event, "index": index}, step.after, step.tokens) for step in block)
    yield from _ending(plan)


def _blocks(plan: AnswerPlan, tempo: Tempo) -> Iterator[Iterator[Step]]:
    yield from (_search_result(search) for search in plan.searches if not search.pieces)
    if plan.thinking:
        yield _thinking_block(plan, tempo)
    for search in (search for search in plan.searches if search.pieces):
        yield _call_block(PlannedCall(search.id, SEARCH, search.pieces, of_server=True), tempo)
        yield _search_result(search)
    if plan.text:
        yield _text_block(plan.text, tempo)
    for call in plan.calls:
        yield _call_block(call, tempo)


def _message_start(plan: AnswerPlan) -> dict[str, Any]:
    message: dict[str, Any] = {
        "id": plan.message_id,
        "type": "message",
        "role": "assistant",
        "model": plan.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {**plan.usage, "output_tokens": PLACEHOLDER_OUTPUT_TOKENS},
    }
    return {"type": "message_start", "message": message}


def _thinking_block(plan: AnswerPlan, tempo: Tempo) -> Iterator[Step]:
    """Thinking that is not shown takes its time all the same, and arrives as a signature alone."""
    yield _start({"type": "thinking", "thinking": "", "signature": ""})
    unseen = 0.0
    for token in plan.thinking:
        gap = next(tempo.gaps)
        if plan.thinking_shown:
            yield _delta({"type": "thinking_delta", "thinking": token}, gap, 1)
        else:
            unseen += gap
    yield _delta({"type": "signature_delta", "signature": plan.signature}, unseen, 0)
    yield _STOP


def _text_block(tokens: tuple[str, ...], tempo: Tempo) -> Iterator[Step]:
    yield _start({"type": "text", "text": ""})
    for token in tokens:
        yield _delta({"type": "text_delta", "text": token}, next(tempo.gaps), 1)
    yield _STOP


def _call_block(call: PlannedCall, tempo: Tempo) -> Iterator[Step]:
    kind = "server_tool_use" if call.of_server else "tool_use"
    yield _start({"type": kind, "id": call.id, "name": call.name, "input": {}})
    yield _delta({"type": "input_json_delta", "partial_json": ""}, 0.0, 0)
    for piece in call.pieces:
        yield _delta({"type": "input_json_delta", "partial_json": piece}, next(tempo.gaps), 1)
    yield _STOP


def _search_result(search: PlannedSearch) -> Iterator[Step]:
    yield _start({"type": "web_search_tool_result", "tool_use_id": search.id, "content": [*search.found]})
    yield _STOP


def _start(block: dict[str, Any]) -> Step:
    return Step({"type": "content_block_start", "content_block": block})


def _delta(delta: dict[str, Any], after: float, tokens: int) -> Step:
    return Step({"type": "content_block_delta", "delta": delta}, after, tokens)


def _ending(plan: AnswerPlan) -> Iterator[Step]:
    """One message_delta or several, their counts cumulative; only the last says why the answer ended."""
    for number in range(1, plan.message_deltas):
        usage = {"output_tokens": plan.output_tokens * number // plan.message_deltas}
        yield Step({"type": "message_delta", "delta": {"stop_reason": None, "stop_sequence": None}, "usage": usage})
    yield Step({"type": "message_delta", "delta": _why(plan), "usage": _final_usage(plan)})
    yield Step({"type": "message_stop"})


def _why(plan: AnswerPlan) -> dict[str, Any]:
    why: dict[str, Any] = {"stop_reason": plan.stop_reason, "stop_sequence": None}
    if plan.stop_reason == "refusal":
        why["stop_details"] = {"type": "refusal", "category": None, "explanation": "The simulator was told to decline."}
    return why


def _final_usage(plan: AnswerPlan) -> dict[str, Any]:
    counts = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "server_tool_use")
    usage = {name: plan.usage[name] for name in counts if plan.usage.get(name) is not None}
    usage["input_tokens"] += plan.read
    if plan.searches:
        counted = {"web_search_requests": len(plan.searches), "web_fetch_requests": 0}
        usage.setdefault("server_tool_use", counted)
    usage["output_tokens"] = plan.output_tokens
    if plan.thinking:
        usage["output_tokens_details"] = {"thinking_tokens": len(plan.thinking)}
    return usage
