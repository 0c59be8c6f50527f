"""genai-prices as a second opinion on Anthropic's prices: it agrees, except where it is known to be wrong or silent.

A disagreement that a newer version mends fails here by name, and its line can go.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from genai_prices import calc_price
from genai_prices.data import providers
from genai_prices.types import Usage as TheirUsage

from core.pricing import price_usage
from core.usage import read_usage

NOW = datetime(2026, 11, 21, tzinfo=UTC)
FAST, BATCH = {"speed": "fast"}, {"processing": "batch"}

CURRENT = [
    "claude-fable-5",
    "claude-fable-5-1",
    "claude-fable-5-2",
    "claude-mythos-5-2",
    "claude-opus-4-5",
    "claude-opus-4-6",
    "claude-opus-4-7",
    "claude-opus-4-8",
    "claude-opus-5",
    "claude-opus-5-5",
    "claude-sonnet-4-5-20250929",
    "claude-sonnet-4-6",
    "claude-sonnet-5",
    "claude-sonnet-5-5",
    "claude-haiku-4-5-20251001",
    "claude-haiku-5-5",
]
FAST_TODAY = ["claude-fable-5-2", "claude-mythos-5-2", "claude-opus-5-5", "claude-opus-5", "claude-opus-4-8"]
OLD = ["claude-opus-4-1-20250805", "claude-opus-4-20250514", "claude-sonnet-4-20250514", "claude-3-7-sonnet-20250219"]
OLD += ["claude-3-5-haiku-20241022", "claude-3-haiku-20240307"]

PLAIN = {"input_tokens": 1000, "output_tokens": 2000}
CACHED = {
    **PLAIN,
    "cache_creation_input_tokens": 7000,
    "cache_creation": {"ephemeral_5m_input_tokens": 3000, "ephemeral_1h_input_tokens": 4000},
    "cache_read_input_tokens": 50_000,
}
LONG = {"input_tokens": 200_001, "output_tokens": 1000}
SEARCHED = {**PLAIN, "server_tool_use": {"web_search_requests": 3}}


def _theirs(model: str, usage: Mapping[str, Any], at: datetime, context: Mapping[str, str] | None) -> Decimal | None:
    ours = read_usage(usage).usage
    counts = TheirUsage(
        input_tokens=ours.prompt,
        cache_write_tokens=ours.cache_write,
        cache_write_1h_tokens=ours.cache_write_1h,
        cache_read_tokens=ours.cache_read,
        output_tokens=ours.output,
        web_searches=ours.web_searches,
    )
    try:
        price = calc_price(counts, model, provider_id="anthropic", genai_request_timestamp=at, price_context=context)
    except LookupError:
        return None
    return price.total_price * 10**9


@pytest.mark.parametrize("usage", [PLAIN, CACHED], ids=["plain", "cached"])
@pytest.mark.parametrize("model", CURRENT + OLD)
def test_it_agrees_on_plain_and_cached_replies(model: str, usage: dict[str, Any]) -> None:
    assert price_usage(model, usage, NOW).total == _theirs(model, usage, NOW, None)


@pytest.mark.parametrize("model", CURRENT)
def test_it_agrees_on_searches_and_todays_batches(model: str) -> None:
    assert price_usage(model, SEARCHED, NOW).total == _theirs(model, SEARCHED, NOW, None)
    batch = {**CACHED, "service_tier": "batch"}
    assert price_usage(model, batch, NOW).total == _theirs(model, CACHED, NOW, BATCH)


@pytest.mark.parametrize(
    "model", ["claude-fable-5-2", "claude-mythos-5-2", "claude-opus-5-5", "claude-opus-5", "claude-opus-4-8"]
)
def test_it_agrees_on_fast_replies_of_today(model: str) -> None:
    assert price_usage(model, {**CACHED, "speed": "fast"}, NOW).total == _theirs(model, CACHED, NOW, FAST)


@pytest.mark.parametrize("model", ["claude-haiku-5-5", "claude-opus-4-6", "claude-sonnet-4-6", "claude-opus-5"])
@pytest.mark.parametrize("at", [datetime(2026, 3, 12, tzinfo=UTC), datetime(2026, 3, 13, tzinfo=UTC), NOW])
def test_it_agrees_on_long_prompts_whenever_the_model_was_sold(model: str, at: datetime) -> None:
    total = price_usage(model, LONG, at).total
    assert total is None or total == _theirs(model, LONG, at, None)
    assert total is not None or at < NOW


Disagreement = tuple[str, dict[str, Any], datetime, dict[str, str] | None]
KNOWN: dict[str, Disagreement] = {
    "knows no region": ("claude-opus-5", {**PLAIN, "inference_geo": "us"}, NOW, None),
    "prices Priority as standard": ("claude-opus-4-8", {**PLAIN, "service_tier": "priority"}, NOW, None),
    "lacks mythos-5": ("claude-mythos-5", PLAIN, NOW, None),
    "lacks mythos-5-1": ("claude-mythos-5-1", PLAIN, NOW, None),
    "no batch discount before 2026-10-14": (
        "claude-opus-5", {**PLAIN, "service_tier": "batch"}, datetime(2026, 10, 13, tzinfo=UTC), BATCH,
    ),
    "no batch discount on retired models": (
        "claude-opus-4-1-20250805", {**PLAIN, "service_tier": "batch"}, datetime(2026, 7, 1, tzinfo=UTC), BATCH,
    ),
    "cheap sonnet-5-5 reads too early": ("claude-sonnet-5-5", CACHED, datetime(2026, 10, 6, tzinfo=UTC), None),
    "no fast history of opus-4-7": (
        "claude-opus-4-7", {**PLAIN, "speed": "fast"}, datetime(2026, 6, 1, tzinfo=UTC), FAST,
    ),
    "no fast history of opus-4-6": (
        "claude-opus-4-6", {**PLAIN, "speed": "fast"}, datetime(2026, 6, 1, tzinfo=UTC), FAST,
    ),
    "no long prompts of sonnet-4": ("claude-sonnet-4-20250514", LONG, datetime(2026, 1, 1, tzinfo=UTC), None),
    "long prompts of sonnet-4-5 kept too long": ("claude-sonnet-4-5", LONG, datetime(2026, 5, 1, tzinfo=UTC), None),
    "fast on opus-4-8 kept too long": (
        "claude-opus-4-8", {**PLAIN, "speed": "fast"}, datetime(2026, 12, 1, tzinfo=UTC), FAST,
    ),
    "prices models before their release": ("claude-opus-5-5", PLAIN, datetime(2026, 9, 21, tzinfo=UTC), None),
    "guesses models from the start of their name": ("claude-haiku-4-5-foo", PLAIN, NOW, None),
}  # fmt: skip


@pytest.mark.parametrize("name", KNOWN)
def test_the_known_disagreement_is_still_there(name: str) -> None:
    model, usage, at, context = KNOWN[name]
    assert price_usage(model, usage, at).total != _theirs(model, usage, at, context)


def test_it_bills_refusals_that_are_free() -> None:
    usage = {"input_tokens": 400, "output_tokens": 0}
    ours = price_usage("claude-fable-5-1", usage, NOW, stop_reason="refusal", content_blocks=0)
    assert ours.total == 0
    assert _theirs("claude-fable-5-1", usage, NOW, None) == 4_000_000


def test_every_model_it_sells_from_sonnet_3_7_on_is_in_our_book() -> None:
    [anthropic] = [provider for provider in providers if provider.id == "anthropic"]
    missing = {model.id for model in anthropic.models if price_usage(model.id, PLAIN, NOW).total is None}
    assert missing == {
        "claude-v1", "claude-2", "claude-3-haiku", "claude-3-sonnet", "claude-3-opus-latest", "claude-3-5-sonnet",
    }  # fmt: skip
