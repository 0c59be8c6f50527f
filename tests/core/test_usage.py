"""Token counts: read without losing or doubling any, folded over a stream, estimated where nobody counted."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.usage import Usage, UsageContradicts, estimate_tokens, fold_usage, read_iterations

FULL = {
    "input_tokens": 1,
    "cache_creation_input_tokens": 10,
    "cache_creation": {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 6},
    "cache_read_input_tokens": 100,
    "output_tokens": 1000,
    "output_tokens_details": {"thinking_tokens": 300},
    "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 5},
    "service_tier": "standard",
}
counts = st.integers(0, 10**9)
usages = st.builds(Usage, counts, counts, counts, counts, counts, st.just(0), counts)


def test_each_figure_goes_to_its_bucket() -> None:
    usage = Usage.from_json(FULL)
    assert usage == Usage(
        1, cache_write_5m=4, cache_write_1h=6, cache_read=100, output=1000, thinking=300, web_searches=2
    )
    assert (usage.cache_write, usage.prompt, usage.total) == (10, 111, 1111)


def test_cache_writes_without_a_split_are_for_five_minutes() -> None:
    assert Usage.from_json({"cache_creation_input_tokens": 9}) == Usage(cache_write_5m=9)


def test_what_the_total_has_beyond_the_split_was_written_for_five_minutes() -> None:
    split = {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 6}
    usage = Usage.from_json({"cache_creation_input_tokens": 15, "cache_creation": split})
    assert usage == Usage(cache_write_5m=9, cache_write_1h=6)


def test_a_split_without_a_total_counts() -> None:
    assert Usage.from_json({"cache_creation": {"ephemeral_1h_input_tokens": 6}}) == Usage(cache_write_1h=6)


def test_a_reply_of_several_runs_used_what_they_all_used() -> None:
    runs = [
        {"type": "compaction", "input_tokens": 50, "output_tokens": 5},
        {"type": "message", "input_tokens": 1, "output_tokens": 1000},
    ]
    usage = {**FULL, "cache_creation": None, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
    whole = Usage.from_json({**usage, "iterations": runs})
    assert whole == Usage(51, output=1005, thinking=300, web_searches=2)


def test_a_run_keeps_its_kind_and_model() -> None:
    runs = [
        {"type": "advisor_message", "model": "claude-opus-5", "input_tokens": 7},
        {"type": "message", "input_tokens": 2},
    ]
    [advisor, message] = read_iterations({"input_tokens": 2, "iterations": runs})
    assert (advisor.kind, advisor.model, advisor.usage) == ("advisor_message", "claude-opus-5", Usage(7))
    assert (message.kind, message.model, message.usage) == ("message", None, Usage(2))


@pytest.mark.parametrize(
    ("usage", "complaint"),
    [
        ({}, "the reply reports no token counts"),
        ({"input_tokens": None}, "the reply reports no token counts"),
        ({"input_tokens": -1}, "input_tokens is -1, not a count"),
        ({"output_tokens": 1.5}, "output_tokens is 1.5, not a count"),
        ({"output_tokens": True}, "output_tokens is True, not a count"),
        ({"input_tokens": 10**13}, "input_tokens is 10000000000000, not a count"),
        ({"cache_creation": 5}, "cache_creation is 5, not an object"),
        (
            {"output_tokens": 1, "output_tokens_details": {"thinking_tokens": 2}},
            "2 thinking tokens are more than the 1",
        ),
        (
            {"cache_creation_input_tokens": 5, "cache_creation": {"ephemeral_1h_input_tokens": 6}},
            "cache_creation_input_tokens 5 is less than its parts 0 + 6",
        ),
        ({"input_tokens": 3, "iterations": [{"type": "compaction", "input_tokens": 3}]}, "3 input tokens are reported"),
    ],
)
def test_figures_that_cannot_be_true_are_refused(usage: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UsageContradicts, match=complaint.replace("+", r"\+")):
        Usage.from_json(usage)


@given(usages, usages)
def test_usage_adds_bucket_by_bucket(one: Usage, other: Usage) -> None:
    both = one + other
    assert both.total == one.total + other.total
    assert both.prompt == one.prompt + other.prompt
    assert both.web_searches == one.web_searches + other.web_searches
    assert both + Usage() == both


def test_a_later_figure_replaces_and_an_absent_or_null_one_keeps_the_earlier() -> None:
    start = {"input_tokens": 10, "output_tokens": 1, "service_tier": "standard"}
    folded = fold_usage(start, {"input_tokens": None, "output_tokens": 7})
    assert folded == {"input_tokens": 10, "output_tokens": 7, "service_tier": "standard"}
    assert start["output_tokens"] == 1


def test_output_can_be_replaced_by_an_estimate() -> None:
    assert Usage(input=3, output=1).with_output(40) == Usage(input=3, output=40)


@given(st.text())
def test_every_text_is_estimated_as_at_least_one_token_and_at_most_its_length(text: str) -> None:
    assert min(1, len(text)) <= estimate_tokens(text) <= len(text)


def test_more_text_is_more_tokens() -> None:
    assert estimate_tokens("") == 0
    assert estimate_tokens("four") < estimate_tokens("four" * 100)
