"""Token counts: read without losing or doubling any, folded over a stream, estimated where nobody counted."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.usage import CONTRADICTIONS, Usage, fold_usage, read_usage, whole_number

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
    usage = read_usage(FULL).usage
    assert usage == Usage(
        1, cache_write_5m=4, cache_write_1h=6, cache_read=100, output=1000, thinking=300, web_searches=2
    )
    assert (usage.cache_write, usage.prompt, usage.total) == (10, 111, 1111)


def test_cache_writes_without_a_split_are_for_five_minutes() -> None:
    assert read_usage({"cache_creation_input_tokens": 9}).usage == Usage(cache_write_5m=9)


def test_what_the_total_has_beyond_the_split_was_written_for_five_minutes() -> None:
    split = {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 6}
    usage = read_usage({"cache_creation_input_tokens": 15, "cache_creation": split}).usage
    assert usage == Usage(cache_write_5m=9, cache_write_1h=6)


def test_a_split_without_a_total_counts() -> None:
    assert read_usage({"cache_creation": {"ephemeral_1h_input_tokens": 6}}).usage == Usage(cache_write_1h=6)


def test_a_reply_of_several_runs_used_what_they_all_used() -> None:
    runs = [
        {"type": "compaction", "input_tokens": 50, "output_tokens": 5},
        {"type": "message", "input_tokens": 1, "output_tokens": 1000},
    ]
    usage = {**FULL, "cache_creation": None, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
    whole = read_usage({**usage, "iterations": runs}).usage
    assert whole == Usage(51, output=1005, thinking=300, web_searches=2)


def test_a_run_keeps_its_kind_and_model() -> None:
    runs = [
        {"type": "advisor_message", "model": "claude-opus-5", "input_tokens": 7},
        {"type": "message", "input_tokens": 2},
    ]
    [advisor, message] = read_usage({"input_tokens": 2, "iterations": runs}).iterations
    assert (advisor.kind, advisor.model, advisor.usage) == ("advisor_message", "claude-opus-5", Usage(7))
    assert (message.kind, message.model, message.usage) == ("message", None, Usage(2))


@pytest.mark.parametrize(
    ("usage", "read", "remark"),
    [
        ({"input_tokens": -1, "output_tokens": 5}, Usage(output=5), "input_tokens is -1, not a count"),
        ({"output_tokens": 1.5, "input_tokens": 3}, Usage(3), "output_tokens is 1.5, not a count"),
        ({"output_tokens": True, "input_tokens": 3}, Usage(3), "output_tokens is True, not a count"),
        ({"input_tokens": 10**30, "output_tokens": 5}, Usage(output=5), "not a count"),
        ({"input_tokens": float("nan"), "output_tokens": 5}, Usage(output=5), "input_tokens is nan, not a count"),
        ({"input_tokens": {"all": 4}, "output_tokens": 5}, Usage(output=5), "not a count"),
        ({"input_tokens": 3, "cache_creation": 5}, Usage(3), "cache_creation is 5, not an object"),
        ({"input_tokens": 3, "server_tool_use": [1]}, Usage(3), "server_tool_use is [1], not an object"),
        (
            {"cache_creation_input_tokens": 5, "cache_creation": {"ephemeral_1h_input_tokens": 6}},
            Usage(cache_write_1h=6),
            "cache_creation_input_tokens 5 is less than its parts 0 + 6",
        ),
        ({"input_tokens": 3, "iterations": "many"}, Usage(3), "iterations is 'many', not a list"),
        ({"input_tokens": 3, "iterations": [7]}, Usage(3), "an iteration is 7, not an object"),
        (
            {"input_tokens": 3, "iterations": [7, {"type": "message", "input_tokens": 3}]},
            Usage(3),
            "an iteration is 7, not an object",
        ),
        (
            {"input_tokens": 3, "iterations": [{"type": "message", "input_tokens": 3, "output_tokens": -2}]},
            Usage(3),
            "output_tokens is -2, not a count",
        ),
        (
            {"input_tokens": 3, "iterations": [{"type": "compaction", "input_tokens": 2}]},
            Usage(5),
            "the runs hold fewer tokens than the whole",
        ),
    ],
)
def test_a2_what_makes_no_sense_is_set_aside_with_a_remark_and_all_else_is_kept(
    usage: dict[str, Any], read: Usage, remark: str
) -> None:
    reading = read_usage(usage)
    assert (reading.usage, reading.certain, reading.counted) == (read, False, True)
    assert any(remark in each for each in reading.remarks)


@pytest.mark.parametrize("thinking", [2, -1, "much", 10**30, float("nan"), [3], {}])
def test_a2_thinking_is_not_billed_apart_so_nothing_hangs_on_it(thinking: object) -> None:
    reading = read_usage({"output_tokens": 1, "output_tokens_details": {"thinking_tokens": thinking}})
    assert (reading.usage, reading.certain) == (Usage(output=1), True)
    assert len(reading.remarks) == 1
    assert read_usage({"output_tokens": 1, "output_tokens_details": thinking}).certain


NUMBERS: list[tuple[object, int | None]] = [
    *[(1000, 1000), (1000.0, 1000), ("1000", 1000), ("1000.0", 1000), (" 7 ", 7), (0, 0), ("0", 0)],
    *[(True, None), (-1, None), ("-1", None), (1.5, None), ("1.5", None), ("", None), ("1,000", None), ("1e3", None)],
    *[(10**13, None), (1e300, None), ([], None), (None, None), ("\u0663", None)],
]


@pytest.mark.parametrize(("value", "number"), NUMBERS)
def test_a2_whole_numbers_are_read_however_they_are_written(value: object, number: int | None) -> None:
    assert whole_number(value) == number


@pytest.mark.parametrize("usage", [{}, {"input_tokens": None}, None, [], "usage", 7, {"input_tokens": "many"}])
def test_a2_without_any_count_nothing_is_known_to_have_been_used(usage: object) -> None:
    assert not read_usage(usage).counted


def test_a2_a_split_told_for_the_whole_is_that_of_the_one_run_that_served() -> None:
    split = {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 6}
    run = {"type": "message", "cache_creation_input_tokens": 6}
    usage = {"cache_creation_input_tokens": 6, "cache_creation": split, "iterations": [run]}
    assert read_usage(usage).usage == Usage(cache_write_1h=6)
    assert read_usage(usage).certain


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


COUNTERS = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")


@pytest.mark.parametrize("name", COUNTERS)
@pytest.mark.parametrize("later", [0, 3, -1, "many", 1.5, {}])
def test_a3_a_cumulative_count_that_falls_is_a_contradiction_and_the_larger_stands(name: str, later: object) -> None:
    folded = fold_usage(fold_usage({name: 15_000}, {name: later}), {"service_tier": "standard"})
    assert folded[name] == 15_000
    assert len(folded[CONTRADICTIONS]) == 1
    assert name in folded[CONTRADICTIONS][0]
    assert not read_usage(folded).certain
    assert folded[CONTRADICTIONS][0] in read_usage(folded).remarks


def test_a3_counts_within_parts_cannot_fall_either() -> None:
    start = {
        "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 1},
        "cache_creation": {"ephemeral_5m_input_tokens": 40, "ephemeral_1h_input_tokens": 9},
        "iterations": [{"type": "message", "input_tokens": 70}],
    }
    falling: list[dict[str, Any]] = [
        {"server_tool_use": {"web_search_requests": 0}},
        {"server_tool_use": {"web_search_requests": "?"}},
        {"cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0}},
        {"cache_creation": 3},
        {"iterations": []},
        {"iterations": "none"},
    ]
    for later in falling:
        folded = fold_usage(start, later)
        assert {key: folded[key] for key in start} == start
        assert len(folded[CONTRADICTIONS]) == 1, later


def test_a3_what_is_no_contradiction_replaces_without_a_mark() -> None:
    start = {"input_tokens": "odd", "output_tokens": 2, "cache_creation": {"ephemeral_5m_input_tokens": 4}}
    later = {"input_tokens": 5, "output_tokens": 0, "cache_creation": {"ephemeral_1h_input_tokens": 9}}
    folded = fold_usage(start, later)
    assert folded == {
        "input_tokens": 5,
        "output_tokens": 0,
        "cache_creation": {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 9},
    }
    assert fold_usage(start, "nothing")[CONTRADICTIONS] == ["usage is 'nothing', not an object"]


@given(st.lists(st.dictionaries(st.sampled_from(COUNTERS), st.integers(0, 10**6)), max_size=5))
def test_a3_no_order_of_updates_makes_a_count_less_than_its_largest(updates: list[dict[str, int]]) -> None:
    """But for an output of up to three tokens, which is a placeholder."""
    folded: dict[str, Any] = {}
    for update in updates:
        folded = fold_usage(folded, update)
    for name in COUNTERS:
        largest = max((update[name] for update in updates if name in update), default=0)
        if name != "output_tokens" or largest > 3:
            assert folded.get(name, 0) == largest
