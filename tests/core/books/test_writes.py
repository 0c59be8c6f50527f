"""The books: open before anything is asked, closed once, corrected only by adding."""

from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from core.books import closing, writes
from core.books.recovery import NOTED
from core.books.used import HIDDEN_THINKING, NO_PROMPT
from core.books.values import Advance, Answer
from core.chat.new_turn import HistoryMoved, open_turn
from core.clock import new_id
from core.errors import NotFound, TurnLost
from core.store.database import Store
from core.store.tables import DirtyBucket, LedgerLine, Message, TaskTrace, TraceSession, TraceSpan
from core.usage import Usage
from tests.core.books.histories import (
    AT,
    a_call,
    a_point,
    an_end,
    an_opening,
    refused,
)
from tests.core.books.in_store import completed, finished, opened, recovered, rows


def test_the_books_are_open_before_anything_is_asked(store: Store, ids: tuple[str, str]) -> None:
    opening = opened(store, ids)
    assert [row["role"] for row in rows(store, Message, task_trace_id=opening.head.task_trace_id)] == [
        "user",
        "assistant",
    ]
    for table, name in ((TaskTrace, "id"), (TraceSession, "task_trace_id"), (TraceSpan, "task_trace_id")):
        (row,) = rows(store, table, **{name: opening.head.task_trace_id})
        assert (row["status"], row["cost_nanos"]) == ("running", None)


def test_a_second_turn_in_a_running_conversation_is_refused_and_leaves_nothing(
    store: Store, ids: tuple[str, str]
) -> None:
    first = opened(store, ids)
    second = an_opening(
        *ids, conversation_id=first.head.conversation_id, title=None, last_message_id=first.head.message_id
    )
    with pytest.raises(IntegrityError):
        store.write(lambda connection: open_turn(connection, second)).result()
    assert len(rows(store, Message, conversation_id=first.head.conversation_id)) == 2


def test_a_history_that_moved_on_is_noticed(store: Store, ids: tuple[str, str]) -> None:
    first = opened(store, ids)
    finished(store, completed(first))
    stale = an_opening(
        *ids, conversation_id=first.head.conversation_id, title=None, last_message_id=first.user_message_id
    )
    with pytest.raises(HistoryMoved):
        store.write(lambda connection: open_turn(connection, stale)).result()


def test_nobody_writes_into_someone_elses_conversation(store: Store, ids: tuple[str, str]) -> None:
    first = opened(store, ids)
    finished(store, completed(first))
    stranger = an_opening("someone else", ids[1], conversation_id=first.head.conversation_id, title=None)
    with pytest.raises(NotFound):
        store.write(lambda connection: open_turn(connection, stranger)).result()


def test_a_replaced_message_and_all_after_it_stay_but_are_marked(store: Store, ids: tuple[str, str]) -> None:
    first = opened(store, ids)
    finished(store, completed(first))
    again = opened(
        store,
        ids,
        conversation_id=first.head.conversation_id,
        title=None,
        replaces=first.user_message_id,
        last_message_id=first.head.message_id,
    )
    messages = rows(store, Message, conversation_id=first.head.conversation_id)
    marked = {row["id"]: row["replaced_at"] is not None for row in messages}
    assert marked == {
        first.user_message_id: True,
        first.head.message_id: True,
        again.user_message_id: False,
        again.head.message_id: False,
    }


def test_a_turn_ends_once_however_often_its_end_is_written(store: Store, ids: tuple[str, str]) -> None:
    end = completed(opened(store, ids))
    assert [finished(store, end) for _ in range(3)] == [True, False, False]
    assert len(rows(store, LedgerLine, task_trace_id=end.trace_id)) == 2


def test_ends_written_together_are_each_closed_once(store: Store, ids: tuple[str, str]) -> None:
    first, second, third = (completed(opened(store, ids), words) for words in ("One.", "Two.", "Three."))
    finished(store, second)
    together = [first, second, first, third]
    closed = store.write(lambda connection: closing.close(connection, together)).result()
    assert closed == [True, False, False, True]
    for end in (first, second, third):
        assert end.answer is not None
        assert len(rows(store, LedgerLine, task_trace_id=end.trace_id)) == 2
        assert rows(store, Message, id=end.answer.message_id)[0]["text"] == end.answer.text


def test_the_hours_an_end_touches_are_marked_dirty(store: Store, ids: tuple[str, str]) -> None:
    finished(store, completed(opened(store, ids)))
    assert {row["hour"] for row in rows(store, DirtyBucket)} == {AT.replace(minute=0)}


def test_checkpoints_keep_what_has_arrived_and_never_touch_an_ended_turn(store: Store, ids: tuple[str, str]) -> None:
    opening = opened(store, ids)
    answer = Answer(opening.head.message_id, [{"type": "text", "text": "Mu"}], "Mu")
    told = {"input_tokens": 1_000, "output_tokens": 1}
    point = a_point(opening, Usage(input=1_000, output=9), told, request_id="req_1", answer=answer)
    store.write(lambda connection: writes.checkpoint(connection, [point])).result()
    (message,) = rows(store, Message, id=opening.head.message_id)
    (span,) = rows(store, TraceSpan, id=opening.call.id)
    assert (message["text"], message["status"]) == ("Mu", "running")
    assert (span["input_tokens"], span["output_tokens"], span["request_id"]) == (1_000, 9, "req_1")
    finished(store, completed(opening))
    store.write(lambda connection: writes.checkpoint(connection, [point])).result()
    assert rows(store, Message, id=opening.head.message_id)[0]["text"] == "Much."
    assert rows(store, TraceSpan, id=opening.call.id)[0]["output_tokens"] == 50


def test_a_late_attempt_for_a_turn_that_was_closed_meanwhile_is_refused(store: Store, ids: tuple[str, str]) -> None:
    opening = opened(store, ids)
    recovered(store)
    failed = an_end(a_call(opening), "failed", refused())
    following = replace(opening.call, id=new_id(), attempt=2)
    step = Advance(opening.trace.id, opening.run.id, AT, ended=failed, call=following)
    with pytest.raises(TurnLost):
        store.write(lambda connection: writes.advance(connection, step)).result()
    assert len(rows(store, TraceSpan, task_trace_id=opening.head.task_trace_id)) == 1


def test_the_true_end_of_a_turn_given_up_for_lost_corrects_the_ledger(store: Store, ids: tuple[str, str]) -> None:
    opening = opened(store, ids)
    point = a_point(opening, Usage(input=40), {"input_tokens": 40})
    store.write(lambda connection: writes.checkpoint(connection, [point])).result()
    assert recovered(store) == 1
    assert rows(store, TaskTrace, id=opening.head.task_trace_id)[0]["cost_basis"] == "estimated"
    assert finished(store, completed(opening))
    (trace,) = rows(store, TaskTrace, id=opening.head.task_trace_id)
    assert (trace["status"], trace["cost_nanos"], trace["cost_basis"]) == ("completed", 5_000_000, "computed")
    lines = rows(store, LedgerLine, task_trace_id=opening.head.task_trace_id)
    amounts = [(row["unit"], row["amount_nanos"], row["correction"]) for row in lines]
    assert amounts == [
        ("input", 160_000, False),
        ("input", -160_000, True),
        ("input", 4_000_000, False),
        ("output", 1_000_000, False),
    ]


@pytest.mark.parametrize("statement", ["UPDATE ledger_lines SET quantity = 1", "DELETE FROM ledger_lines"])
def test_the_ledger_takes_no_change(store: Store, ids: tuple[str, str], statement: str) -> None:
    end = completed(opened(store, ids))
    finished(store, end)
    before = rows(store, LedgerLine)
    with pytest.raises(Exception, match="append-only"):
        store.write(lambda connection: connection.execute(text(statement)).rowcount).result()
    assert rows(store, LedgerLine) == before


def test_a7_what_a_checkpoint_knew_of_a_lost_turn_is_booked_as_at_least_so_much(
    store: Store, ids: tuple[str, str]
) -> None:
    """A4 and A5 too: the prompt that nobody reported and the searches that were seen."""
    opening = opened(store, ids)
    used, told = Usage(input=40, output=9, web_searches=2), {"input_tokens": 0, "output_tokens": 1}
    point = a_point(opening, used, told, request_id="req_1", reason=HIDDEN_THINKING)
    store.write(lambda connection: writes.checkpoint(connection, [point])).result()
    assert recovered(store) == 1
    (span,) = rows(store, TraceSpan, id=opening.call.id)
    assert (span["input_tokens"], span["output_tokens"], span["web_searches"]) == (40, 9, 2)
    assert (span["cost_nanos"], span["cost_basis"]) == (40 * 4_000 + 9 * 20_000 + 2 * 10_000_000, "estimated")
    for part in (NOTED, HIDDEN_THINKING, NO_PROMPT):
        assert part in span["cost_reason"]
