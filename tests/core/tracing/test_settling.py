"""What an attempt is held to have cost, however it ended."""

import pytest

from core.errors import ProviderBroken
from core.tracing.settling import NO_ANSWER, NOT_BILLED, NOT_SENT, total_of
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


@pytest.mark.parametrize(("error", "reason"), [(refused(), NOT_BILLED), (never_sent(), NOT_SENT)])
def test_a_refused_call_costs_nothing_and_says_why(error: ProviderBroken, reason: str) -> None:
    end = an_end(an_attempt(OPENING), "failed", error)  # type: ignore[arg-type]
    assert (end.total, end.basis, end.cost_reason, end.lines) == (0, "computed", reason, ())


def test_a_call_without_any_answer_is_held_to_have_cost_its_prompt() -> None:
    end = an_end(an_attempt(OPENING), "failed", no_answer())
    assert (end.total, end.basis, end.cost_reason) == (40 * 4_000, "estimated", NO_ANSWER)
    assert end.usage == Usage(input=40)


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
    guessed = an_end(an_attempt(OPENING), "failed", no_answer())
    unknown = an_end(an_attempt(OPENING, reply=a_reply("Much.", USAGE, model="claude-nobody-9")), "completed")
    both = total_of([exact, guessed])
    assert (both.total, both.basis, both.usage) == (5_160_000, "estimated", Usage(input=1_040, output=50))
    assert (total_of([exact, unknown]).total, total_of([exact, unknown]).basis) == (None, "unpriced")
    assert (total_of([]).total, total_of([]).basis) == (0, "computed")
