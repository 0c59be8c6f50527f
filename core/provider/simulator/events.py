"""The events of one simulated answer, in the order of the wire."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

PLACEHOLDER_OUTPUT_TOKENS = 1


@dataclass(frozen=True, slots=True)
class Step:
    """One event, how many seconds after the one before, and how many tokens it brings."""

    event: dict[str, Any]
    after: float = 0.0
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class AnswerPlan:
    """All that is decided about an answer before its first byte; ``usage`` holds the prompt's side."""

    message_id: str
    model: str
    usage: dict[str, Any]
    thinking: tuple[str, ...]
    thinking_shown: bool
    signature: str
    text: tuple[str, ...]
    stop_reason: str
    message_deltas: int = 1

    @property
    def output_tokens(self) -> int:
        return len(self.thinking) + len(self.text)


@dataclass(frozen=True, slots=True)
class Tempo:
    """Seconds until the first token, and from each token to the next."""

    first: float
    gaps: Iterator[float]


def answer_steps(plan: AnswerPlan, tempo: Tempo) -> Iterator[Step]:
    """message_start, the blocks, the message_deltas, message_stop."""
    yield Step(_message_start(plan), tempo.first)
    yield Step({"type": "ping"})
    index = 0
    if plan.thinking:
        yield from _thinking_block(index, plan, tempo)
        index += 1
    if plan.text:
        yield from _text_block(index, plan.text, tempo)
    yield from _ending(plan)


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


def _thinking_block(index: int, plan: AnswerPlan, tempo: Tempo) -> Iterator[Step]:
    """Thinking that is not shown takes its time all the same, and arrives as a signature alone."""
    yield _start(index, {"type": "thinking", "thinking": "", "signature": ""})
    unseen = 0.0
    for token in plan.thinking:
        gap = next(tempo.gaps)
        if plan.thinking_shown:
            yield _delta(index, {"type": "thinking_delta", "thinking": token}, gap, 1)
        else:
            unseen += gap
    yield _delta(index, {"type": "signature_delta", "signature": plan.signature}, unseen, 0)
    yield Step({"type": "content_block_stop", "index": index})


def _text_block(index: int, tokens: tuple[str, ...], tempo: Tempo) -> Iterator[Step]:
    yield _start(index, {"type": "text", "text": ""})
    for token in tokens:
        yield _delta(index, {"type": "text_delta", "text": token}, next(tempo.gaps), 1)
    yield Step({"type": "content_block_stop", "index": index})


def _start(index: int, block: dict[str, Any]) -> Step:
    return Step({"type": "content_block_start", "index": index, "content_block": block})


def _delta(index: int, delta: dict[str, Any], after: float, tokens: int) -> Step:
    return Step({"type": "content_block_delta", "index": index, "delta": delta}, after, tokens)


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
    usage["output_tokens"] = plan.output_tokens
    if plan.thinking:
        usage["output_tokens_details"] = {"thinking_tokens": len(plan.thinking)}
    return usage
