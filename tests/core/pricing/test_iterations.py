"""Replies made of several runs: compaction, advisors, tool loops and fallbacks, each at its own model's price."""

from datetime import UTC, datetime
from typing import Any

import pytest

from core.pricing import Priced, price_usage

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def _run(kind: str, tokens_in: int, tokens_out: int, model: str | None = None, **more: object) -> dict[str, Any]:
    return {"type": kind, "input_tokens": tokens_in, "output_tokens": tokens_out, "model": model, **more}


def _price(model: str, top: tuple[int, int], *runs: dict[str, Any], **more: Any) -> Priced:
    ending = {key: more.pop(key) for key in ("stop_reason", "content_blocks") if key in more}
    usage = {"input_tokens": top[0], "output_tokens": top[1], "iterations": list(runs), **more}
    return price_usage(model, usage, NOW, **ending)


def test_compaction_is_billed_on_top_of_the_top_level() -> None:
    priced = _price("claude-opus-5-5", (100, 10), _run("compaction", 1000, 100), _run("message", 100, 10))
    assert priced.total == 1100 * 4000 + 110 * 20_000
    assert [line.quantity for line in priced.lines] == [1000, 100, 100, 10]


def test_an_advisor_is_billed_at_its_own_model() -> None:
    runs = (_run("message", 412, 89), _run("advisor_message", 823, 1612, "claude-opus-5"), _run("message", 1348, 442))
    priced = _price("claude-sonnet-5-5", (1760, 531), *runs)
    assert priced.total == 1760 * 2000 + 531 * 10_000 + 823 * 5000 + 1612 * 25_000
    assert [line.model for line in priced.lines[2:4]] == ["claude-opus-5", "claude-opus-5"]


def test_batch_and_region_hold_for_every_run() -> None:
    runs = (_run("advisor_message", 1000, 0, "claude-opus-4-5"), _run("message", 1000, 0))
    priced = _price("claude-opus-5", (1000, 0), *runs, service_tier="batch", inference_geo="us")
    assert priced.total == 1000 * 2500 + 1000 * 2750


def test_one_run_without_a_price_leaves_the_whole_reply_unpriced() -> None:
    runs = (_run("advisor_message", 5, 5, "claude-mythos-preview"), _run("message", 10, 1))
    priced = _price("claude-opus-5-5", (10, 1), *runs)
    assert (priced.total, priced.basis) == (None, "unpriced")
    assert [line.amount for line in priced.lines] == [None] * 4


def test_a_fast_reply_does_not_say_how_fast_another_model_ran() -> None:
    runs = (_run("advisor_message", 5, 5, "claude-opus-5"), _run("message", 10, 1))
    assert _price("claude-opus-5-5", (10, 1), *runs, speed="fast").total is None
    assert _price("claude-opus-5-5", (10, 1), runs[1], speed="fast").total == 10 * 8000 + 40_000


@pytest.mark.parametrize(("longest", "rate"), [(100_000, 100), (100_001, 500)])
def test_each_run_has_the_price_of_its_own_length(longest: int, rate: int) -> None:
    runs = (_run("message", longest, 0), _run("message", 60_000, 0))
    assert _price("claude-haiku-5-5", (longest + 60_000, 0), *runs).total == longest * rate + 60_000 * 100


def test_caches_of_a_run_without_a_split_were_written_for_five_minutes() -> None:
    runs = (_run("compaction", 0, 0, cache_creation_input_tokens=1000), _run("message", 10, 0))
    assert _price("claude-opus-5-5", (10, 0), *runs).total == 1000 * 5000 + 10 * 4000


def test_searches_are_billed_once_for_the_whole_reply() -> None:
    runs = (_run("message", 10, 0), _run("message", 10, 0))
    priced = _price("claude-opus-5-5", (20, 0), *runs, server_tool_use={"web_search_requests": 2})
    assert priced.total == 20 * 4000 + 20_000_000


def test_an_attempt_that_declined_without_output_is_free_and_one_with_output_is_not() -> None:
    fallback = _run("fallback_message", 50, 5, "claude-opus-5-5")
    silent = _price("claude-opus-5-5", (50, 5), _run("message", 100, 0, "claude-fable-5-1"), fallback)
    assert silent.total == 50 * 4000 + 5 * 20_000
    assert [(line.quantity, line.amount) for line in silent.lines[:1]] == [(100, 0)]
    assert silent.reason == ("not billed: claude-fable-5-1 declined before any output and another model took over")
    heard = _price("claude-opus-5-5", (50, 5), _run("message", 100, 1, "claude-fable-5-1"), fallback)
    assert heard.total == silent.total + 100 * 10_000 + 50_000


def test_the_serving_models_own_earlier_runs_are_billed() -> None:
    runs = (
        _run("message", 100, 0, "claude-fable-5-1"),
        _run("message", 30, 0, "claude-opus-5-5"),
        _run("fallback_message", 20, 5, "claude-opus-5-5"),
    )
    assert _price("claude-opus-5-5", (50, 5), *runs).total == 50 * 4000 + 5 * 20_000


def test_when_every_model_declines_nothing_is_billed() -> None:
    runs = (_run("message", 100, 0, "claude-fable-5-1"), _run("fallback_message", 50, 0, "claude-opus-5-5"))
    priced = _price("claude-opus-5-5", (50, 0), *runs, stop_reason="refusal", content_blocks=1)
    assert (priced.total, priced.basis) == (0, "computed")


def test_a_mid_stream_reply_may_still_carry_the_model_that_was_asked() -> None:
    runs = (_run("message", 100, 7, "claude-fable-5-1"), _run("fallback_message", 50, 5, "claude-opus-5-5"))
    priced = _price("claude-fable-5-1", (50, 5), *runs)
    assert priced.total == 100 * 10_000 + 7 * 50_000 + 50 * 4000 + 5 * 20_000


def test_a2_tokens_on_top_that_no_run_holds_go_to_the_last_that_served_and_are_marked() -> None:
    priced = _price("claude-opus-5-5", (51, 5), _run("message", 50, 5))
    assert (priced.total, priced.basis) == (51 * 4_000 + 5 * 20_000, "estimated")
    assert priced.reason is not None
    assert "1 input" in priced.reason


def test_a2_runs_of_others_leave_the_whole_to_be_counted() -> None:
    priced = _price("claude-opus-5-5", (3, 7), _run("compaction", 50, 5))
    assert (priced.total, priced.basis) == (53 * 4_000 + 12 * 20_000, "estimated")


def test_b3_searches_are_those_of_the_run_that_made_them_or_of_the_last_that_served() -> None:
    told = {"server_tool_use": {"web_search_requests": 2}}
    usage = {
        "input_tokens": 2,
        "output_tokens": 2,
        "server_tool_use": {"web_search_requests": 3},
        "iterations": [
            _run("message", 1, 1, "claude-opus-5-5", **told),
            _run("message", 1, 1, "claude-opus-5-5"),
            _run("advisor_message", 1, 1, "claude-fable-5"),
        ],
    }
    lines = price_usage("claude-opus-5-5", usage, NOW).lines
    assert [(line.model, line.quantity) for line in lines if line.unit == "web_search"] == [
        ("claude-opus-5-5", 2),
        ("claude-opus-5-5", 1),
    ]
