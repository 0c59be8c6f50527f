"""What lies behind a trace, as the books wrote it."""

from decimal import Decimal

import pytest

from core.analytics.traces import Traces
from core.books import closing
from core.chat.new_turn import NewTurn, open_turn
from core.store.database import Store
from core.usage import Usage
from tests.core.books.histories import MODEL, a_call, a_finish, a_reply, an_end, an_opening
from tests.core.rows import ADMIN, Rows

USAGE = {"input_tokens": 1_000, "output_tokens": 200, "cache_read_input_tokens": 30}


@pytest.fixture
def opening(store: Store) -> NewTurn:
    rows = Rows(store)
    person = rows.person()
    opening = an_opening(person, rows.agent(person))
    store.write(lambda connection: open_turn(connection, opening)).result()
    return opening


def close(store: Store, opening: NewTurn) -> None:
    reply = a_reply("It costs this much.", USAGE)
    end = a_finish(opening, an_end(a_call(opening, reply=reply), "completed"), "completed", reply)
    assert store.write(lambda connection: closing.close(connection, [end])).result() == [True]


def test_a_running_trace_has_one_open_span_and_no_lines(store: Store, opening: NewTurn) -> None:
    (span,) = Traces(store).spans(ADMIN, opening.head.task_trace_id)
    assert (span.id, span.kind, span.attempt, span.status) == (opening.call.id, "model_call", 1, "running")
    assert (span.total, span.basis, span.ended_at, span.duration_ms) == (None, None, None, None)
    assert span.started_at == opening.head.at
    assert Traces(store).ledger(ADMIN, opening.head.task_trace_id) == []


def test_a_finished_span_says_what_was_called_and_how_it_ended(store: Store, opening: NewTurn) -> None:
    close(store, opening)
    (span,) = Traces(store).spans(ADMIN, opening.head.task_trace_id)
    assert (span.status, span.model, span.response_model, span.request_id) == ("success", MODEL, MODEL, "req_1")
    assert (span.http_status, span.stop_reason, span.error_type, span.error_text) == (200, "end_turn", None, None)
    assert span.usage == Usage(input=1_000, output=200, cache_read=30)
    assert (span.time_to_first_token_ms, span.duration_ms, span.cost_reason) == (400, 3_000, None)


def test_the_ledger_explains_the_total_line_by_line(store: Store, opening: NewTurn) -> None:
    close(store, opening)
    lines = Traces(store).ledger(ADMIN, opening.head.task_trace_id)
    assert {line.unit: line.quantity for line in lines} == {"input": 1_000, "output": 200, "cache_read": 30}
    assert [line.line for line in lines] == [1, 2, 3]
    for line in lines:
        assert isinstance(line.unit_price_usd, Decimal)
        assert line.amount == line.quantity * line.unit_price_usd * 10**9
        assert (line.span_id, line.model, line.estimated, line.correction) == (opening.call.id, MODEL, False, False)
        assert (line.billed_at, line.price_source is None, line.price_from is None) == (opening.head.at, False, False)
    (trace,) = Traces(store).page(ADMIN)
    assert sum(line.amount or 0 for line in lines) == trace.total


def test_an_unpriced_line_has_its_quantity_but_neither_price_nor_amount(store: Store, opening: NewTurn) -> None:
    reply = a_reply("Who knows.", USAGE, model="a-model-nobody-knows")
    end = a_finish(opening, an_end(a_call(opening, reply=reply), "completed"), "completed", reply)
    store.write(lambda connection: closing.close(connection, [end])).result()
    lines = Traces(store).ledger(ADMIN, opening.head.task_trace_id)
    assert sum(line.quantity for line in lines) == 1_230
    assert {(line.unit_price_usd, line.amount, line.price_source) for line in lines} == {(None, None, None)}
    (span,) = Traces(store).spans(ADMIN, opening.head.task_trace_id)
    assert (span.total, span.basis, span.response_model) == (None, "unpriced", "a-model-nobody-knows")


def test_an_estimate_is_marked_on_every_line_and_gives_its_reason(store: Store, opening: NewTurn) -> None:
    reply = a_reply("Cut", {"input_tokens": 30, "output_tokens": 1}, stop_reason=None)
    end = a_finish(opening, an_end(a_call(opening, reply=reply), "stopped"), "stopped", reply)
    store.write(lambda connection: closing.close(connection, [end])).result()
    assert {line.estimated for line in Traces(store).ledger(ADMIN, opening.head.task_trace_id)} == {True}
    (span,) = Traces(store).spans(ADMIN, opening.head.task_trace_id)
    assert (span.basis, span.error_type) == ("estimated", "stopped")
    assert span.cost_reason
