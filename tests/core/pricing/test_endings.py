"""How the reply ended: refused before or after output, cut short, or never seen to end."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from core.pricing import Priced, price_usage

FREE_FROM = datetime(2026, 6, 2, tzinfo=UTC)


def _refusal(at: datetime, output: int = 0, blocks: int | None = 0, **more: object) -> Priced:
    usage = {"input_tokens": 400, "cache_read_input_tokens": 10, "output_tokens": output, **more}
    return price_usage("claude-opus-4-8", usage, at, stop_reason="refusal", content_blocks=blocks)


def test_a_refusal_before_any_output_is_free_and_its_lines_say_so() -> None:
    priced = _refusal(FREE_FROM)
    assert (priced.total, priced.basis) == (0, "computed")
    assert priced.reason == "not billed: refused before any output"
    assert [(line.quantity, line.amount) for line in priced.lines] == [(400, 0), (10, 0)]
    assert {line.unit_price_usd for line in priced.lines} == {Decimal(0)}
    assert {line.price_from for line in priced.lines} == {FREE_FROM}


def test_until_the_second_of_june_2026_every_refusal_was_billed() -> None:
    assert _refusal(FREE_FROM - timedelta(microseconds=1)).total == 400 * 5000 + 10 * 500


@pytest.mark.parametrize(("output", "blocks"), [(1, 1), (1, 0), (0, 1)])
def test_a_refusal_after_something_was_said_is_billed(output: int, blocks: int) -> None:
    assert _refusal(FREE_FROM, output, blocks).total == 400 * 5000 + 10 * 500 + output * 25_000


def test_another_vendors_refusals_are_billed() -> None:
    usage = {"input_tokens": 400, "output_tokens": 0}
    assert price_usage("gpt-5", usage, FREE_FROM, stop_reason="refusal", content_blocks=0).total == 400 * 1250


def test_a_refusal_after_a_search_is_billed() -> None:
    assert _refusal(FREE_FROM, server_tool_use={"web_search_requests": 1}).total == 2_005_000 + 10_000_000


@pytest.mark.parametrize("stop_reason", ["max_tokens", "end_turn", None])
def test_other_replies_without_output_are_billed(stop_reason: str | None) -> None:
    usage = {"input_tokens": 400, "output_tokens": 0}
    assert (
        price_usage("claude-opus-4-8", usage, FREE_FROM, stop_reason=stop_reason, content_blocks=0).total == 2_000_000
    )


@pytest.mark.parametrize(
    ("stop_reason", "blocks", "basis"),
    [
        (None, None, "computed"),
        (None, 0, "estimated"),
        (None, 2, "estimated"),
        ("end_turn", None, "computed"),
        ("end_turn", 2, "computed"),
        ("tool_use", 2, "computed"),
    ],
)
def test_only_a_reply_that_began_and_was_not_seen_to_end_is_an_estimate(
    stop_reason: str | None, blocks: int | None, basis: str
) -> None:
    usage = {"input_tokens": 10, "output_tokens": 1}
    priced = price_usage("claude-opus-4-8", usage, FREE_FROM, stop_reason=stop_reason, content_blocks=blocks)
    assert (priced.total, priced.basis) == (75_000, basis)
    assert (priced.reason is not None) == (basis == "estimated")


def test_an_unfinished_reply_without_a_price_is_unpriced() -> None:
    usage = {"input_tokens": 10, "output_tokens": 1}
    assert price_usage("claude-none", usage, FREE_FROM, stop_reason=None, content_blocks=1).basis == "unpriced"
