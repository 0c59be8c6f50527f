"""Tools in the books: opened before they run, closed once, corrected when a guess was wrong."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.books import writes
from core.books.closing import INSTANCE_LOST
from core.books.recovery import NOT_FINISHED
from core.books.spans import NOT_MADE
from core.books.spool import Spool, replay
from core.books.tool_calls import LONGEST_KEPT, cut, new_tool
from core.books.values import Advance, Answer, Ended, ModelCall, ToolCall, ToolCallEnd, TraceEnd
from core.chat.new_turn import NewTurn
from core.clock import new_id
from core.errors import TurnLost
from core.provider.blocks import ToolCall as Asked
from core.provider.blocks import tool_result
from core.store.database import Store
from core.store.tables import LedgerLine, Message, TaskTrace, TraceSession, TraceSpan
from tests.core.books.histories import AT, a_call, a_finish, a_reply, an_end, with_run
from tests.core.books.in_store import USAGE, completed, finished, opened, recovered, rows
from tests.core.books.test_spool import into
from tests.core.books.test_sums import assert_priced, assert_sums

CALL = Asked("call_1", "echo", {"say": "Hi"})
CALLED: dict[str, Any] = {"type": "tool_use", "id": CALL.id, "name": CALL.name, "input": dict(CALL.input)}


def a_tool(call: Asked = CALL) -> ToolCall:
    return new_tool(call, 1, AT)


def an_end_of(tool: ToolCall, **changes: Any) -> ToolCallEnd:
    ended = {name: changes.pop(name) for name in [*changes] if name in Ended.__dataclass_fields__}
    how = replace(Ended("completed", AT + timedelta(seconds=1), 1_000), **ended)
    return replace(ToolCallEnd(tool, how, "Hi", 2), **changes)


def a_step(opening: NewTurn, **more: Any) -> Advance:
    return Advance(opening.head.task_trace_id, opening.run.id, opening.head.at, **more)


def advance(store: Store, step: Advance) -> None:
    store.write(lambda connection: writes.advance(connection, step)).result()


def called(store: Store, opening: NewTurn, *tools: ToolCall) -> Advance:
    """The first model call has ended and asked for tools, which are about to run."""
    attempt = a_call(opening, reply=a_reply("Let me see.", USAGE, stop_reason="tool_use"))
    content = [{"type": "text", "text": "Let me see."}, CALLED]
    saved = Answer(opening.head.message_id, content, "Let me see.")
    step = a_step(opening, ended=an_end(attempt, "completed"), tools=tools, answer=saved)
    advance(store, step)
    return step


def asked_again(opening: NewTurn) -> ModelCall:
    return replace(opening.call, id=new_id(), iteration=2, prompt_estimate=70)


def assert_adds_up(store: Store) -> None:
    spans, sessions = rows(store, TraceSpan), rows(store, TraceSession)
    assert_sums(rows(store, TaskTrace), sessions)
    assert_sums(sessions, spans)
    assert_priced(spans, rows(store, LedgerLine))
    assert "running" not in {row["status"] for row in [*spans, *sessions]}


def test_what_ended_is_booked_and_what_starts_is_opened_at_once(store: Store, ids: tuple[str, str]) -> None:
    tool = a_tool()
    called(store, opening := opened(store, ids), tool)
    call, running = sorted(rows(store, TraceSpan), key=lambda row: row["kind"])
    assert (call["status"], call["cost_nanos"]) == ("success", 5_000_000)
    assert (running["id"], running["kind"], running["status"], running["input"]) == (
        tool.id,
        "tool",
        "running",
        '{"say": "Hi"}',
    )
    assert len(rows(store, LedgerLine)) == 2
    assert rows(store, Message, id=opening.head.message_id)[0]["content"][-1] == CALLED


def test_a_step_that_fails_half_way_leaves_nothing(store: Store, ids: tuple[str, str]) -> None:
    opening, tool = opened(store, ids), a_tool()
    step = called(store, opening, tool)
    twice = a_step(opening, tools_ended=(an_end_of(tool),), tools=step.tools)
    with pytest.raises(Exception, match=r"UNIQUE|unique"):
        advance(store, twice)
    assert rows(store, TraceSpan, id=tool.id)[0]["status"] == "running"


def test_a_step_of_a_turn_that_was_closed_meanwhile_is_refused(store: Store, ids: tuple[str, str]) -> None:
    called(store, opening := opened(store, ids), a_tool())
    recovered(store)
    with pytest.raises(TurnLost):
        advance(store, a_step(opening, call=asked_again(opening)))
    assert len(rows(store, TraceSpan)) == 2


def test_a_lost_turn_is_closed_with_the_tool_it_was_running(store: Store, ids: tuple[str, str]) -> None:
    called(store, opening := opened(store, ids), a_tool())
    assert [recovered(store) for _ in range(2)] == [1, 0]
    (span,) = rows(store, TraceSpan, kind="tool")
    assert (span["status"], span["error_type"], span["cost_nanos"]) == ("interrupted", INSTANCE_LOST, 0)
    (trace,) = rows(store, TaskTrace)
    assert (trace["status"], trace["cost_nanos"], trace["cost_basis"]) == ("interrupted", 5_000_000, "computed")
    (answer,) = rows(store, Message, id=opening.head.message_id)
    assert answer["content"][-1] == tool_result(CALL, NOT_FINISHED, failed=True)
    assert_adds_up(store)


def test_a_lost_turn_between_two_steps_is_closed_as_well(store: Store, ids: tuple[str, str]) -> None:
    """All its spans have ended, so that nothing but the trace says that it runs."""
    tool = a_tool()
    called(store, opening := opened(store, ids), tool)
    advance(store, a_step(opening, tools_ended=(an_end_of(tool),)))
    assert recovered(store) == 1
    assert rows(store, TraceSpan, kind="tool")[0]["status"] == "success"
    assert_adds_up(store)


def test_a_lost_turn_counts_no_text_of_earlier_calls_again(store: Store, ids: tuple[str, str]) -> None:
    tool = a_tool()
    called(store, opening := opened(store, ids), tool)
    following = asked_again(opening)
    advance(store, a_step(opening, tools_ended=(an_end_of(tool),), call=following))
    recovered(store)
    (span,) = rows(store, TraceSpan, id=following.id)
    assert (span["input_tokens"], span["output_tokens"], span["cost_nanos"]) == (0, 0, 0), "perhaps it was never sent"
    assert_adds_up(store)


def test_the_true_end_of_a_lost_turn_corrects_its_tools_and_opens_none_twice(
    store: Store, ids: tuple[str, str]
) -> None:
    tool, other = a_tool(), a_tool(Asked("call_2", "echo", {}))
    called(store, opening := opened(store, ids), tool)
    end = ended_during(opening, an_end_of(tool), an_end_of(other))
    recovered(store)
    unlike = with_run(end, tools=(an_end_of(replace(tool, id=new_id())), end.runs[0].tools[1]))
    assert [finished(store, each) for each in (unlike, end)] == [True, False]
    spans = {row["tool_use_id"]: (row["id"], row["status"]) for row in rows(store, TraceSpan, kind="tool")}
    assert spans == {"call_1": (tool.id, "success"), "call_2": (other.id, "success")}
    assert_adds_up(store)


def ended_during(opening: NewTurn, *tools: ToolCallEnd) -> TraceEnd:
    """Stopped while tools ran: the model call before them is in the books already."""
    reply = a_reply("Let me see.", USAGE, stop_reason="tool_use")
    last, at = an_end(a_call(opening, reply=reply), "completed"), AT + timedelta(seconds=9)
    return with_run(a_finish(opening, last, "stopped", reply, error_type="stopped", at=at), tools=tools)


def test_a_call_that_is_in_the_books_is_not_billed_again_by_the_end(store: Store, ids: tuple[str, str]) -> None:
    called(store, opening := opened(store, ids), tool := a_tool())
    end = ended_during(opening, an_end_of(tool, status="stopped"))
    assert finished(store, end)
    (trace,) = rows(store, TaskTrace)
    assert (trace["status"], trace["error_type"], trace["cost_nanos"]) == ("stopped", "stopped", 5_000_000)
    assert (trace["ended_at"], len(rows(store, LedgerLine))) == (end.ended.at, 2)
    assert_adds_up(store)


def test_a_call_that_never_began_gets_its_span_at_the_end(store: Store, ids: tuple[str, str]) -> None:
    opening, tool = opened(store, ids), a_tool()
    finished(store, ended_during(opening, an_end_of(tool, status="stopped", error_type="not_run", output=None)))
    (span,) = rows(store, TraceSpan, kind="tool")
    assert (span["tool_use_id"], span["status"], span["error_type"]) == (CALL.id, "stopped", "not_run")
    assert_adds_up(store)


def test_a_call_opened_by_a_commit_that_seemed_to_fail_is_closed_for_nothing(
    store: Store, ids: tuple[str, str]
) -> None:
    opening = opened(store, ids)
    following = asked_again(opening)
    advance(store, a_step(opening, call=following))
    finished(store, with_run(completed(opening), unmade=(following.id,)))
    (span,) = rows(store, TraceSpan, id=following.id)
    assert (span["status"], span["error_type"], span["cost_nanos"]) == ("failed", NOT_MADE, 0)
    assert_adds_up(store)


def test_an_end_with_tools_comes_back_from_the_spool_as_it_was(
    store: Store, ids: tuple[str, str], tmp_path: Path
) -> None:
    opening, spool, booked = opened(store, ids), Spool(tmp_path, "host:1:a"), list[TraceEnd]()
    end = with_run(ended_during(opening, an_end_of(a_tool())), unmade=("x",))
    spool.append(end)
    [path] = spool.take()
    assert replay(path, into(booked, lambda each: each)) == 1
    assert (booked, finished(store, booked[0])) == ([end], True)


def test_long_inputs_and_outputs_are_cut() -> None:
    assert cut("x" * LONGEST_KEPT) == "x" * LONGEST_KEPT
    assert len(a_tool(Asked("a", "echo", {"say": "x" * 10**6})).input) == LONGEST_KEPT + 1
