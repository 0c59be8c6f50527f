"""Over random histories, faults included, every figure is the sum of its parts."""

from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.books import writes
from core.books.settling import LiveCall
from core.books.values import Advance
from core.budgets.bounds import Bound
from core.chat.new_turn import NewTurn
from core.clock import new_id
from core.errors import ProviderBusy
from core.events import TurnStatus
from core.store.database import Store
from core.store.tables import LedgerLine, TaskTrace, TraceSession, TraceSpan
from core.units import COLUMNS
from tests.core.books.histories import (
    a_call,
    a_finish,
    a_reply,
    an_end,
    never_sent,
    no_answer,
    refused,
)
from tests.core.books.in_store import finished, opened, recovered, rows

_ERRORS = {"refused": refused, "no answer": no_answer, "never sent": never_sent}
turns = st.fixed_dictionaries(
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


def play(store: Store, ids: tuple[str, str], turn: dict[str, Any]) -> NewTurn:
    """One turn: some failed attempts, perhaps given up for lost, its end written any number of times."""
    opening = opened(store, ids)
    attempt = a_call(opening)
    for number, kind in enumerate(turn["retries"], 2):
        attempt = retried(store, opening, attempt, number, _ERRORS[kind]())
    if turn["lost"] or not turn["ends"]:
        recovered(store)
    status: TurnStatus = turn["status"]
    stop_reason = "end_turn" if status == "completed" else None
    reply = a_reply("Much.", turn["usage"], model=turn["model"], stop_reason=stop_reason) if turn["answered"] else None
    attempt = replace(attempt, reply=reply)
    end = a_finish(opening, an_end(attempt, status, no_answer() if status == "failed" else None), status, reply)
    for _ in range(turn["ends"]):
        finished(store, end)
    return opening


def retried(store: Store, opening: NewTurn, attempt: LiveCall, number: int, error: ProviderBusy) -> LiveCall:
    following = a_call(opening, number=number, span_id=new_id())
    step = Advance(
        opening.trace.id,
        opening.run.id,
        opening.head.at,
        ended=an_end(attempt, "failed", error),
        call=replace(following.call, bound=Bound(1_000, 500)),
    )
    store.write(lambda connection: writes.advance(connection, step)).result()
    return following


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(turns=st.lists(turns, min_size=1, max_size=4))
def test_every_parent_is_the_sum_of_its_children_and_of_its_ledger(
    store: Store, ids: tuple[str, str], turns: list[dict[str, Any]]
) -> None:
    for turn in turns:
        opening = play(store, ids, turn)
        (trace,) = rows(store, TaskTrace, id=opening.head.task_trace_id)
        sessions = rows(store, TraceSession, task_trace_id=opening.head.task_trace_id)
        spans = rows(store, TraceSpan, task_trace_id=opening.head.task_trace_id)
        lines = rows(store, LedgerLine, task_trace_id=opening.head.task_trace_id)
        assert "running" not in {trace["status"], *(row["status"] for row in [*sessions, *spans])}
        assert len(spans) == len(turn["retries"]) + 1
        assert_sums([trace], sessions)
        assert_sums(sessions, spans)
        assert_priced(spans, lines)


def assert_sums(parents: list[Any], children: list[Any]) -> None:
    order = ["computed", "estimated", "unpriced"]
    for parent in parents:
        own = [row for row in children if parent["id"] in (row.get("trace_session_id"), row["task_trace_id"])]
        for column in COLUMNS:
            assert parent[column] == sum(row[column] for row in own)
        costs = [row["cost_nanos"] for row in own]
        assert parent["cost_nanos"] == (None if None in costs else sum(costs))
        assert parent["cost_basis"] == max((row["cost_basis"] for row in own), key=order.index)


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
