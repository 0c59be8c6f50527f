"""Every row of the price page, on its days and not on others."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from core.pricing import price_usage, rate_card
from tests.core.pricing import oracle
from tests.core.pricing.oracle import PRICES, TruePrice

MILLION = 1_000_000
A_MOMENT = timedelta(microseconds=1)
NOW = datetime(2026, 11, 21, tzinfo=UTC)
FAR = datetime(2027, 1, 1, tzinfo=UTC)
ROWS = [
    pytest.param(model, row, id=f"{model}-{row.speed}-over-{row.over}-from-{row.since:%Y-%m-%d}")
    for row in PRICES
    for model in row.models
]


def _usage(row: TruePrice, prompt: int) -> dict[str, object]:
    return {"input_tokens": 0, "cache_read_input_tokens": prompt, "output_tokens": MILLION, "speed": row.speed}


@pytest.mark.parametrize(("model", "row"), ROWS)
def test_each_bucket_has_the_published_price_and_says_since_when_and_where_from(model: str, row: TruePrice) -> None:
    usage = {
        "input_tokens": MILLION,
        "cache_creation_input_tokens": 2 * MILLION,
        "cache_creation": {"ephemeral_5m_input_tokens": MILLION, "ephemeral_1h_input_tokens": MILLION},
        "cache_read_input_tokens": MILLION,
        "output_tokens": MILLION,
        "speed": row.speed,
    }
    prices = oracle.rates(model, row.since, row.speed, 4 * MILLION)
    assert prices is not None
    priced = price_usage(model, usage, row.since)
    assert {line.unit: line.amount for line in priced.lines} == {unit: usd * 10**9 for unit, usd in prices.items()}
    assert {line.price_from for line in priced.lines} == {row.since}
    assert all(line.source and line.model == model for line in priced.lines)


@pytest.mark.parametrize(("model", "row"), ROWS)
@pytest.mark.parametrize("prompt", [1, 100_000, 100_001, 200_000, 200_001])
def test_the_price_changes_at_the_edge_of_day_and_length(model: str, row: TruePrice, prompt: int) -> None:
    for at in (row.since - A_MOMENT, row.since, min(row.until, FAR) - A_MOMENT, min(row.until, FAR)):
        exact = oracle.dollars(model, _usage(row, prompt), at)
        total = price_usage(model, _usage(row, prompt), at).total
        assert total == (None if exact is None else exact * 10**9), (at, prompt)


def test_before_its_release_a_model_has_no_price() -> None:
    priced = price_usage("claude-opus-5-5", {"input_tokens": 1, "output_tokens": 1}, datetime(2026, 9, 21, tzinfo=UTC))
    assert (priced.total, priced.basis) == (None, "unpriced")
    assert priced.reason == "claude-opus-5-5 has no price at standard speed on 2026-09-21"


def test_a_retired_model_keeps_its_last_price_and_says_so() -> None:
    usage = {"input_tokens": MILLION, "output_tokens": 0}
    last_day = price_usage("claude-opus-4-1", usage, datetime(2026, 8, 4, 23, 59, tzinfo=UTC))
    retired = price_usage("claude-opus-4-1", usage, datetime(2026, 8, 5, tzinfo=UTC))
    assert last_day.total == retired.total == 15 * 10**9
    assert last_day.reason is None
    assert retired.reason == "claude-opus-4-1 retired on 2026-08-05 and is priced as it last was"


@pytest.mark.parametrize(
    "model",
    [
        "claude-mythos-preview",
        "claude-opus-6",
        "claude-haiku-4-5-foo",
        "us.anthropic.claude-opus-6-v1:0",
        "my-claude-opus-5",
        "claude-opus-5-foo@20260724",
        "arn:aws:bedrock:us-east-1:4:application-inference-profile/a1b2",
        "gpt-from-nowhere",
        "",
    ],
)
def test_a_model_the_book_does_not_name_exactly_is_unpriced_but_counted(model: str) -> None:
    priced = price_usage(model, {"input_tokens": 7, "output_tokens": 3}, NOW)
    assert (priced.total, priced.basis) == (None, "unpriced")
    assert priced.reason == f"no price is known for the model {model!r}"
    assert [(line.unit, line.quantity, line.amount) for line in priced.lines] == [
        ("input", 7, None),
        ("output", 3, None),
    ]
    assert {line.unit_price_usd for line in priced.lines} == {None}


@pytest.mark.parametrize(
    ("answered", "named"),
    [
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5-20250929"),
        ("eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5-20250929"),
        ("apac.anthropic.claude-opus-4-8-v1:0", "claude-opus-4-8"),
        ("global.anthropic.claude-opus-4-6-v1", "claude-opus-4-6"),
        ("us-gov.anthropic.claude-haiku-4-5-20251001-v1:0:200k", "claude-haiku-4-5-20251001"),
        ("anthropic.claude-opus-5-5", "claude-opus-5-5"),
        ("arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-opus-4-8-v1:0", "claude-opus-4-8"),
        ("bedrock/us.anthropic.claude-opus-5-v1:0", "claude-opus-5"),
        ("vertex_ai/claude-sonnet-4-5@20250929", "claude-sonnet-4-5-20250929"),
        ("claude-opus-4-6@default", "claude-opus-4-6"),
        ("publishers/anthropic/models/claude-opus-5@20260724", "claude-opus-5"),
        ("anthropic/claude-sonnet-4.5", "claude-sonnet-4-5"),
        ("openrouter/anthropic/claude-4.5-sonnet-20250929", "claude-sonnet-4-5-20250929"),
        ("databricks-claude-sonnet-4-6", "claude-sonnet-4-6"),
        ("claude-opus-5-20260724", "claude-opus-5"),
        ("claude-opus-4-6[1m]", "claude-opus-4-6"),
        ("claude-sonnet-5-5-latest", "claude-sonnet-5-5"),
        ("Claude-Opus-5", "claude-opus-5"),
    ],
)
def test_an_id_of_a_gateway_is_priced_as_the_model_it_names_and_says_so(answered: str, named: str) -> None:
    usage = {"input_tokens": 7, "output_tokens": 3, "cache_creation_input_tokens": 11}
    priced, true = price_usage(answered, usage, NOW), price_usage(named, usage, NOW)
    assert true.total
    assert (priced.total, priced.basis, priced.lines) == (true.total, "computed", true.lines)
    assert priced.reason is not None
    assert f"answered as {answered}, priced as {named}" in priced.reason
    assert rate_card(answered, NOW) == rate_card(named, NOW)


def test_a_naive_time_is_read_as_utc() -> None:
    usage = {"input_tokens": 0, "cache_read_input_tokens": MILLION, "output_tokens": 0}
    naive = datetime(2026, 10, 7)  # noqa: DTZ001
    assert price_usage("claude-sonnet-5-5", usage, naive).total == 100_000_000
    assert price_usage("claude-sonnet-5-5", usage, naive - A_MOMENT).total == 200_000_000


def test_the_time_may_be_of_any_zone() -> None:
    usage = {"input_tokens": 0, "cache_read_input_tokens": MILLION, "output_tokens": 0}
    at = datetime.fromisoformat("2026-10-07T01:00:00+02:00")
    assert price_usage("claude-sonnet-5-5", usage, at).total == 200_000_000


def test_the_unit_price_is_exact_and_plain() -> None:
    [line] = price_usage("claude-haiku-5-5", {"cache_read_input_tokens": 1}, NOW).lines
    assert line.unit_price_usd == Decimal("0.00000001")
    assert line.amount == 10
