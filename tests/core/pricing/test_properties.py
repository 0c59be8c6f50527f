"""What holds for every reply: it agrees with the oracle, adds up, grows with use, and adds up across replies."""

from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from core.pricing import Priced, price_usage
from core.usage import read_usage
from tests.core.pricing import oracle

START, END = datetime(2024, 1, 1), datetime(2027, 1, 1)  # noqa: DTZ001
SEARCHES_SOLD = datetime(2025, 5, 7, tzinfo=UTC)
LOW = 9_000  # four buckets of a prompt this long, twice, stay within every model's first tier

models = st.sampled_from(oracle.MODELS)
tiers = st.sampled_from(["standard", "batch", None])
regions = st.sampled_from(["us", "global", "not_available", None])
speeds = st.sampled_from(["standard", "fast", None])
times = st.datetimes(START, END, timezones=st.just(UTC))
terms = st.fixed_dictionaries({}, optional={"service_tier": tiers, "inference_geo": regions, "speed": speeds})


@dataclass(frozen=True)
class Sold:
    """A model, a time and terms for which a price was published."""

    model: str
    at: datetime
    terms: dict[str, str | None]

    def price(self, usage: dict[str, Any]) -> Priced:
        return price_usage(self.model, {**usage, **self.terms}, self.at)

    def total(self, usage: dict[str, Any]) -> int:
        total = self.price(usage).total
        assert total is not None
        return total


@st.composite
def _sold(draw: st.DrawFn) -> Sold:
    row = draw(st.sampled_from(oracle.PRICES))
    since, until = max(row.since, SEARCHES_SOLD), min(row.until, END.replace(tzinfo=UTC)) - timedelta(microseconds=1)
    at = draw(st.datetimes(since.replace(tzinfo=None), until.replace(tzinfo=None), timezones=st.just(UTC)))
    tier = None if row.speed == "fast" else draw(tiers)
    terms = {"service_tier": tier, "inference_geo": draw(regions), "speed": row.speed}
    return Sold(draw(st.sampled_from(row.models)), at, terms)


sold = _sold()


def _usage(most: int) -> st.SearchStrategy[dict[str, Any]]:
    counts = st.integers(0, most)
    searches = st.integers(0, 100)
    return st.builds(_json, counts, counts, counts, counts, counts, searches)


def _json(fresh: int, write_5m: int, write_1h: int, read: int, output: int, searches: int) -> dict[str, Any]:
    return {
        "input_tokens": fresh,
        "cache_creation_input_tokens": write_5m + write_1h,
        "cache_creation": {"ephemeral_5m_input_tokens": write_5m, "ephemeral_1h_input_tokens": write_1h},
        "cache_read_input_tokens": read,
        "output_tokens": output,
        "server_tool_use": {"web_search_requests": searches},
    }


def _with_more(usage: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    mine, theirs = read_usage(usage).usage, read_usage(more).usage
    both = mine + theirs
    return _json(both.input, both.cache_write_5m, both.cache_write_1h, both.cache_read, both.output, both.web_searches)


def _rounding(*replies: Priced) -> Fraction:
    return Fraction(sum(len(reply.lines) for reply in replies), 2)


usages = _usage(10_000) | _usage(300_000) | _usage(10**9)


@given(model=models, usage=usages, at=times, terms=terms)
def test_it_agrees_with_the_oracle_within_rounding(
    model: str, usage: dict[str, Any], at: datetime, terms: dict[str, Any]
) -> None:
    exact = oracle.dollars(model, {**usage, **terms}, at)
    priced = price_usage(model, {**usage, **terms}, at)
    assert (priced.total is None) == (exact is None)
    if exact is not None and priced.total is not None:
        assert abs(priced.total - exact * 10**9) <= _rounding(priced)


@given(sold=sold, usage=usages)
def test_lines_sum_to_the_total_and_each_is_its_quantity_times_its_price(sold: Sold, usage: dict[str, Any]) -> None:
    lines = sold.price(usage).lines
    exact = [Fraction(line.unit_price_usd) * line.quantity for line in lines if line.unit_price_usd is not None]
    assert [line.amount for line in lines] == [round(usd * 10**9) for usd in exact]
    assert sold.total(usage) == sum(round(usd * 10**9) for usd in exact)


@given(model=models, usage=usages, at=times)
def test_every_token_is_on_exactly_one_line(model: str, usage: dict[str, Any], at: datetime) -> None:
    lines = [(line.unit, line.quantity) for line in price_usage(model, usage, at).lines]
    expected = {**oracle.buckets(usage), "web_search": usage["server_tool_use"]["web_search_requests"]}
    assert lines == [(unit, quantity) for unit, quantity in expected.items() if quantity]


@given(sold=sold, usage=usages, more=usages)
def test_more_use_never_costs_less(sold: Sold, usage: dict[str, Any], more: dict[str, Any]) -> None:
    assert sold.total(usage) <= sold.total(_with_more(usage, more))


@given(sold=sold, usage=_usage(LOW), more=_usage(LOW))
def test_within_a_tier_two_replies_cost_what_one_of_both_lengths_does(
    sold: Sold, usage: dict[str, Any], more: dict[str, Any]
) -> None:
    both = _with_more(usage, more)
    off = sold.total(usage) + sold.total(more) - sold.total(both)
    assert abs(off) <= _rounding(*(sold.price(each) for each in (usage, more, both)))


@given(sold=sold, usage=usages)
def test_pricing_leaves_the_usage_alone_and_repeats_itself(sold: Sold, usage: dict[str, Any]) -> None:
    before = deepcopy(usage)
    assert sold.price(usage) == sold.price(before)
    assert usage == before
