"""Whole answers of the simulated API."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.provider.simulator.directives import HTTP_FAULTS
from core.provider.simulator.messages_api import Simulator
from core.provider.simulator.tokens import count_tokens
from core.usage import read_usage
from tests.core.provider.simulator.requests import HEADERS, body, error, events, text, wire

VISIBLE = {"type": "adaptive", "display": "summarized"}


def answered(content: dict[str, Any], *, seed: int = 0) -> list[dict[str, Any]]:
    response = Simulator(seed=seed).answer(wire(content))
    assert response.status == 200
    return events(response)


def final_usage(answer: list[dict[str, Any]]) -> dict[str, Any]:
    usage: dict[str, Any] = answer[-2]["usage"]
    return usage


def test_an_answer_has_the_events_of_the_wire_in_order() -> None:
    answer = answered(body("[[tokens: 2]] tea"))
    assert [event["type"] for event in answer] == [
        "message_start",
        "ping",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert answer[0]["message"]["usage"]["output_tokens"] == 1
    assert answer[-2]["delta"]["stop_reason"] == "end_turn"


@given(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=200),
    st.sampled_from(["claude-opus-5-5", "claude-sonnet-4-6"]),
)
@settings(max_examples=40, deadline=None)
def test_the_count_is_that_of_the_text(question: str, model: str) -> None:
    answer = answered(body(f"Tea: {question}", model=model, thinking=VISIBLE))
    shown = count_tokens(text(answer), model) + count_tokens(text(answer, "thinking"), model)
    assert final_usage(answer)["output_tokens"] == shown
    usage = read_usage({**answer[0]["message"]["usage"], **final_usage(answer)}).usage
    assert 0 < usage.thinking < usage.output
    assert usage.input == count_tokens(f"Tea: {question}", model) + 4


def test_the_same_request_gets_the_same_answer_and_another_seed_another() -> None:
    assert answered(body()) == answered(body())
    assert text(answered(body())) != text(answered(body(), seed=1))


def test_an_answer_is_cut_at_max_tokens() -> None:
    answer = answered(body("[[tokens: 5000]]", max_tokens=50))
    assert final_usage(answer)["output_tokens"] == 50
    assert answer[-2]["delta"]["stop_reason"] == "max_tokens"


@pytest.mark.parametrize(
    ("model", "thinking", "blocks", "shown"),
    [
        ("claude-opus-5-5", VISIBLE, ["thinking", "text"], True),
        ("claude-opus-5-5", None, ["thinking", "text"], False),
        ("claude-opus-5", {"type": "disabled"}, ["text"], False),
        ("claude-opus-4-8", None, ["text"], False),
        ("claude-opus-4-8", {"type": "adaptive"}, ["thinking", "text"], False),
        ("claude-sonnet-4-6", {"type": "adaptive"}, ["thinking", "text"], True),
        ("claude-haiku-4-5", {"type": "enabled", "budget_tokens": 1_024}, ["thinking", "text"], True),
    ],
)
def test_each_model_thinks_as_its_kind_does(model: str, thinking: Any, blocks: list[str], shown: bool) -> None:
    answer = answered(body(model=model, thinking=thinking, max_tokens=2_000))
    starts = [event["content_block"]["type"] for event in answer if event["type"] == "content_block_start"]
    assert starts == blocks
    assert bool(text(answer, "thinking")) == shown
    assert bool(text(answer, "signature")) == ("thinking" in blocks)
    assert ("output_tokens_details" in final_usage(answer)) == ("thinking" in blocks)


@pytest.mark.parametrize("shown", [True, False])
def test_thinking_is_taken_back_as_it_was_sent(shown: bool) -> None:
    thinking = VISIBLE if shown else {"type": "adaptive"}
    answer = answered(body(thinking=thinking))
    block = {"type": "thinking", "thinking": text(answer, "thinking"), "signature": text(answer, "signature")}
    messages = [
        {"role": "user", "content": "What is tea?"},
        {"role": "assistant", "content": [block, {"type": "text", "text": text(answer)}]},
        {"role": "user", "content": "And coffee?"},
    ]
    assert answered(body(messages=messages, thinking=thinking))[-1] == {"type": "message_stop"}
    block["thinking"] += " "
    response = Simulator().answer(wire(body(messages=messages, thinking=thinking)))
    assert response.status == 400
    assert "signature" in error(response)["message"]


def test_the_cache_is_shared_by_the_answers_of_one_simulator() -> None:
    simulator = Simulator()
    system = [{"type": "text", "text": "tea " * 1_000, "cache_control": {"type": "ephemeral"}}]
    first, second = (events(simulator.answer(wire(body(str(n), system=system)))) for n in range(2))
    assert final_usage(first)["cache_creation_input_tokens"] == final_usage(second)["cache_read_input_tokens"] > 900
    assert first[0]["message"]["usage"]["cache_creation"]["ephemeral_5m_input_tokens"] > 900
    assert final_usage(second)["cache_creation_input_tokens"] == 0


@pytest.mark.parametrize(("order", "content", "output"), [("[[refusal]]", False, 0), ("[[refusal after 3]]", True, 3)])
def test_a_refusal_comes_before_or_in_the_middle(order: str, content: bool, output: int) -> None:
    answer = answered(body(order))
    assert answer[-2]["delta"]["stop_reason"] == "refusal"
    assert answer[-2]["delta"]["stop_details"]["type"] == "refusal"
    assert bool(text(answer)) == content
    assert final_usage(answer)["output_tokens"] == output


def test_orders_shape_the_usage() -> None:
    answer = answered(
        body("[[geo: us]] [[speed: fast]] [[tier: priority]] [[searches: 2]] [[deltas: 3]] [[tokens: 9]]")
    )
    start = answer[0]["message"]["usage"]
    assert (start["inference_geo"], start["speed"], start["service_tier"]) == ("us", "fast", "priority")
    deltas = [event["usage"] for event in answer if event["type"] == "message_delta"]
    assert [usage["output_tokens"] for usage in deltas] == [3, 6, 9]
    assert deltas[-1]["server_tool_use"]["web_search_requests"] == 2


def test_an_alias_is_answered_with_the_dated_id() -> None:
    assert answered(body(model="claude-haiku-4-5", thinking=None))[0]["message"]["model"] == "claude-haiku-4-5-20251001"


@pytest.mark.parametrize("kind", HTTP_FAULTS)
def test_every_fault_has_its_status_and_type(kind: str) -> None:
    response = Simulator().answer(wire(body(f"[[fault: {kind}]]")))
    status, error_type, _ = HTTP_FAULTS[kind]
    assert (response.status, error(response)["type"]) == (status, error_type)
    assert response.headers["request-id"].startswith("req_sim")


def test_a_rate_limit_asks_for_a_wait_and_a_spend_limit_names_itself() -> None:
    limited = Simulator().answer(wire(body("[[fault: rate_limit retry 7]]")))
    spent = Simulator().answer(wire(body("[[fault: spend_limit]]")))
    assert limited.headers["retry-after"] == "7"
    assert "retry-after" not in spent.headers
    assert error(spent)["details"] == {"error_code": "enforced_spend_limit_reached"}


def test_a_fault_of_so_many_times_passes_and_comes_back() -> None:
    simulator = Simulator()
    request = wire(body("[[fault: overloaded 2 times]]"))
    assert [simulator.answer(request).status for _ in range(6)] == [529, 529, 200, 529, 529, 200]


@pytest.mark.parametrize(
    ("request_made", "status"),
    [
        (wire(body(), headers={}), 401),
        (wire(body(), path="/v1/complete"), 404),
        (wire(b"{not json"), 400),
        (wire(b"\xff"), 400),
        (wire(body(stream=False)), 400),
        (wire(body("tea " * 1_200_000)), 400),
        (wire(body(), headers={**HEADERS, "x-api-key": "wrong"}), 401),
    ],
    ids=["no key", "path", "no JSON", "no UTF-8", "not streamed", "too long", "wrong key"],
)
def test_bad_requests_get_the_apis_answer(request_made: Any, status: int) -> None:
    response = Simulator().answer(request_made)
    assert response.status == status
    assert error(response)["message"]
