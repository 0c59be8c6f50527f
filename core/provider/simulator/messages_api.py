"""The simulated API: from a request for a message to the plan of its answer, and a list of the models."""

import hashlib
import json
from collections import OrderedDict
from typing import Any

from core.provider.models import MODELS, Model
from core.provider.simulator.directives import HTTP_FAULTS, Fault, read_orders
from core.provider.simulator.events import answer_steps
from core.provider.simulator.faults import carry_out
from core.provider.simulator.plan import Draft, plan_answer, tempo
from core.provider.simulator.prompt_cache import PromptCache, PromptTokens, prompt_positions
from core.provider.simulator.talk import read_talk
from core.provider.simulator.validation import Rejection, check_body, check_key, check_length, check_size
from core.provider.simulator.wire import Chunk, WireRequest, WireResponse

_MOST_COUNTED_FAULTS = 1_000


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
        if (request.method, request.path) == ("GET", "/v1/models"):
            return _models(_request_id(digest))
        if request.path.rstrip("/") != "/v1/messages":
            raise Rejection(404, "not_found_error", f"no such path: {request.path}")
        check_size(request.body)
        body = _parsed(request.body)
        model = check_body(body)
        if body.get("stream") is not True:
            raise Rejection(400, "invalid_request_error", "stream: the simulator answers only as a stream")
        talk = read_talk(body)
        orders = read_orders(talk.question)
        fault = self._due(orders.fault, digest)
        if fault is not None and fault.after is None and fault.kind in HTTP_FAULTS:
            raise _ordered_rejection(fault)
        prompt = self._prompt_tokens(body, model)
        plan = plan_answer(body, model, orders, Draft(talk, digest, prompt))
        headers = {"content-type": "text/event-stream; charset=utf-8", "request-id": _request_id(digest)}
        return carry_out(fault, answer_steps(plan, tempo(orders, self._pace, digest)), headers)

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


def _models(request_id: str) -> WireResponse:
    """One line of the list says as much as the whole: that the key is good."""
    made = {"type": "model", "created_at": "1970-01-01T00:00:00Z", "lifecycle": "active"}
    listed = [{**made, "id": model.id, "display_name": model.label} for model in MODELS[:1]]
    page = {"data": listed, "has_more": True, "first_id": listed[0]["id"], "last_id": listed[0]["id"]}
    headers = {"content-type": "application/json", "request-id": request_id}
    return WireResponse(200, headers, [Chunk(json.dumps(page).encode())])


def _request_id(digest: str) -> str:
    return f"req_sim{digest[:20]}"


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        raise Rejection(400, "invalid_request_error", "The request body is not valid JSON") from None


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
