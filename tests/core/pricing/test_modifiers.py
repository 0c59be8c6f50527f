"""Service tier, region, speed, searches and prompt length: what multiplies, what stacks, what has no price."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from core.pricing import Priced, price_usage

NOW = datetime(2026, 11, 21, tzinfo=UTC)
MILLION = 1_000_000
USD = 10**9


def _price(model: str, at: datetime = NOW, **more: Any) -> Priced:
    return price_usage(model, {"input_tokens": MILLION, "output_tokens": MILLION, **more}, at)


@pytest.mark.parametrize(
    ("terms", "factor"),
    [
        ({}, "1"),
        ({"service_tier": None, "inference_geo": None, "speed": None}, "1"),
        ({"service_tier": "standard", "inference_geo": "global", "speed": "standard"}, "1"),
        ({"inference_geo": "not_available"}, "1"),
        ({"inference_geo": "us"}, "1.1"),
        ({"service_tier": "batch"}, "0.5"),
        ({"service_tier": "batch", "inference_geo": "us"}, "0.55"),
        ({"speed": "fast"}, "2"),
        ({"speed": "fast", "inference_geo": "us"}, "2.2"),
    ],
)
def test_tier_region_and_speed_multiply_what_tokens_cost(terms: dict[str, Any], factor: str) -> None:
    assert _price("claude-opus-5-5", **terms).total == 24 * USD * Decimal(factor)


@pytest.mark.parametrize("at", [datetime(2026, 8, 1, tzinfo=UTC), datetime(2026, 10, 14, tzinfo=UTC), NOW])
def test_batches_are_half_price_on_every_day(at: datetime) -> None:
    assert _price("claude-opus-5", at, service_tier="batch").total == 15 * USD


@pytest.mark.parametrize(
    "terms",
    [
        {"service_tier": "priority"},
        {"service_tier": "flex"},
        {"service_tier": ["batch"]},
        {"service_tier": 1},
        {"inference_geo": "eu"},
        {"inference_geo": {}},
        {"speed": "turbo"},
        {"speed": ["fast"]},
        {"speed": "fast", "service_tier": "batch"},
        {"speed": "fast", "service_tier": "priority"},
    ],
)
def test_terms_without_a_public_price_are_unpriced_and_named(terms: dict[str, Any]) -> None:
    priced = _price("claude-opus-5-5", **terms)
    assert (priced.total, priced.basis) == (None, "unpriced")
    assert priced.reason is not None
    assert any(str(value) in priced.reason for value in terms.values())
    assert [(line.quantity, line.amount) for line in priced.lines] == [(MILLION, None), (MILLION, None)]


@pytest.mark.parametrize(
    ("model", "at"),
    [
        ("claude-sonnet-5-5", NOW),
        ("claude-haiku-5-5", NOW),
        ("claude-opus-4-5", NOW),
        ("claude-fable-5-1", NOW),
        ("claude-opus-4-6", NOW),
        ("claude-opus-4-7", NOW),
        ("claude-opus-4-7", datetime(2026, 5, 11, tzinfo=UTC)),
        ("claude-opus-4-8", datetime(2026, 11, 30, tzinfo=UTC)),
    ],
)
def test_fast_replies_of_a_model_without_a_fast_price_are_unpriced(model: str, at: datetime) -> None:
    assert _price(model, at, speed="fast").total is None
    assert _price(model, at, speed="standard").total is not None


@pytest.mark.parametrize("model", ["claude-opus-4-5", "claude-haiku-4-5-20251001", "claude-sonnet-4-5-20250929"])
def test_models_before_4_6_cost_the_same_in_every_region(model: str) -> None:
    priced = _price(model, inference_geo="us")
    assert priced.total == _price(model).total
    assert priced.reason == f"{model} has no price of its own for the region us and is priced as anywhere"


def test_searches_have_a_fee_apiece_that_nothing_multiplies() -> None:
    tools = {"web_search_requests": 3, "web_fetch_requests": 9}
    priced = _price("claude-opus-5-5", service_tier="batch", inference_geo="us", server_tool_use=tools)
    assert priced.total == 24 * USD * 55 // 100 + 30_000_000
    assert priced.lines[-1].unit == "web_search"
    assert (priced.lines[-1].unit_price_usd, priced.lines[-1].amount) == (Decimal("0.01"), 30_000_000)


def test_searches_before_they_were_sold_have_no_price() -> None:
    early = datetime(2025, 5, 6, tzinfo=UTC)
    assert _price("claude-3-7-sonnet-20250219", early).total == 18 * USD
    priced = _price("claude-3-7-sonnet-20250219", early, server_tool_use={"web_search_requests": 1})
    assert (priced.total, priced.reason) == (None, "web searches have no price on 2025-05-06")


def test_code_execution_is_named_as_not_included() -> None:
    priced = _price("claude-opus-5-5", server_tool_use={"code_execution_requests": 1})
    assert priced.total == 24 * USD
    assert priced.reason is not None
    assert "code execution" in priced.reason


def test_a_long_prompt_that_may_be_a_sum_over_tool_calls_is_flagged() -> None:
    searched = _price("claude-haiku-5-5", server_tool_use={"web_search_requests": 1})
    assert searched.reason is not None
    assert "sum over a tool loop" in searched.reason
    assert _price("claude-haiku-5-5").reason is None


@pytest.mark.parametrize(("prompt", "rate"), [(100_000, 10), (100_001, 50)])
def test_every_kind_of_prompt_token_counts_towards_the_length_and_output_does_not(prompt: int, rate: int) -> None:
    usage = {"input_tokens": 1, "cache_creation_input_tokens": 2, "cache_read_input_tokens": prompt - 3}
    lines = price_usage("claude-haiku-5-5", {**usage, "output_tokens": 128_000}, NOW).lines
    assert [line.amount for line in lines] == [
        rate * 10,
        2 * rate * 125 // 10,
        (prompt - 3) * rate,
        128_000 * rate * 50,
    ]
