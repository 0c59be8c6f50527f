"""The books as data: the true one is complete and sourced, the original one keeps the first system's figures."""

import tomllib
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from core.pricing import price_book, price_usage, rate_card
from core.pricing.book_file import FOLDER
from core.pricing.rates import ModelRates
from core.units import TOKENS as UNIT_TOKENS

NOW = datetime(2026, 11, 21, tzinfo=UTC)
MILLION = 1_000_000
TOKENS = {unit.name for unit in UNIT_TOKENS}
TABLE: dict[str, Any] = tomllib.loads((FOLDER / "anthropic.toml").read_text("utf-8"))
ROWS = [
    pytest.param(model, row, id=f"{model}-{number}")
    for model, entry in TABLE["models"].items()
    for number, row in enumerate(entry["rates"])
]


@pytest.mark.parametrize(("model", "row"), ROWS)
def test_every_row_has_all_five_rates_a_day_and_a_source(model: str, row: dict[str, Any]) -> None:
    assert row.keys() >= TOKENS
    assert isinstance(row["from"], date)
    assert row.get("until", date.max) > row["from"]
    assert TABLE["sources"][row["source"]].startswith(("https://platform.claude.com/docs/", "genai-prices"))
    assert row.keys() <= TOKENS | {"from", "until", "speed", "prompt_over", "source"}


@pytest.mark.parametrize(("model", "row"), ROWS)
def test_every_row_keeps_the_ratios_of_cache_prices(model: str, row: dict[str, Any]) -> None:
    """A slip of the pen would break them; Haiku 3 alone has a five-minute write that was rounded down."""
    usd = {unit: Decimal(row[unit]) for unit in TOKENS}
    if model != "claude-3-haiku-20240307":
        assert usd["cache_write_5m"] == usd["input"] * Decimal("1.25")
        assert usd["cache_read"] / usd["input"] in {Decimal("0.1"), Decimal("0.05"), Decimal("0.025")}
    assert usd["cache_write_1h"] == usd["input"] * 2
    assert usd["input"] < usd["output"] <= usd["input"] * 6


def test_every_source_is_used() -> None:
    rows = [row for entry in TABLE["models"].values() for row in entry["rates"]]
    used = {row["source"] for row in [*rows, *TABLE["fees"]["web_search"], TABLE["refusals"]]}
    assert used == TABLE["sources"].keys()


@pytest.mark.parametrize("model", TABLE["models"])
def test_no_two_rows_of_a_model_start_on_one_day_for_the_same_replies(model: str) -> None:
    kinds = [(row.get("speed"), row.get("prompt_over"), row["from"]) for row in TABLE["models"][model]["rates"]]
    assert len(set(kinds)) == len(kinds)


def test_an_alias_has_the_history_of_its_model() -> None:
    models = price_book("anthropic").models
    assert models["claude-haiku-4-5"] is models["claude-haiku-4-5-20251001"]
    assert models["claude-sonnet-4-0"] is models["claude-sonnet-4-20250514"]


def test_a_book_is_read_once_and_cannot_be_changed() -> None:
    book = price_book("anthropic")
    assert price_book("anthropic") is book
    with pytest.raises(TypeError):
        book.models["claude-opus-7"] = ModelRates(rows=())  # type: ignore[index]
    with pytest.raises(AttributeError):
        book.name = "mine"  # type: ignore[misc]


def test_the_true_book_is_the_default() -> None:
    usage = {"input_tokens": MILLION, "output_tokens": MILLION}
    assert price_usage("claude-opus-4-6", usage, NOW) == price_book("anthropic").price_usage(
        "claude-opus-4-6", usage, NOW
    )
    assert price_usage("claude-opus-4-6", usage, NOW).total == 30 * 10**9


@pytest.mark.parametrize(
    ("model", "nanos_in", "nanos_out"),
    [
        ("claude-opus-4-6", 15_000, 75_000),
        ("claude-sonnet-4-5", 3000, 15_000),
        ("claude-sonnet-4-5-20250929", 3000, 15_000),
        ("claude-haiku-4-5", 800, 4000),
        ("claude-haiku-4-5-20251001", 800, 4000),
    ],
)
@pytest.mark.parametrize("at", [datetime(2020, 1, 1, tzinfo=UTC), NOW])
def test_the_original_book_tells_the_first_systems_figures(
    model: str, nanos_in: int, nanos_out: int, at: datetime
) -> None:
    usage = {"input_tokens": 300_000, "output_tokens": 7, "service_tier": "standard", "inference_geo": "not_available"}
    priced = price_book("original").price_usage(model, usage, at)
    assert priced.total == 300_000 * nanos_in + 7 * nanos_out
    assert {(line.source, line.price_from) for line in priced.lines} == {
        ("price table of the first Command Center", None)
    }


@pytest.mark.parametrize(
    "more",
    [
        {"cache_read_input_tokens": 1},
        {"cache_creation_input_tokens": 1},
        {"server_tool_use": {"web_search_requests": 1}},
        {"service_tier": "batch"},
        {"inference_geo": "us"},
        {"speed": "fast"},
    ],
)
def test_what_the_original_book_never_knew_is_unpriced_in_it(more: dict[str, Any]) -> None:
    usage = {"input_tokens": 10, "output_tokens": 1, **more}
    priced = price_book("original").price_usage("claude-opus-4-6", usage, NOW)
    assert (priced.total, priced.basis) == (None, "unpriced")
    assert priced.reason


@pytest.mark.parametrize("model", ["claude-opus-5-5", "gpt-5"])
def test_the_original_book_has_no_other_models(model: str) -> None:
    priced = price_book("original").price_usage(model, {"input_tokens": 1, "output_tokens": 1}, NOW)
    assert priced.reason == f"no price is known for the model {model!r}"


def test_the_original_book_bills_refusals() -> None:
    usage = {"input_tokens": 10, "output_tokens": 0}
    priced = price_book("original").price_usage("claude-opus-4-6", usage, NOW, stop_reason="refusal", content_blocks=0)
    assert priced.total == 150_000


def test_a_rate_card_is_what_a_million_tokens_cost_that_day() -> None:
    before, after = (rate_card("claude-sonnet-5-5", datetime(2026, 10, day, tzinfo=UTC)) for day in (6, 7))
    assert before is not None
    assert after is not None
    assert before.usd_per_million == {
        "input": 2, "cache_write_5m": Decimal("2.5"), "cache_write_1h": 4, "cache_read": Decimal("0.2"), "output": 10,
    }  # fmt: skip
    assert after.usd_per_million["cache_read"] == Decimal("0.1")
    assert (before.since, after.since) == (datetime(2026, 9, 28, tzinfo=UTC), datetime(2026, 10, 7, tzinfo=UTC))
    assert before.source == "https://platform.claude.com/docs/en/release-notes/overview (2026-10-07)"
    assert before.long_prompts is None


def test_a_rate_card_tells_what_long_prompts_cost() -> None:
    card = rate_card("claude-haiku-5-5", NOW)
    assert card is not None
    assert card.long_prompts is not None
    assert (card.prompt_over, card.long_prompts.prompt_over) == (0, 100_000)
    assert (card.usd_per_million["input"], card.long_prompts.usd_per_million["input"]) == (
        Decimal("0.1"),
        Decimal("0.5"),
    )


@pytest.mark.parametrize("model", ["claude-mythos-preview", "claude-none", "gpt-none"])
def test_there_is_no_rate_card_without_a_price(model: str) -> None:
    assert rate_card(model, NOW) is None


def test_there_is_no_rate_card_before_the_release() -> None:
    assert rate_card("claude-opus-5-5", datetime(2026, 9, 21, tzinfo=UTC)) is None


def test_the_original_books_card_has_only_what_it_knew() -> None:
    card = price_book("original").rate_card("claude-haiku-4-5", NOW)
    assert card is not None
    assert card.usd_per_million == {"input": Decimal("0.8"), "output": 4}
    assert card.since is None


def test_history_is_in_order() -> None:
    """So that a reader of the file finds the newest price of a kind last."""
    for entry in TABLE["models"].values():
        standard = [row for row in entry["rates"] if "speed" not in row and "prompt_over" not in row]
        assert all(earlier["from"] < later["from"] for earlier, later in pairwise(standard))
