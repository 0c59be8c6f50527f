"""The books over random histories: every figure is the sum of its parts and every turn ends once."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError

from core.clock import new_id
from core.errors import NotFound, ProviderBusy
from core.events import TurnStatus
from core.store.database import Store
from core.store.tables import Agent, DirtyBucket, LedgerLine, Message, TaskTrace, TraceSession, TraceSpan, User
from core.tracing import books
from core.tracing.entries import Checkpoint, Finish, NewAttempt, Opening
from core.tracing.opening import HistoryMoved, open_turn
from core.tracing.recovery import recover
from core.tracing.settling import Attempt
from core.tracing.totals import SUMMED
from core.usage import Usage
from tests.core.tracing.histories import (
    AT,
    BOOK,
    a_finish,
    a_reply,
    an_attempt,
    an_end,
    an_opening,
    never_sent,
    no_answer,
    refused,
)

USAGE = {"input_tokens": 1_000, "output_tokens": 50}


@pytest.fixture
def ids(store: Store) -> tuple[str, str]:
    """An owner and an agent for the books to point at."""
    owner_id, agent_id = new_id(), new_id()
    user = {"id": owner_id, "email": "ada@example.com", "name": "Ada", "role": "admin", "created_at": AT}
    agent = {"id": agent_id, "name": "Ada's agent", "active": True, "current_version": 1, "created_at": AT}
    store.write(lambda connection: connection.execute(insert(User.__table__), user)).result()
    store.write(lambda connection: connection.execute(insert(Agent.__table__), agent)).result()
    return owner_id, agent_id


def opened(store: Store, ids: tuple[str, str], **changes: Any) -> Opening:
    opening = an_opening(*ids, **changes)
    store.write(lambda connection: open_turn(connection, opening)).result()
    return opening


def finished(store: Store, end: Finish) -> bool:
    return store.write(lambda connection: books.finish(connection, end)).result()


def completed(opening: Opening, words: str = "Much.") -> Finish:
    reply = a_reply(words, USAGE)
    return a_finish(opening, an_end(an_attempt(opening, reply=reply), "completed"), "completed", reply)


def rows(store: Store, table: Any, **where: Any) -> list[Any]:
    query = select(table.__table__)
    for column, value in where.items():
        query = query.where(table.__table__.c[column] == value)
    with store.read() as connection:
        return list(connection.execute(query).mappings())


def test_the_books_are_open_before_anything_is_asked(store: Store, ids: tuple[str, str]) -> None:
    opening = opened(store, ids)
    assert [row["role"] for row in rows(store, Message, task_trace_id=opening.task_trace_id)] == ["user", "assistant"]
    for table, name in ((TaskTrace, "id"), (TraceSession, "task_trace_id"), (TraceSpan, "task_trace_id")):
        (row,) = rows(store, table, **{name: opening.task_trace_id})
        assert (row["status"], row["cost_nanos"]) == ("running", None)


def test_a_second_turn_in_a_running_conversation_is_refused_and_leaves_nothing(
    store: Store, ids: tuple[str, str]
) -> None:
    first = opened(store, ids)
    second = an_opening(
        *ids, conversation_id=first.conversation_id, title=None, last_message_id=first.answer_message_id
    )
    with pytest.raises(IntegrityError):
        store.write(lambda connection: open_turn(connection, second)).result()
    assert len(rows(store, Message, conversation_id=first.conversation_id)) == 2


def test_a_history_that_moved_on_is_noticed(store: Store, ids: tuple[str, str]) -> None:
    first = opened(store, ids)
    finished(store, completed(first))
    stale = an_opening(*ids, conversation_id=first.conversation_id, title=None, last_message_id=first.user_message_id)
    with pytest.raises(HistoryMoved):
        store.write(lambda connection: open_turn(connection, stale)).result()


def test_nobody_writes_into_someone_elses_conversation(store: Store, ids: tuple[str, str]) -> None:
    first = opened(store, ids)
    finished(store, completed(first))
    stranger = an_opening("someone else", ids[1], conversation_id=first.conversation_id, title=None)
    with pytest.raises(NotFound):
        store.write(lambda connection: open_turn(connection, stranger)).result()


def test_a_replaced_message_and_all_after_it_stay_but_are_marked(store: Store, ids: tuple[str, str]) -> None:
    first = opened(store, ids)
    finished(store, completed(first))
    again = opened(
        store,
        ids,
        conversation_id=first.conversation_id,
        title=None,
        replaces=first.user_message_id,
        last_message_id=first.answer_message_id,
    )
    messages = rows(store, Message, conversation_id=first.conversation_id)
    marked = {row["id"]: row["replaced_at"] is not None for row in messages}
    assert marked == {
        first.user_message_id: True,
        first.answer_message_id: True,
        again.user_message_id: False,
        again.answer_message_id: False,
    }


def test_a_turn_ends_once_however_often_its_end_is_written(store: Store, ids: tuple[str, str]) -> None:
    end = completed(opened(store, ids))
    assert [finished(store, end) for _ in range(3)] == [True, False, False]
    assert len(rows(store, LedgerLine, task_trace_id=end.task_trace_id)) == 2


def test_the_hours_an_end_touches_are_marked_dirty(store: Store, ids: tuple[str, str]) -> None:
    finished(store, completed(opened(store, ids)))
    assert {row["hour"] for row in rows(store, DirtyBucket)} == {AT.replace(minute=0)}


def test_checkpoints_keep_what_has_arrived_and_never_touch_an_ended_turn(store: Store, ids: tuple[str, str]) -> None:
    opening = opened(store, ids)
    point = Checkpoint(
        span_id=opening.span_id,
        answer_message_id=opening.answer_message_id,
        usage=Usage(input=1_000, output=9),
        usage_json={"input_tokens": 1_000, "output_tokens": 1},
        response_model=opening.model,
        request_id="req_1",
        time_to_first_token_ms=300,
        content=[{"type": "text", "text": "Mu"}],
        text="Mu",
    )
    store.write(lambda connection: books.checkpoint(connection, [point])).result()
    (message,) = rows(store, Message, id=opening.answer_message_id)
    (span,) = rows(store, TraceSpan, id=opening.span_id)
    assert (message["text"], message["status"]) == ("Mu", "running")
    assert (span["input_tokens"], span["output_tokens"], span["request_id"]) == (1_000, 9, "req_1")
    finished(store, completed(opening))
    store.write(lambda connection: books.checkpoint(connection, [point])).result()
    assert rows(store, Message, id=opening.answer_message_id)[0]["text"] == "Much."
    assert rows(store, TraceSpan, id=opening.span_id)[0]["output_tokens"] == 50


def test_a_late_attempt_for_a_turn_that_was_closed_meanwhile_is_refused(store: Store, ids: tuple[str, str]) -> None:
    opening = opened(store, ids)
    recover(store, BOOK, lambda *_: True)
    failed = an_end(an_attempt(opening), "failed", refused())
    following = NewAttempt(new_id(), opening.task_trace_id, opening.session_id, opening.model, 2)
    with pytest.raises(books.TurnLost):
        store.write(lambda connection: books.next_attempt(connection, failed, following, 40, AT)).result()
    assert len(rows(store, TraceSpan, task_trace_id=opening.task_trace_id)) == 1


def test_the_true_end_of_a_turn_given_up_for_lost_corrects_the_ledger(store: Store, ids: tuple[str, str]) -> None:
    opening = opened(store, ids)
    assert recover(store, BOOK, lambda *_: True) == 1
    assert rows(store, TaskTrace, id=opening.task_trace_id)[0]["cost_basis"] == "estimated"
    assert finished(store, completed(opening))
    (trace,) = rows(store, TaskTrace, id=opening.task_trace_id)
    assert (trace["status"], trace["cost_nanos"], trace["cost_basis"]) == ("completed", 5_000_000, "computed")
    lines = rows(store, LedgerLine, task_trace_id=opening.task_trace_id)
    amounts = [(row["unit"], row["amount_nanos"], row["correction"]) for row in lines]
    assert amounts == [
        ("input", 160_000, False),
        ("input", -160_000, True),
        ("input", 4_000_000, False),
        ("output", 1_000_000, False),
    ]


def test_recovery_leaves_the_turns_of_the_living_alone(store: Store, ids: tuple[str, str]) -> None:
    opening = opened(store, ids)
    assert recover(store, BOOK, lambda *_: False) == 0
    assert rows(store, TaskTrace, id=opening.task_trace_id)[0]["status"] == "running"


_ERRORS = {"refused": refused, "no answer": no_answer, "never sent": never_sent}
_turns = st.fixed_dictionaries(
    {
        "retries": st.lists(st.sampled_from(sorted(_ERRORS)), max_size=3),
        "status": st.sampled_from(["completed", "failed", "stopped", "interrupted"]),
        "answered": st.booleans(),
        "model": st.sampled_from(["claude-opus-5-5", "claude-haiku-5-5", "claude-nobody-9"]),
        "usage": st.fixed_dictionaries(
            {
                "input_tokens": st.integers(0, 10**9),
                "cache_creation_input_tokens": st.integers(0, 10**6),
                "cache_read_input_tokens": st.integers(0, 10**6),
                "output_tokens": st.integers(0, 10**6),
            }
        ),
        "lost": st.booleans(),
        "ends": st.integers(0, 3),
    }
)


def play(store: Store, ids: tuple[str, str], turn: dict[str, Any]) -> Opening:
    """One turn: some failed attempts, perhaps given up for lost, its end written any number of times."""
    opening = opened(store, ids)
    attempt = an_attempt(opening)
    for number, kind in enumerate(turn["retries"], 2):
        attempt = retried(store, opening, attempt, number, _ERRORS[kind]())
    if turn["lost"] or not turn["ends"]:
        recover(store, BOOK, lambda *_: True)
    status: TurnStatus = turn["status"]
    stop_reason = "end_turn" if status == "completed" else None
    reply = a_reply("Much.", turn["usage"], model=turn["model"], stop_reason=stop_reason) if turn["answered"] else None
    attempt = replace(attempt, reply=reply)
    end = a_finish(opening, an_end(attempt, status, no_answer() if status == "failed" else None), status, reply)
    for _ in range(turn["ends"]):
        finished(store, end)
    return opening


def retried(store: Store, opening: Opening, attempt: Attempt, number: int, error: ProviderBusy) -> Attempt:
    following = an_attempt(opening, number=number, span_id=new_id())
    row = NewAttempt(following.span_id, opening.task_trace_id, opening.session_id, opening.model, number)
    ended = an_end(attempt, "failed", error)
    job = lambda connection: books.next_attempt(connection, ended, row, 40, following.started_at)  # noqa: E731
    store.write(job).result()
    return following


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(turns=st.lists(_turns, min_size=1, max_size=4))
def test_every_parent_is_the_sum_of_its_children_and_of_its_ledger(
    store: Store, ids: tuple[str, str], turns: list[dict[str, Any]]
) -> None:
    for turn in turns:
        opening = play(store, ids, turn)
        (trace,) = rows(store, TaskTrace, id=opening.task_trace_id)
        sessions = rows(store, TraceSession, task_trace_id=opening.task_trace_id)
        spans = rows(store, TraceSpan, task_trace_id=opening.task_trace_id)
        lines = rows(store, LedgerLine, task_trace_id=opening.task_trace_id)
        assert "running" not in {trace["status"], *(row["status"] for row in [*sessions, *spans])}
        assert len(spans) == len(turn["retries"]) + 1
        assert_sums([trace], sessions)
        assert_sums(sessions, spans)
        assert_priced(spans, lines)


def assert_sums(parents: list[Any], children: list[Any]) -> None:
    for column in SUMMED:
        assert sum(row[column] for row in parents) == sum(row[column] for row in children)
    costs = [row["cost_nanos"] for row in children]
    assert [row["cost_nanos"] for row in parents] == [None if None in costs else sum(costs)]
    order = ["computed", "estimated", "unpriced"]
    assert parents[0]["cost_basis"] == max((row["cost_basis"] for row in children), key=order.index)


def assert_priced(spans: list[Any], lines: list[Any]) -> None:
    """Tokens and money of a span are what its ledger lines, corrections included, come to."""
    units = {
        "input_tokens": "input",
        "cache_write_5m_tokens": "cache_write_5m",
        "cache_read_tokens": "cache_read",
        "output_tokens": "output",
    }
    for span in spans:
        own = [line for line in lines if line["span_id"] == span["id"]]
        for column, unit in units.items():
            assert span[column] == sum(line["quantity"] for line in own if line["unit"] == unit)
        amounts = [line["amount_nanos"] for line in own]
        if span["cost_nanos"] is not None:
            assert span["cost_nanos"] == sum(amount for amount in amounts if amount is not None)
        else:
            assert None in amounts


@pytest.mark.parametrize("statement", ["UPDATE ledger_lines SET quantity = 1", "DELETE FROM ledger_lines"])
def test_the_ledger_takes_no_change(store: Store, ids: tuple[str, str], statement: str) -> None:
    end = completed(opened(store, ids))
    finished(store, end)
    before = rows(store, LedgerLine)
    with pytest.raises(Exception, match="append-only"):
        store.write(lambda connection: connection.execute(text(statement)).rowcount).result()
    assert rows(store, LedgerLine) == before
