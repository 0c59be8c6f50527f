"""What an attempt is held to have cost, however it ended."""

import pytest

from core.errors import ProviderBusy
from core.tracing.entries import Opening
from core.tracing.settling import NO_ANSWER, NO_REPLY, NOT_BILLED, NOT_SENT, Attempt, total_of
from core.usage import Usage, estimate_tokens
from tests.core.tracing.histories import a_reply, an_attempt, an_end, an_opening, never_sent, no_answer, refused

OPENING = an_opening("user", "agent")
USAGE = {"input_tokens": 1_000, "output_tokens": 50}


def test_a_finished_reply_costs_what_the_provider_counted() -> None:
    end = an_end(an_attempt(OPENING, reply=a_reply("Much.", USAGE)), "completed")
    assert (end.basis, end.total) == ("computed", 1_000 * 4_000 + 50 * 20_000)
    assert end.usage == Usage(input=1_000, output=50)
    assert sum(line.amount or 0 for line in end.lines) == end.total


def test_a_stopped_reply_counts_the_text_that_arrived_never_the_placeholder() -> None:
    text = "word " * 200
    end = an_end(an_attempt(OPENING, reply=a_reply(text, USAGE, stop_reason=None)), "stopped")
    tokens = estimate_tokens(text)
    assert tokens > 200
    assert (end.basis, end.total) == ("estimated", 1_000 * 4_000 + tokens * 20_000)
    assert end.usage_json is not None
    assert end.usage_json["output_tokens"] == 1


def test_a_reply_cut_after_its_last_figures_is_exact() -> None:
    reply = a_reply("Much.", USAGE, stop_reason="end_turn")
    reply.complete = False
    assert an_end(an_attempt(OPENING, reply=reply), "failed").basis == "computed"


@pytest.mark.parametrize(("sent", "error", "reason"), [(True, refused(), NOT_BILLED), (False, never_sent(), NOT_SENT)])
def test_a_refused_call_costs_nothing_and_says_why(sent: bool, error: ProviderBusy, reason: str) -> None:
    end = an_end(an_attempt(OPENING, sent=sent), "failed", error)
    assert (end.total, end.basis, end.cost_reason, end.lines) == (0, "computed", reason, ())


def test_b2_a_call_without_any_answer_costs_nothing_as_an_estimate() -> None:
    end = an_end(attempt := an_attempt(OPENING), "failed", no_answer())
    assert (end.total, end.basis, end.cost_reason, end.lines) == (0, "estimated", NO_ANSWER, ())
    assert (end.usage, end.sent_at, end.answered_at) == (Usage(), attempt.started_at, None)


def a_half_answered(opening: Opening) -> Attempt:
    """Taken by the provider, whose reply never began."""
    attempt = an_attempt(opening)
    assert attempt.passage is not None
    attempt.passage.answered_at, attempt.passage.accepted = attempt.started_at, True
    attempt.passage.request_id = "req_9"
    return attempt


def test_b2_what_the_provider_took_has_a_prompt_and_keeps_its_request_id() -> None:
    end = an_end(a_half_answered(OPENING), "failed", no_answer())
    assert (end.total, end.basis, end.cost_reason) == (40 * 4_000, "estimated", NO_REPLY)
    assert (end.usage, end.request_id) == (Usage(input=40), "req_9")


def test_an_unknown_model_has_no_cost_rather_than_none_at_all() -> None:
    end = an_end(an_attempt(OPENING, reply=a_reply("Much.", USAGE, model="claude-nobody-9")), "completed")
    assert (end.total, end.basis) == (None, "unpriced")
    assert {line.unit: (line.quantity, line.amount) for line in end.lines} == {
        "input": (1_000, None),
        "output": (50, None),
    }


def test_figures_that_contradict_each_other_are_kept_but_not_priced() -> None:
    usage = {"input_tokens": -5, "output_tokens": 50}
    end = an_end(an_attempt(OPENING, reply=a_reply("Much.", usage)), "completed")
    assert (end.total, end.basis, end.usage) == (None, "unpriced", Usage())
    assert end.usage_json is not None
    assert end.usage_json["input_tokens"] == -5


def test_several_attempts_sum_up_and_the_least_certain_basis_wins() -> None:
    exact = an_end(an_attempt(OPENING, reply=a_reply("Much.", USAGE)), "completed")
    guessed = an_end(a_half_answered(OPENING), "failed", no_answer())
    unknown = an_end(an_attempt(OPENING, reply=a_reply("Much.", USAGE, model="claude-nobody-9")), "completed")
    both = total_of([exact, guessed])
    assert (both.total, both.basis, both.usage) == (5_160_000, "estimated", Usage(input=1_040, output=50))
    assert (total_of([exact, unknown]).total, total_of([exact, unknown]).basis) == (None, "unpriced")
    assert (total_of([]).total, total_of([]).basis) == (0, "computed")
