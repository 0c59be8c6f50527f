"""Counts that include what a cache held become buckets that do not, and are priced once."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from core.pricing import price_usage
from core.provider.provider import Provider
from core.provider.simulator.scripted import Script
from core.usage import read_usage
from tests.core.provider.other import OtherProvider, disjoint
from tests.core.provider.other_wire import OtherWire, inclusive

NOW = datetime(2026, 11, 21, tzinfo=UTC)
MODEL = "claude-opus-5-5"
counts = st.integers(0, 10**6)


@given(fresh=counts, read=counts, written=counts, output=counts)
def test_inclusive_counts_become_disjoint_buckets_of_the_same_sum(
    fresh: int, read: int, written: int, output: int
) -> None:
    told = {
        "prompt_tokens": fresh + read + written,
        "prompt_tokens_details": {"cached_tokens": read, "written_tokens": written},
        "completion_tokens": output,
    }
    reading = read_usage(disjoint(told))
    used = reading.usage
    assert (used.input, used.cache_read, used.cache_write, used.output) == (fresh, read, written, output)
    assert used.prompt == told["prompt_tokens"]
    assert reading.certain
    assert inclusive(disjoint(told)) == told


@given(fresh=counts, read=counts, written=counts, output=counts)
def test_each_bucket_is_priced_at_its_own_price_and_once(fresh: int, read: int, written: int, output: int) -> None:
    def cost(**told: int) -> int:
        details = {"cached_tokens": told.get("read", 0), "written_tokens": told.get("written", 0)}
        prompt = told.get("fresh", 0) + sum(details.values())
        usage = {"prompt_tokens": prompt, "prompt_tokens_details": details, "completion_tokens": told.get("output", 0)}
        total = price_usage(MODEL, disjoint(usage), NOW).total
        assert total is not None
        return total

    parts = cost(fresh=fresh) + cost(read=read) + cost(written=written) + cost(output=output)
    assert cost(fresh=fresh, read=read, written=written, output=output) == parts
    assert cost(fresh=0, read=1_000_000) < cost(fresh=1_000_000)


@given(prompt=counts, more=st.integers(1, 10**6))
def test_more_cached_than_was_read_is_not_taken_as_certain(prompt: int, more: int) -> None:
    told = {"prompt_tokens": prompt, "prompt_tokens_details": {"cached_tokens": prompt + more}}
    assert not read_usage(disjoint(told)).certain


def test_it_is_a_provider() -> None:
    provider: Provider = OtherProvider(OtherWire(Script()))
    assert provider.own_tools(["web_search"], MODEL) == []
