"""The simulated Messages API: from a request to the plan of its answer."""

import hashlib
import json
import random
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from core.provider.models import Model
from core.provider.simulator.answers import answer_tokens, seeded, thinking_tokens
from core.provider.simulator.directives import HTTP_FAULTS, Fault, Orders, read_orders
from core.provider.simulator.events import AnswerPlan, Tempo, answer_steps
from core.provider.simulator.faults import carry_out
from core.provider.simulator.prompt_cache import PromptCache, PromptTokens, prompt_positions
from core.provider.simulator.signatures import sign_thinking
from core.provider.simulator.validation import Rejection, check_body, check_key, check_length, check_size
from core.provider.simulator.wire import Chunk, WireRequest, WireResponse

_FIRST_TOKEN_SECONDS = 0.4
_TOKEN_SECONDS = (0.010, 0.030)
_MOST_COUNTED_FAULTS = 1_000
_THINKING_TOKENS = (30, 90)
_SHOWN_BY_DEFAULT = ("budget", "optional")
_OMITTED_FROM = ("claude-opus-4-7", "claude-opus-4-8")


class Simulator:
    """Answers as the API would; the same request with the same seed gets the same answer.

    It remembers the prompt cache, and how often a request with ``N times`` has failed already.
    """

    def __init__(self, *, pace: float = 1.0, seed: int = 0, cache: PromptCache | None = None) -> None:
        self._pace = pace
        self._seed = seed
        self._cache = cache or PromptCache()
        self._failed: OrderedDict[str, int] = OrderedDict()

    def answer(self, request: WireRequest) -> WireResponse:
        digest = hashlib.sha256(str(self._seed).encode() + request.body).hexdigest()
        try:
            return self._answer(request, digest)
        except Rejection as rejection:
            return _rejected(rejection, _request_id(digest))

    def _answer(self, request: WireRequest, digest: str) -> WireResponse:
        check_key(request.headers)
        if request.path.rstrip("/") != "/v1/messages":
            raise Rejection(404, "not_found_error", f"no such path: {request.path}")
        check_size(request.body)
        body = _parsed(request.body)
        model = check_body(body)
        question = _last_question(body)
        orders = read_orders(question)
        fault = self._due(orders.fault, digest)
        if fault is not None and fault.after is None and fault.kind in HTTP_FAULTS:
            raise _ordered_rejection(fault)
        prompt = self._prompt_tokens(body, model)
        plan = _plan(body, model, orders, _Draft(question, digest, prompt))
        headers = {"content-type": "text/event-stream; charset=utf-8", "request-id": _request_id(digest)}
        return carry_out(fault, answer_steps(plan, self._tempo(orders, digest)), headers)

    def _due(self, fault: Fault | None, digest: str) -> Fault | None:
        """The fault, unless this request has failed as often as ordered; then it starts anew."""
        if fault is None or fault.times is None:
            return fault
        failed = self._failed.pop(digest, 0)
        if failed >= fault.times:
            return None
        self._failed[digest] = failed + 1
        if len(self._failed) > _MOST_COUNTED_FAULTS:
            self._failed.popitem(last=False)
        return fault

    def _prompt_tokens(self, body: dict[str, Any], model: Model) -> PromptTokens:
        positions = prompt_positions(body, model.id)
        check_length(positions[-1].tokens, body["max_tokens"], model)
        return self._cache.count(positions, model.cache_minimum_tokens)

    def _tempo(self, orders: Orders, digest: str) -> Tempo:
        """An ordered rate or first token is meant in real seconds; the rest follows the simulator's pace."""
        rng, pace = seeded(digest), self._pace * orders.pace
        first = rng.uniform(0.75, 1.25) * _FIRST_TOKEN_SECONDS * pace
        if orders.first is not None:
            first = orders.first * orders.pace
        return Tempo(first, _gaps(rng, orders, pace))


def _gaps(rng: random.Random, orders: Orders, pace: float) -> Iterator[float]:
    while True:
        yield orders.pace / orders.rate if orders.rate is not None else rng.uniform(*_TOKEN_SECONDS) * pace


def _request_id(digest: str) -> str:
    return f"req_sim{digest[:20]}"


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        raise Rejection(400, "invalid_request_error", "The request body is not valid JSON") from None


def _last_question(body: dict[str, Any]) -> str:
    """The text of the last message, where the directives are read from."""
    content = body["messages"][-1]["content"]
    if isinstance(content, str):
        return content
    return "\n".join(block["text"] for block in content if block["type"] == "text")


def _ordered_rejection(fault: Fault) -> Rejection:
    status, kind, message = HTTP_FAULTS[fault.kind]
    wait = 1.0 if fault.kind == "rate_limit" and fault.retry_after is None else fault.retry_after
    code = "enforced_spend_limit_reached" if fault.kind == "spend_limit" else None
    return Rejection(status, kind, message, retry_after=wait, error_code=code)


def _rejected(rejection: Rejection, request_id: str) -> WireResponse:
    error: dict[str, Any] = {"type": rejection.type, "message": rejection.message}
    if rejection.error_code is not None:
        error["details"] = {"error_code": rejection.error_code}
    headers = {"content-type": "application/json", "request-id": request_id}
    if rejection.retry_after is not None:
        headers["retry-after"] = f"{rejection.retry_after:g}"
    data = json.dumps({"type": "error", "error": error, "request_id": request_id}).encode()
    return WireResponse(rejection.status, headers, [Chunk(data)])


@dataclass(frozen=True, slots=True)
class _Draft:
    """What an answer is made from beside the orders."""

    question: str
    digest: str
    prompt: PromptTokens


def _plan(body: dict[str, Any], model: Model, orders: Orders, draft: _Draft) -> AnswerPlan:
    room = body["max_tokens"]
    thinking = [] if orders.refusal == 0 else _thinking(body, model, orders, draft)[:room]
    text = answer_tokens(draft.question, _within(orders, room), model.id, draft.digest)
    stop_reason = orders.stop or "end_turn"
    if orders.refusal is not None:
        text, stop_reason = text[: orders.refusal], "refusal"
    if len(thinking) + len(text) > room:
        text, stop_reason = text[: room - len(thinking)], "max_tokens"
    shown = _thinking_shown(body, model)
    return AnswerPlan(
        message_id=f"msg_sim{draft.digest[20:40]}",
        model=model.wire_id,
        usage=_usage(model, orders, draft.prompt),
        thinking=tuple(thinking),
        thinking_shown=shown,
        signature=sign_thinking("".join(thinking) if shown else "", draft.digest),
        text=tuple(text),
        stop_reason=stop_reason,
        message_deltas=orders.deltas,
    )


def _within(orders: Orders, room: int) -> Orders:
    """An answer that was ordered far too long is not written much further than it can be sent."""
    return orders if orders.tokens is None else replace(orders, tokens=min(orders.tokens, room + 1))


def _usage(model: Model, orders: Orders, prompt: PromptTokens) -> dict[str, Any]:
    return {
        **prompt.as_usage(),
        "service_tier": "standard",
        "inference_geo": "not_available" if model.thinking == "budget" else "global",
        "server_tool_use": None,
        **orders.usage,
    }


def _thinking(body: dict[str, Any], model: Model, orders: Orders, draft: _Draft) -> list[str]:
    length = orders.think
    if length is None:
        if not _thinks(body, model):
            return []
        length = seeded(draft.digest).randint(*_THINKING_TOKENS)
    return thinking_tokens(draft.question, length, model.id, draft.digest)


def _thinks(body: dict[str, Any], model: Model) -> bool:
    kind = (body.get("thinking") or {}).get("type")
    return kind in ("adaptive", "enabled") or (
        kind is None and model.thinking in ("default", "between_tools", "always")
    )


def _thinking_shown(body: dict[str, Any], model: Model) -> bool:
    """Whether the thinking's text is sent; from Opus 4.7 on only when it is asked for."""
    display = (body.get("thinking") or {}).get("display")
    if display is not None:
        return bool(display == "summarized")
    return model.thinking in _SHOWN_BY_DEFAULT and model.id not in _OMITTED_FROM
