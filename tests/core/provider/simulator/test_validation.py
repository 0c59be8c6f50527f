"""Requests that the API would reject."""

from typing import Any

import pytest

from core.provider.models import find_model
from core.provider.simulator.signatures import sign_thinking
from core.provider.simulator.validation import Rejection, check_body, check_key, check_length, check_size
from tests.core.provider.simulator.requests import body

THOUGHT = {"type": "thinking", "thinking": "Hm", "signature": sign_thinking("Hm", "n")}


def talk(*assistant: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": list(assistant)},
        {"role": "user", "content": [{"type": "text", "text": "And?"}]},
    ]


def marked(*ttls: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral", "ttl": ttl}} for ttl in ttls]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"messages": talk(THOUGHT, {"type": "text", "text": "Hello"})},
        {"messages": talk({"type": "redacted_thinking", "data": "x"})},
        {"system": marked("1h", "1h", "5m", "5m")},
        {
            "model": "claude-haiku-4-5-20251001",
            "thinking": {"type": "enabled", "budget_tokens": 1_024},
            "max_tokens": 1_025,
        },
        {"model": "claude-opus-5", "thinking": {"type": "disabled"}},
    ],
)
def test_good_requests_pass(fields: dict[str, Any]) -> None:
    assert check_body(body(**fields)).id in ("claude-sonnet-5-5", "claude-haiku-4-5", "claude-opus-5")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"max_tokens": None}, "max_tokens: Field required"),
        ({"max_tokens": 0}, "greater than or equal to 1"),
        ({"max_tokens": "9"}, "greater than or equal to 1"),
        ({"max_tokens": 128_001}, "128001 > 128000"),
        ({"model": None}, "model: Field required"),
        ({"messages": []}, "at least one message"),
        ({"messages": [{"role": "system", "content": "x"}]}, "role"),
        ({"messages": [{"role": "user", "content": ""}]}, "non-empty content"),
        ({"messages": [{"role": "user", "content": " "}]}, "non-whitespace"),
        ({"messages": [{"role": "user", "content": [{"text": "x"}]}]}, "type: Field required"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": ""}]}]}, "non-empty"),
        ({"messages": [{"role": "assistant", "content": "x"}, *talk()[2:]]}, "first message"),
        ({"messages": talk({"type": "text", "text": "x"})[:2]}, "prefill"),
        ({"messages": talk({**THOUGHT, "thinking": "Hm!"})}, "messages.1.content.0: Invalid `signature`"),
        ({"thinking": {"type": "enabled", "budget_tokens": 2_000}}, '"thinking.type.enabled" is not supported'),
        ({"thinking": {"type": "disabled"}}, '"thinking.type.disabled" is not supported'),
        ({"model": "claude-opus-5-5", "thinking": {"type": "disabled"}}, '"thinking.type.disabled" is not supported'),
        ({"model": "claude-haiku-4-5", "thinking": {"type": "enabled", "budget_tokens": 900}}, "at least 1024"),
        ({"system": marked("5m", "1h")}, "must not come after"),
        ({"system": marked("5m", "5m", "5m", "5m", "5m")}, "Found 5"),
        ({"system": marked("2h")}, "ttl"),
        ({"temperature": 0.5}, "temperature"),
    ],
)
def test_bad_requests_are_rejected_with_a_reason(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(Rejection) as raised:
        check_body(body(**fields))
    assert (raised.value.status, raised.value.type) == (400, "invalid_request_error")
    assert message in raised.value.message


@pytest.mark.parametrize("content", [None, [], "text", 5])
def test_a_body_that_is_no_object_is_rejected(content: Any) -> None:
    with pytest.raises(Rejection, match="JSON object"):
        check_body(content)


def test_an_unknown_model_is_not_found() -> None:
    with pytest.raises(Rejection) as raised:
        check_body(body(model="gpt-4"))
    assert (raised.value.status, raised.value.type) == (404, "not_found_error")


@pytest.mark.parametrize("headers", [{"authorization": "Bearer abc"}, {"x-api-key": "abc"}])
def test_any_key_will_do_in_either_header(headers: dict[str, str]) -> None:
    check_key(headers)


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer "}, {"authorization": "Bearer a-wrong-key"}])
def test_no_key_or_a_wrong_one_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(Rejection) as raised:
        check_key(headers)
    assert raised.value.status == 401


def test_the_context_window_is_a_limit() -> None:
    large, small = find_model("claude-opus-5"), find_model("claude-haiku-4-5")
    assert large is not None
    assert small is not None
    check_length(1_000_000, 100, large)
    check_length(199_900, 100, small)
    with pytest.raises(Rejection, match="prompt is too long: 1000001 tokens > 1000000 maximum"):
        check_length(1_000_001, 100, large)
    with pytest.raises(Rejection, match="context window"):
        check_length(199_901, 100, small)


def test_thirty_two_megabytes_are_the_most() -> None:
    check_size(b"x" * 32_000_000)
    with pytest.raises(Rejection) as raised:
        check_size(b"x" * 32_000_001)
    assert (raised.value.status, raised.value.type) == (413, "request_too_large")
