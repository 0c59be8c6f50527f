"""What an attempt is held to have cost, however it ended."""

from typing import Any

import pytest

from core.books.settling import NO_ANSWER, NO_REPLY, NOT_BILLED, NOT_SENT, LiveCall, total_of
from core.books.used import AT_LEAST, HIDDEN_THINKING, NO_PROMPT
from core.chat.new_turn import NewTurn
from core.errors import ProviderBusy
from core.estimates import estimate
from core.provider.reply import Reply
from core.usage import Usage
from tests.core.books.histories import MODEL, a_call, a_reply, an_end, an_opening, never_sent, no_answer, refused

OPENING = an_opening("user", "agent")
USAGE = {"input_tokens": 1_000, "output_tokens": 50}


def test_a_finished_reply_costs_what_the_provider_counted() -> None:
    end = an_end(a_call(OPENING, reply=a_reply("Much.", USAGE)), "completed")
    assert (end.cost.basis, end.cost.total) == ("computed", 1_000 * 4_000 + 50 * 20_000)
    assert end.usage == Usage(input=1_000, output=50)
    assert sum(line.amount or 0 for line in end.cost.lines) == end.cost.total


def test_a_stopped_reply_counts_the_text_that_arrived_never_the_placeholder() -> None:
    text = "word " * 200
    end = an_end(a_call(OPENING, reply=a_reply(text, USAGE, stop_reason=None)), "stopped")
    tokens = estimate(text, MODEL).central
    assert tokens > 200
    assert (end.cost.basis, end.cost.total) == ("estimated", 1_000 * 4_000 + tokens * 20_000)
    assert end.reported.usage is not None
    assert end.reported.usage["output_tokens"] == 1


def test_a_reply_cut_after_its_last_figures_is_exact() -> None:
    reply = a_reply("Much.", USAGE, stop_reason="end_turn")
    reply.complete = False
    assert an_end(a_call(OPENING, reply=reply), "failed").cost.basis == "computed"


@pytest.mark.parametrize(("sent", "error", "reason"), [(True, refused(), NOT_BILLED), (False, never_sent(), NOT_SENT)])
def test_a_refused_call_costs_nothing_and_says_why(sent: bool, error: ProviderBusy, reason: str) -> None:
    end = an_end(a_call(OPENING, sent=sent), "failed", error)
    assert (end.cost.total, end.cost.basis, end.cost.reason, end.cost.lines) == (0, "computed", reason, ())


def test_b2_a_call_without_any_answer_costs_nothing_as_an_estimate() -> None:
    end = an_end(attempt := a_call(OPENING), "failed", no_answer())
    assert (end.cost.total, end.cost.basis, end.cost.reason, end.cost.lines) == (0, "estimated", NO_ANSWER, ())
    assert (end.usage, end.reported.sent_at, end.reported.answered_at) == (Usage(), attempt.call.started_at, None)


def a_half_answered(opening: NewTurn) -> LiveCall:
    """Taken by the provider, whose reply never began."""
    attempt = a_call(opening)
    assert attempt.passage is not None
    attempt.passage.answered_at, attempt.passage.accepted = attempt.call.started_at, True
    attempt.passage.request_id = "req_9"
    return attempt


def test_b2_what_the_provider_took_has_a_prompt_and_keeps_its_request_id() -> None:
    end = an_end(a_half_answered(OPENING), "failed", no_answer())
    assert (end.cost.total, end.cost.basis, end.cost.reason) == (40 * 4_000, "estimated", NO_REPLY)
    assert (end.usage, end.reported.request_id) == (Usage(input=40), "req_9")


def test_an_unknown_model_has_no_cost_rather_than_none_at_all() -> None:
    end = an_end(a_call(OPENING, reply=a_reply("Much.", USAGE, model="claude-nobody-9")), "completed")
    assert (end.cost.total, end.cost.basis) == (None, "unpriced")
    assert {line.unit: (line.quantity, line.amount) for line in end.cost.lines} == {
        "input": (1_000, None),
        "output": (50, None),
    }


def test_a2_a_figure_that_cannot_be_true_gives_way_to_our_estimate_and_all_else_is_priced() -> None:
    usage = {"input_tokens": -5, "cache_read_input_tokens": 9, "output_tokens": 50}
    end = an_end(a_call(OPENING, reply=a_reply("Much.", usage)), "completed")
    assert (end.cost.total, end.cost.basis) == (31 * 4_000 + 9 * 200 + 50 * 20_000, "estimated")
    assert end.usage == Usage(input=31, cache_read=9, output=50)
    assert end.reported.usage is not None
    assert end.reported.usage["input_tokens"] == -5
    assert end.cost.reason is not None
    assert NO_PROMPT in end.cost.reason


@pytest.mark.parametrize("usage", [{}, {"input_tokens": "?", "output_tokens": "?"}, {"input_tokens": None}, {"a": 1}])
@pytest.mark.parametrize("stop_reason", ["end_turn", None])
def test_a2_a_reply_without_any_count_is_estimated_from_its_text_and_never_zero(
    usage: dict[str, Any], stop_reason: str | None
) -> None:
    text = "The answer is a long one. " * 30
    reply = a_reply(text, usage, stop_reason=stop_reason)
    reply.usage = dict(usage)
    end = an_end(a_call(OPENING, reply=reply), "completed")
    tokens = estimate(text, MODEL).central
    assert (end.cost.total, end.cost.basis) == (40 * 4_000 + tokens * 20_000, "estimated")
    assert end.cost.reason


@pytest.mark.parametrize("stop_reason", ["end_turn", None])
@pytest.mark.parametrize("start", [{}, {"input_tokens": 0}, {"input_tokens": 0, "cache_read_input_tokens": 0}])
def test_a4_a_reply_that_began_has_a_prompt_ours_until_one_is_reported(
    start: dict[str, int], stop_reason: str | None
) -> None:
    usage = {**start, "output_tokens": 50}
    end = an_end(a_call(OPENING, reply=a_reply("Much.", usage, stop_reason=stop_reason)), "stopped")
    assert (end.usage.input, end.cost.basis) == (40, "estimated")
    assert NO_PROMPT in (end.cost.reason or "")
    told = a_reply("Much.", {**usage, "cache_read_input_tokens": 7}, stop_reason=stop_reason)
    assert an_end(a_call(OPENING, reply=told), "stopped").usage.prompt == 7


def _block(reply: Reply, block: dict[str, Any]) -> None:
    index = reply.block_count
    reply.begin_block(index, block)
    reply.end_block(index)


def _search(reply: Reply, content: Any) -> None:
    id_ = f"srvtoolu_{reply.block_count}"
    _block(reply, {"type": "server_tool_use", "id": id_, "name": "web_search", "input": {"query": "the weather"}})
    _block(reply, {"type": "web_search_tool_result", "tool_use_id": id_, "content": content})


FOUND = [{"type": "web_search_result", "title": "Weather", "url": "https://example.org"}]
FAILED = {"type": "web_search_tool_result_error", "error_code": "max_uses_exceeded"}


@pytest.mark.parametrize("reported", [{}, {"server_tool_use": {"web_search_requests": 1}}, {"server_tool_use": 3}])
def test_a5_searches_that_were_seen_are_booked_when_the_reply_is_cut(reported: dict[str, Any]) -> None:
    reply = a_reply("Let me look. ", {"input_tokens": 1_000, **reported}, stop_reason=None)
    for content in (FOUND, FOUND, FAILED, []):
        _search(reply, content)
    _block(reply, {"type": "server_tool_use", "id": "srvtoolu_x", "name": "web_search", "input": {}})
    end = an_end(a_call(OPENING, reply=reply), "stopped")
    assert (end.usage.web_searches, end.cost.basis) == (3, "estimated")
    [fee] = [line for line in end.cost.lines if line.unit == "web_search"]
    assert (fee.quantity, fee.amount) == (3, 30_000_000)
    assert AT_LEAST in (end.cost.reason or "")


def test_a5_of_a_finished_reply_the_larger_of_what_was_told_and_seen_stands() -> None:
    for told, counted, basis in ((2, 2, "computed"), (5, 5, "computed"), (0, 2, "estimated")):
        reply = a_reply("Much.", {**USAGE, "server_tool_use": {"web_search_requests": told}})
        for _ in range(2):
            _search(reply, FOUND)
        end = an_end(a_call(OPENING, reply=reply), "completed")
        assert (end.usage.web_searches, end.cost.basis) == (counted, basis)


@pytest.mark.parametrize("kind", ["thinking", "redacted_thinking"])
def test_a7_a_cut_reply_that_thought_says_that_it_cost_at_least_so_much(kind: str) -> None:
    reply = a_reply("Much.", USAGE, stop_reason=None)
    assert AT_LEAST not in (an_end(a_call(OPENING, reply=reply), "stopped").cost.reason or "")
    _block(reply, {"type": kind, "thinking": "", "signature": "c2lnbmVk", "data": "c2VjcmV0"})
    end = an_end(a_call(OPENING, reply=reply), "stopped")
    assert end.cost.basis == "estimated"
    assert HIDDEN_THINKING in (end.cost.reason or "")
    finished = a_reply("Much.", USAGE)
    _block(finished, {"type": kind, "thinking": "", "signature": "c2lnbmVk", "data": "c2VjcmV0"})
    assert an_end(a_call(OPENING, reply=finished), "completed").cost.basis == "computed"


def test_a6_a_cut_reply_is_counted_by_the_script_of_its_text() -> None:
    text = "今天的天气很好，我们决定去公园散步。" * 20
    end = an_end(a_call(OPENING, reply=a_reply(text, USAGE, stop_reason=None)), "stopped")
    assert 0.9 * len(text) < end.usage.output < 1.4 * len(text)


def test_several_attempts_sum_up_and_the_least_certain_basis_wins() -> None:
    exact = an_end(a_call(OPENING, reply=a_reply("Much.", USAGE)), "completed")
    guessed = an_end(a_half_answered(OPENING), "failed", no_answer())
    unknown = an_end(a_call(OPENING, reply=a_reply("Much.", USAGE, model="claude-nobody-9")), "completed")
    both = total_of([exact, guessed])
    assert (both.total, both.basis, both.usage) == (5_160_000, "estimated", Usage(input=1_040, output=50))
    assert (total_of([exact, unknown]).total, total_of([exact, unknown]).basis) == (None, "unpriced")
    assert (total_of([]).total, total_of([]).basis) == (0, "computed")
