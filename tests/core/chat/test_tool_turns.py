"""Turns with tools end to end: every step shown, booked and kept, on each database."""

import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.books.books import Books
from core.books.values import Advance
from core.errors import StoreError
from core.events import CostSoFar, IterationStarted, ToolDetected, ToolProgress, ToolsExecuting
from core.provider.simulator.scripted import failed
from core.settings import Settings
from core.store.database import Store
from core.store.tables import TaskTrace, TraceSpan
from core.wiring import open_services
from tests.core.agent.toolkit import USAGE, asks, results, says
from tests.core.books.in_store import rows
from tests.core.chat.conftest import ended, events_of
from tests.core.chat.tooling import Open, Workshop, assert_adds_up, assert_whole, calls


@pytest.fixture
def shop(work: Open) -> Workshop:
    return work()


@pytest.mark.parametrize("other", [False, True], ids=["anthropic", "other provider"])
def test_every_step_is_shown_booked_and_kept(store: Store, work: Open, *, other: bool) -> None:
    shop = work(asks(("a", "echo", {"say": "Hi"}), text="Let me see.", thought="Hm."), says("Done."), other=other)
    events = events_of(turn := shop.send())
    end = ended(turn)
    shown = [event for event in events if isinstance(event, IterationStarted | ToolDetected | ToolsExecuting)]
    assert shown == [
        IterationStarted(1),
        ToolDetected("a", "echo", {"say": "Hi"}),
        ToolsExecuting(1, ("echo",)),
        IterationStarted(2),
    ]
    assert [event.status for event in events if isinstance(event, ToolProgress)] == ["executing", "completed"]
    assert (end.status, end.stop_reason, end.basis) == ("completed", "end_turn", "computed")
    assert end.total == 2 * (100 * 4_000 + 20 * 20_000)
    (span,) = calls(store, turn)
    assert (span["status"], span["tool_name"], span["input"]) == ("success", "echo", '{"say": "Hi"}')
    assert (span["output"], span["output_size"]) == (f"Hi for {shop.services.me.id}", 7 + 36)
    model_calls = rows(store, TraceSpan, task_trace_id=turn.id, kind="model_call")
    assert [(row["iteration"], row["stop_reason"]) for row in model_calls] == [(1, "tool_use"), (2, "end_turn")]
    assert [block["type"] for block in assert_whole(store, turn)] == [
        "thinking",
        "text",
        "tool_use",
        "tool_result",
        "text",
    ]
    assert shop.answer(turn).text == "Let me see.\n\nDone."
    assert shop.services.traces.page(shop.services.me)[0].attempts == 2
    assert_adds_up(store, turn)


@pytest.mark.parametrize("other", [False, True], ids=["anthropic", "other provider"])
def test_what_a_cache_held_is_booked_once_however_it_is_told(store: Store, work: Open, *, other: bool) -> None:
    usage = {**USAGE, "cache_read_input_tokens": 1_000, "cache_creation_input_tokens": 500}
    end = ended(turn := work(says("Done.", usage=usage), other=other).send())
    (span,) = rows(store, TraceSpan, task_trace_id=turn.id, kind="model_call")
    assert (span["input_tokens"], span["cache_read_tokens"], span["cache_write_5m_tokens"]) == (100, 1_000, 500)
    assert (end.total, end.basis) == (100 * 4_000 + 1_000 * 200 + 500 * 5_000 + 20 * 20_000, "computed")
    assert_adds_up(store, turn)


def test_the_cost_that_is_shown_grows_from_step_to_step(work: Open) -> None:
    shop = work(asks(("a", "echo", {})), asks(("b", "echo", {})), says("Done."))
    costs = [
        event.total for event in events_of(shop.send()) if isinstance(event, CostSoFar) and event.total is not None
    ]
    assert costs == sorted(costs)
    assert {800_000, 1_600_000} <= set(costs)


def test_the_next_turn_sends_the_whole_work_again(work: Open) -> None:
    shop = work(asks(("a", "echo", {}), ("b", "broken", {}), thought="Hm."), says("Done."), says("Again."))
    ended(first := shop.send())
    assert ended(shop.send("And?", first.conversation_id)).status == "completed"
    messages = shop.script.messages[-1]
    assert [message["role"] for message in messages] == ["user", "assistant", "user", "assistant", "user"]
    assert [block["type"] for block in messages[1]["content"]] == ["thinking", "tool_use", "tool_use"]
    assert [result.get("is_error", False) for result in results(messages[2])] == [False, True]
    span = shop.services.traces.spans(shop.services.me, first.id)[-1]
    assert span.usage.total == 120, "what the next prompt is reckoned from"


def test_a_retry_in_a_later_iteration_is_a_span_of_its_own(store: Store, work: Open) -> None:
    busy = failed(529, "overloaded_error", "Overloaded", headers={"retry-after": "0"})
    turn = work(asks(("a", "echo", {})), busy, says("Done.")).send()
    assert ended(turn).status == "completed"
    spans = rows(store, TraceSpan, task_trace_id=turn.id, kind="model_call")
    assert [(row["iteration"], row["attempt"], row["status"]) for row in spans] == [
        (1, 1, "success"),
        (2, 1, "failed"),
        (2, 2, "success"),
    ]
    assert_adds_up(store, turn)


def test_a_failure_in_a_later_iteration_keeps_what_the_earlier_ones_did(store: Store, work: Open) -> None:
    shop = work(
        asks(("a", "echo", {}), text="Let me see."), failed(400, "invalid_request_error", "no"), says("Better.")
    )
    end = ended(turn := shop.send())
    assert (end.status, end.error_type, end.total) == ("failed", "invalid_request_error", 800_000)
    assert shop.answer(turn).text == "Let me see."
    assert_adds_up(store, turn)
    assert ended(shop.send("Again.", turn.conversation_id)).status == "completed"
    assert [message["role"] for message in shop.script.messages[-1]] == ["user", "assistant", "user", "user"]


def test_a_stop_during_a_tool_leaves_no_call_without_a_result(store: Store, work: Open) -> None:
    shop = work(asks(("a", "echo", {}), ("b", "stuck", {}), thought="Hm."), says("Better."))
    turn = shop.send()
    seen, pause = 0, threading.Event()
    while not any(isinstance(each.event, ToolProgress) and each.event.status == "completed" for each in turn.get(0, 1)):
        seen += 1
        assert seen < 100, "the tool did not end"
        pause.wait(0.05)
    turn.stop()
    end = ended(turn)
    assert (end.status, end.error_type, end.total, end.basis) == ("stopped", "stopped", 800_000, "computed")
    assert [(row["status"], row["error_type"]) for row in calls(store, turn)] == [
        ("success", None),
        ("stopped", "stopped"),
    ]
    assert_whole(store, turn)
    assert_adds_up(store, turn)
    assert ended(shop.send("Again.", turn.conversation_id)).status == "completed"
    assert [result.get("is_error", False) for result in results(shop.script.messages[-1][2])] == [False, True]


def test_a_limit_ends_the_turn_with_what_there_is_and_says_so(store: Store, work: Open) -> None:
    shop = work(
        asks(("a", "echo", {}), text="One."), asks(("b", "echo", {}), text="Two."), says("On."), max_iterations=2
    )
    end = ended(turn := shop.send())
    assert (end.status, end.error_type, end.basis) == ("stopped", "iteration_limit", "computed")
    assert "asked the model 2 times" in (end.error_text or "")
    assert (shop.answer(turn).text, len(shop.script.requests)) == ("One.\n\nTwo.", 2)
    assert [(row["status"], row["error_type"]) for row in calls(store, turn)] == [
        ("success", None),
        ("stopped", "not_run"),
    ]
    assert_whole(store, turn)
    assert_adds_up(store, turn)
    assert ended(shop.send("Go on.", turn.conversation_id)).status == "completed"


def test_a_limit_of_dollars_is_looked_at_with_the_exact_cost(work: Open) -> None:
    shop = work(asks(("a", "echo", {})), asks(("b", "echo", {})), says("Never."), max_cost_nanos=1_600_000)
    end = ended(shop.send())
    assert (end.error_type, end.total, len(shop.script.requests)) == ("cost_limit", 1_600_000, 2)


def test_a_call_cut_by_the_length_of_the_answer_is_kept_but_not_run(store: Store, work: Open) -> None:
    shop = work(asks(("a", "echo", '{"say": "H'), stop_reason="max_tokens"), says("Better."))
    end = ended(turn := shop.send())
    assert (end.status, end.error_type, end.stop_reason) == ("stopped", "tool_call_cut", "max_tokens")
    assert [row["error_type"] for row in calls(store, turn)] == ["not_run"]
    assert_whole(store, turn)
    assert ended(shop.send("Again.", turn.conversation_id)).status == "completed"


@pytest.mark.parametrize("committed", [False, True], ids=["refused", "committed without a word"])
@pytest.mark.parametrize(("number", "tool"), [(1, ("stopped", "not_run")), (2, ("success", None))])
def test_a_step_that_cannot_be_booked_is_not_taken(
    store: Store, work: Open, monkeypatch: pytest.MonkeyPatch, number: int, tool: Any, committed: bool
) -> None:
    advance, seen = Books.advance, list[Advance]()

    async def failing(self: Books, step: Advance) -> None:
        seen.append(step)
        if len(seen) < number or committed:
            await advance(self, step)
        if len(seen) == number:
            raise StoreError("The database is away for a test.")

    monkeypatch.setattr(Books, "advance", failing)
    shop = work(asks(("a", "echo", {}), text="One."), says("Never."))
    end = ended(turn := shop.send())
    assert (end.status, end.error_type, end.total) == ("failed", "store_unavailable", 800_000)
    assert [(row["status"], row["error_type"]) for row in calls(store, turn)] == [tool]
    assert (shop.answer(turn).text, len(shop.script.requests)) == ("One.", 1)
    assert_whole(store, turn)
    assert_adds_up(store, turn)


def test_the_people_agent_of_a_new_installation_looks_employees_up(store: Store, tmp_path: Path) -> None:
    chosen = Settings(_env_file=None, data_dir=tmp_path, database_url=store.url, simulator_pace=0, drain_seconds=0)
    services = open_services(chosen)
    try:
        agent = next(agent for agent in services.agents.list(services.me) if agent.name == "People")
        turn = services.turns.send(
            owner=services.me, agent_id=agent.id, text="give me list of employees with 5-10% increment"
        )
        assert ended(turn).status == "completed"
        [span] = calls(store, turn)
        assert span["input"] == '{"min_increment_percent": 5.0, "max_increment_percent": 10.0}'
        answer = services.conversations.transcript(services.me, turn.conversation_id)[-1]
        assert "found **14**" in answer.text
        assert_whole(store, turn)
        assert_adds_up(store, turn)
    finally:
        services.close()


def test_deleting_the_conversation_forgets_what_its_tools_were_given_and_gave(store: Store, work: Open) -> None:
    shop = work(asks(("a", "echo", {"say": "secret"})), says("Done."))
    ended(turn := shop.send())
    (text,) = shop.services.traces.tool_texts(shop.services.me, turn.id).values()
    assert ("secret" in text.input, "secret" in text.output) == (True, True)
    shop.services.conversations.delete(shop.services.me, turn.conversation_id)
    (span,) = calls(store, turn)
    assert (span["input"], span["output"], span["tool_name"]) == (None, None, "echo")


_names = st.sampled_from(["echo", "broken", "nowhere", "slow"])
_scripts = st.fixed_dictionaries(
    {
        "rounds": st.lists(st.lists(_names, min_size=1, max_size=3), max_size=3),
        "text": st.sampled_from(["", "Let me see."]),
        "split": st.integers(0, 2),
        "most": st.integers(1, 4),
        "breaks": st.booleans(),
    }
)


@pytest.mark.each_database
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(script=_scripts)
def test_any_script_is_booked_whole_and_adds_up(store: Store, shop: Workshop, script: dict[str, Any]) -> None:
    answers = [
        asks(
            *((f"{n}-{i}", name, {"say": i}) for i, name in enumerate(each)), text=script["text"], split=script["split"]
        )
        for n, each in enumerate(script["rounds"])
    ]
    last = failed(400, "invalid_request_error", "no") if script["breaks"] else says("Done.")
    shop.change(max_iterations=script["most"])
    shop.script.give(*answers, last)
    turn = shop.send()
    end = ended(turn)
    expected = "failed" if script["breaks"] else "completed"
    assert end.status == ("stopped" if len(script["rounds"]) >= script["most"] else expected)
    assert_whole(store, turn)
    assert_adds_up(store, turn)
    assert rows(store, TaskTrace, id=turn.id)[0]["cost_nanos"] == end.total
