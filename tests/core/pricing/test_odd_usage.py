"""Usage that is odd but true is priced; usage that cannot be true is unpriced and never raised."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.pricing import price_usage

NOW = datetime(2026, 11, 21, tzinfo=UTC)

NULLS = {
    "cache_creation": None,
    "cache_creation_input_tokens": None,
    "cache_read_input_tokens": None,
    "server_tool_use": None,
    "output_tokens_details": None,
    "iterations": None,
    "service_tier": None,
    "inference_geo": None,
    "speed": None,
}


@pytest.mark.parametrize(
    ("more", "nanos"),
    [
        (NULLS, 0),
        ({"iterations": []}, 0),
        ({"something_new": {"tokens": 5}}, 0),
        ({"cache_creation_input_tokens": 100}, 100 * 5000),
        ({"cache_creation_input_tokens": 100, "cache_creation": None}, 100 * 5000),
        ({"cache_creation_input_tokens": 100, "cache_creation": {}}, 100 * 5000),
        (
            {"cache_creation_input_tokens": 100, "cache_creation": {"ephemeral_1h_input_tokens": 60}},
            40 * 5000 + 60 * 8000,
        ),
        ({"cache_creation": {"ephemeral_5m_input_tokens": 5, "ephemeral_1h_input_tokens": None}}, 5 * 5000),
        ({"output_tokens_details": {"thinking_tokens": 20}}, 0),
        ({"server_tool_use": {"web_search_requests": None}}, 0),
    ],
)
def test_odd_shapes_are_priced(more: dict[str, Any], nanos: int) -> None:
    priced = price_usage("claude-opus-5-5", {"input_tokens": 10, "output_tokens": 20, **more}, NOW)
    assert (priced.total, priced.basis, priced.reason) == (10 * 4000 + 20 * 20_000 + nanos, "computed", None)


def test_nothing_used_costs_nothing_if_the_provider_says_so() -> None:
    priced = price_usage("claude-opus-5-5", {"input_tokens": 0, "output_tokens": 0}, NOW)
    assert (priced.total, priced.lines, priced.basis) == (0, (), "computed")


@pytest.mark.parametrize(
    "usage", [{}, None, [], "usage", {"input_tokens": None, "output_tokens": None}, {"input_tokens": "many"}]
)
def test_a_reply_without_any_count_has_no_cost_and_a_reason(usage: Any) -> None:
    priced = price_usage("claude-opus-5-5", usage, NOW)
    assert (priced.total, priced.lines, priced.basis) == (None, (), "unpriced")
    assert priced.reason is not None
    assert priced.reason.startswith("the usage cannot be priced: ")


NUMBERS = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
SENSIBLE = {"input_tokens": 1_000, "output_tokens": 100, "cache_read_input_tokens": 7, "cache_creation_input_tokens": 3}
RATES = {"input_tokens": 4_000, "output_tokens": 20_000, "cache_read_input_tokens": 200}
RATES["cache_creation_input_tokens"] = 5_000
ABSURD: tuple[Any, ...] = (-1, 10**30, 1.5, float("nan"), float("inf"), True, "many", "", [], [5], {}, {"all": 5})


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", ABSURD)
def test_a2_one_absurd_count_is_set_aside_and_all_others_are_priced_and_marked(name: str, value: Any) -> None:
    priced = price_usage("claude-opus-5-5", {**SENSIBLE, name: value}, NOW, stop_reason="end_turn", content_blocks=1)
    assert priced.total == sum(SENSIBLE[each] * RATES[each] for each in NUMBERS if each != name)
    assert priced.basis == "estimated"
    assert priced.reason is not None
    assert name in priced.reason


PARTS = ("cache_creation", "server_tool_use", "iterations")


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("value", [-1, 10**30, 1.5, True, "many", [7], [None]])
def test_a2_one_absurd_part_is_set_aside_and_all_counts_are_priced_and_marked(name: str, value: Any) -> None:
    priced = price_usage("claude-opus-5-5", {**SENSIBLE, name: value}, NOW, stop_reason="end_turn", content_blocks=1)
    assert (priced.total, priced.basis) == (sum(SENSIBLE[each] * RATES[each] for each in NUMBERS), "estimated")


@pytest.mark.parametrize("thinking", [101, *ABSURD])
def test_a2_thinking_never_voids_a_price_nor_makes_it_uncertain(thinking: Any) -> None:
    usage = {**SENSIBLE, "output_tokens_details": {"thinking_tokens": thinking}}
    priced = price_usage("claude-opus-5-5", usage, NOW, stop_reason="end_turn", content_blocks=1)
    assert (priced.total, priced.basis) == (sum(SENSIBLE[each] * RATES[each] for each in NUMBERS), "computed")
    assert priced.reason is not None
    assert "thinking" in priced.reason


@pytest.mark.parametrize("write", [float, str, lambda count: f"{count}.0"])
def test_a2_whole_numbers_written_otherwise_are_priced_as_exactly(write: Any) -> None:
    usage = {name: write(count) for name, count in SENSIBLE.items()}
    assert price_usage("claude-opus-5-5", usage, NOW) == price_usage("claude-opus-5-5", SENSIBLE, NOW)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**13) | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from(["input_tokens", "output_tokens", "cache_read_input_tokens", *NULLS])


@given(usage=JSON | st.dictionaries(FIELDS, JSON, max_size=6), model=st.sampled_from(["claude-opus-5-5", "gpt-5", ""]))
def test_no_usage_raises_and_a_total_is_the_sum_of_its_lines(usage: Mapping[str, Any], model: str) -> None:
    priced = price_usage(model, usage, NOW, stop_reason="end_turn", content_blocks=1)
    amounts = [line.amount for line in priced.lines]
    if priced.basis == "unpriced":
        assert priced.total is None
        assert set(amounts) <= {None}
        assert priced.reason
    else:
        assert priced.total == sum(amount for amount in amounts if amount is not None)
        assert None not in amounts


@given(usage=st.dictionaries(FIELDS, JSON, max_size=6), kept=st.sampled_from(NUMBERS), count=st.integers(10**6, 10**9))
def test_a2_whatever_else_a_usage_holds_a_count_that_makes_sense_is_priced(
    usage: dict[str, Any], kept: str, count: int
) -> None:
    terms = {"service_tier": "standard", "inference_geo": None, "speed": None}
    priced = price_usage("claude-opus-5-5", {**usage, kept: count, **terms}, NOW)
    assert priced.total is not None
    assert priced.total >= count * RATES[kept]
