"""Models of other vendors are priced by genai-prices, line by line, and only loaded when one turns up."""

import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from genai_prices import Usage as TheirUsage
from genai_prices import __version__, calc_price
from genai_prices.data import providers
from hypothesis import given
from hypothesis import strategies as st

from core.pricing import price_usage, rate_card

NOW = datetime(2026, 11, 21, tzinfo=UTC)
MILLION = 1_000_000
PROJECT = Path(__file__).resolve().parents[3]

counts = st.integers(0, 200_000)


def test_a_line_names_the_package_and_its_version() -> None:
    priced = price_usage("gpt-5", {"input_tokens": MILLION, "output_tokens": 1000}, NOW)
    assert (priced.total, priced.basis, priced.reason) == (1_250_000_000 + 10_000_000, "computed", None)
    assert {line.source for line in priced.lines} == {f"genai-prices {__version__}"}
    assert priced.lines[0].unit_price_usd == Decimal("0.00000125")


@given(
    model=st.sampled_from(["gpt-5", "gpt-4o", "o3", "gemini-2.5-pro", "gemini-3-pro-preview", "deepseek-chat"]),
    fresh=counts,
    writes=st.tuples(counts, counts),
    read=counts,
    output=counts,
)
def test_our_lines_add_up_to_what_the_package_says(
    model: str, fresh: int, writes: tuple[int, int], read: int, output: int
) -> None:
    usage = {
        "input_tokens": fresh,
        "cache_creation_input_tokens": sum(writes),
        "cache_creation": {"ephemeral_5m_input_tokens": writes[0], "ephemeral_1h_input_tokens": writes[1]},
        "cache_read_input_tokens": read,
        "output_tokens": output,
    }
    theirs = TheirUsage(
        input_tokens=fresh + sum(writes) + read,
        cache_write_tokens=sum(writes),
        cache_write_1h_tokens=writes[1],
        cache_read_tokens=read,
        output_tokens=output,
    )
    priced = price_usage(model, usage, NOW)
    exact = calc_price(theirs, model, genai_request_timestamp=NOW).total_price * 10**9
    assert priced.total is not None
    assert abs(priced.total - exact) <= Decimal(len(priced.lines)) / 2


@pytest.mark.parametrize(("prompt", "nanos"), [(200_000, 2000), (200_001, 4000)])
def test_a_long_prompt_has_the_long_price(prompt: int, nanos: int) -> None:
    assert price_usage("gemini-3-pro-preview", {"input_tokens": prompt}, NOW).total == prompt * nanos


def test_an_old_call_has_the_old_price() -> None:
    usage = {"input_tokens": MILLION}
    assert price_usage("o3", usage, datetime(2025, 6, 9, tzinfo=UTC)).total == 10 * 10**9
    assert price_usage("o3", usage, datetime(2025, 6, 10, tzinfo=UTC)).total == 2 * 10**9


@pytest.mark.parametrize(
    "more",
    [
        {"service_tier": "batch"},
        {"service_tier": "flex"},
        {"inference_geo": "us"},
        {"speed": "fast"},
        {"input_tokens_details": {"cached_tokens": 5}},
    ],
)
def test_terms_we_cannot_price_for_another_vendor_are_unpriced(more: dict[str, object]) -> None:
    priced = price_usage("gpt-5", {"input_tokens": 10, "output_tokens": 1, **more}, NOW)
    assert (priced.total, priced.basis) == (None, "unpriced")
    assert priced.reason


def test_a_bucket_the_vendor_has_no_price_for_is_unpriced() -> None:
    priced = price_usage("gemini-embedding-001", {"input_tokens": 10, "output_tokens": 1}, NOW)
    assert priced.total is None
    assert priced.reason == f"genai-prices {__version__} has no price for output of gemini-embedding-001"


def test_no_model_found_by_its_name_has_a_fee_for_the_request_itself() -> None:
    """The fees we add up are for tokens and searches alone."""
    by_request = {
        model.id
        for provider in providers
        for model in provider.models
        if model.get_prices(NOW).requests_kcount is not None
    }
    assert by_request
    assert {model for model in by_request if price_usage(model, {"input_tokens": 1}, NOW).total is not None} == set()


def test_their_models_have_a_rate_card_too() -> None:
    card = rate_card("gpt-5", NOW)
    assert card is not None
    assert "web_search" not in card.usd_per_million
    assert [str(card.usd_per_million[unit]) for unit in ("input", "output")] == ["1.25", "10"]


@pytest.mark.parametrize(
    ("model", "loaded"), [("claude-opus-5-5", "False"), ("claude-none", "False"), ("gpt-5", "True")]
)
def test_the_package_is_loaded_only_for_other_vendors(model: str, loaded: str) -> None:
    look = (
        "import sys; from datetime import datetime, UTC; from core.pricing import price_usage;"
        f"price_usage({model!r}, {{'input_tokens': 1}}, datetime(2026, 11, 21, tzinfo=UTC));"
        "print('genai_prices' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", look], cwd=PROJECT, capture_output=True, text=True)
    assert (run.stdout, run.stderr) == (f"{loaded}\n", "")
