"""What lies behind a trace: all of it, in order, when it happened, and whether it adds up."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, update

from core.access.roles import Person
from core.analytics.trace_detail import Stretch, Sum
from core.analytics.trace_parts import ApprovalRow
from core.conversations.conversations import Conversations
from core.errors import NotFound
from core.store.database import Store
from core.store.tables import LedgerLine, Row, TraceSession, TraceSpan
from tests.core.acts import Acts, Errand, an_errand
from tests.core.analytics.conftest import Books
from tests.core.rows import AT, MODEL

_spans = TraceSpan.__table__


def put(store: Store, table: type[Row], **row: Any) -> None:
    store.write(lambda connection: connection.execute(insert(table.__table__), row).rowcount).result()


def change(store: Store, span_id: str, **columns: Any) -> None:
    query = update(_spans).where(_spans.c.id == span_id).values(columns)
    store.write(lambda connection: connection.execute(query).rowcount).result()


def add_line(store: Store, trace: str, span_id: str, line: int, amount: int | None, **more: Any) -> None:
    key = {"span_id": span_id, "line": line, "task_trace_id": trace, "model": MODEL, "unit": "input", "quantity": 1}
    put(store, LedgerLine, **key, amount_nanos=amount, estimated=False, billed_at=AT, recorded_at=AT, **more)


def test_a_trace_has_its_sessions_their_spans_and_their_lines(books: Books, store: Store) -> None:
    trace = books.add(spans=2)
    first, second = books.traces.spans(books.by, trace)
    change(store, second.id, request_id="req_7", usage={"input_tokens": 10})
    for span, line in ((second, 2), (first, 1), (second, 1)):
        add_line(store, trace, span.id, line, 500)
    detail = books.traces.detail(books.by, trace)
    assert detail.trace == books.traces.page(books.by)[0]
    assert (detail.owner_id, detail.deleted) == (books.person, False)
    [session] = detail.sessions
    assert (session.agent_name, session.agent_version, session.model, session.total) == ("Helper", 1, MODEL, 1_000)
    assert [(span.id, span.attempt, span.session_id) for span in session.spans] == [
        (first.id, 1, session.id),
        (second.id, 2, session.id),
    ]
    assert [(span.request_id, span.usage_json) for span in detail.spans] == [
        (None, None),
        ("req_7", {"input_tokens": 10}),
    ]
    assert [(line.span_id, line.line) for line in detail.ledger] == [(first.id, 1), (second.id, 1), (second.id, 2)]
    assert [line.line for line in detail.lines_of(second.id)] == [1, 2]


@pytest.mark.parametrize("unknown", ["", "nothing", "\0", "\ud800", "' OR 1=1 --"])
def test_an_unknown_trace_is_said_to_be_unknown(books: Books, unknown: str) -> None:
    books.add()
    with pytest.raises(NotFound, match="no such trace"):
        books.traces.detail(books.by, unknown)
    assert books.traces.asked(books.by, unknown) == ""


def test_each_level_adds_up_to_the_next(books: Books, store: Store) -> None:
    trace = books.add(cost_nanos=700)
    [span] = books.traces.spans(books.by, trace)
    for line, amount in ((1, 900), (2, -900), (3, 700)):
        add_line(store, trace, span.id, line, amount, correction=line == 2)
    detail = books.traces.detail(books.by, trace)
    assert [line.correction for line in detail.ledger] == [False, True, False]
    assert detail.sums() == [
        Sum("span", span.id, 3, 700, 700),
        Sum("session", detail.sessions[0].id, 1, 700, 700),
        Sum("trace", trace, 1, 700, 700),
    ]
    assert all(each.adds_up for each in detail.sums())


def test_a_ledger_that_does_not_add_up_is_seen(books: Books, store: Store) -> None:
    trace = books.add(cost_nanos=700)
    [span] = books.traces.spans(books.by, trace)
    add_line(store, trace, span.id, 1, 699)
    assert [each.adds_up for each in books.traces.detail(books.by, trace).sums()] == [False, True, True]


def test_what_is_not_known_adds_up_to_what_is_not_known(books: Books, store: Store) -> None:
    unpriced = books.add(cost_nanos=None, cost_basis="unpriced")
    [span] = books.traces.spans(books.by, unpriced)
    add_line(store, unpriced, span.id, 1, None)
    running = books.add(status="running", cost_nanos=None, cost_basis=None, ended_at=None, duration_ms=None)
    for trace in (unpriced, running):
        sums = books.traces.detail(books.by, trace).sums()
        assert [(each.come_to, each.booked, each.adds_up) for each in sums] == [(None, None, True)] * 3


def test_an_attempt_that_was_not_billed_adds_up_to_nothing(books: Books) -> None:
    trace = books.add(cost_nanos=0, status="failed")
    assert [(each.parts, each.come_to, each.adds_up) for each in books.traces.detail(books.by, trace).sums()] == [
        (0, 0, True),
        (1, 0, True),
        (1, 0, True),
    ]


def an_acting_trace(books: Books, store: Store) -> Errand:
    acts = Acts(store, books.person, books.agent, books.conversation)
    return an_errand(acts, *(books.rows.agent(books.person, name) for name in ("Researcher", "Archivist")))


def test_what_another_agent_did_hangs_below_the_step_that_asked_for_it(books: Books, store: Store) -> None:
    errand = an_acting_trace(books, store)
    detail = books.traces.detail(books.by, errand.trace)
    names = {id_: name for name, id_ in (*errand.spans.items(), *errand.sessions.items())}
    assert [(names[place.of.id], place.depth) for place in detail.tree] == [
        ("master", 1),
        *((name, 2) for name in ("refused", "first", "calculator", "fetch", "denied", "ask")),
        *(("researcher", 3), ("research", 4), ("ask further", 4)),
        *(("archivist", 5), ("archive", 6)),
        *(("report", 4), ("last", 2)),
    ]
    assert [session.parent_span_id for session in detail.sessions] == [
        None,
        errand.spans["ask"],
        errand.spans["ask further"],
    ]
    assert [line.span_id for line in detail.ledger] == [span.id for span in detail.spans if not span.is_tool]
    assert all(each.adds_up for each in detail.sums())
    assert detail.sums()[-1] == Sum("trace", errand.trace, 3, 12_342, 12_342)


def test_a_session_whose_asker_is_unknown_is_not_lost(books: Books, store: Store) -> None:
    acts = Acts(store, books.person, books.agent, books.conversation)
    lost = acts.session(books.agent, 0, 100, parent="nobody")
    own = acts.session(books.agent, 10, 90)
    acts.call(own, 1, 10, 80)
    circle = acts.tool(lost, 1, "ask", 0, 10)
    acts.rows[TraceSession][0]["parent_span_id"] = circle
    detail = books.traces.detail(books.by, acts.write())
    assert [(place.of.id, place.depth) for place in detail.tree if place.depth == 1] == [(own, 1), (lost, 1)]
    assert len(detail.spans) == 2


def test_a_tool_waits_for_consent_then_runs(books: Books, store: Store) -> None:
    errand = an_acting_trace(books, store)
    detail = books.traces.detail(books.by, errand.trace)
    names = {id_: name for name, id_ in errand.spans.items()}
    tools = [(names[each.span_id], each.phase, each.start, each.end) for each in detail.stretches()]
    assert [each for each in tools if each[0] in ("calculator", "fetch", "denied")] == [
        ("calculator", "tool", 2_000, 2_000),
        ("fetch", "waiting for approval", 2_010, 3_510),
        ("fetch", "tool", 3_510, 4_410),
        ("denied", "waiting for approval", 2_020, 2_920),
    ]
    assert detail.approvals == {
        errand.spans["fetch"]: ApprovalRow(errand.spans["fetch"], "approved", "Ada", ""),
        errand.spans["denied"]: ApprovalRow(errand.spans["denied"], "denied", "Ada", "Not <b>this</b> site"),
    }


def test_of_a_result_only_the_size_is_read(books: Books, store: Store) -> None:
    acts = Acts(store, books.person, books.agent, books.conversation)
    session = acts.session(books.agent, 0, 100)
    acts.tool(session, 1, "fetch_url", 0, 9, output="é\\n", output_size=4_000)
    acts.tool(session, 1, "fetch_url", 0, 9, output=None, output_size=None)
    first, second = books.traces.detail(books.by, acts.write()).tools
    assert [(span.output_kept, span.output_size) for span in (first, second)] == [(4, 4_000), (None, None)]
    assert "é" not in str(first)


def times(begin: int, end: int, took: int, first: int | None, **more: Any) -> dict[str, Any]:
    """Milliseconds after the message was sent."""
    at = {"started_at": AT + timedelta(milliseconds=begin), "ended_at": AT + timedelta(milliseconds=end)}
    return {**at, "duration_ms": took, "time_to_first_token_ms": first, **more}


@pytest.mark.parametrize(
    ("columns", "stretches"),
    [
        (times(0, 3_000, 2_990, 390), [("queue", 0, 10), ("first token", 10, 400), ("streaming", 400, 3_000)]),
        (
            times(120, 2_000, 700, 200),
            [("queue", 120, 1_300), ("first token", 1_300, 1_500), ("streaming", 1_500, 2_000)],
        ),
        (times(0, 50, 50, None, status="failed"), [("first token", 0, 50)]),
        (times(0, 900_000, 800, 300, status="interrupted"), [("first token", 0, 300), ("streaming", 300, 800)]),
        (times(0, 100, 5_000, 9_000), [("first token", 0, 100)]),
        (times(100, 50, 10, 5), []),
        (times(-1_000, -500, 100, 0), []),
        ({"ended_at": None, "duration_ms": None, "status": "running"}, []),
    ],
)
def test_a_span_waits_then_gets_its_first_token_then_streams(
    books: Books, store: Store, columns: dict[str, Any], stretches: list[tuple[str, int, int]]
) -> None:
    trace = books.add()
    [span] = books.traces.spans(books.by, trace)
    change(store, span.id, **columns)
    expected = [Stretch(span.id, phase, start, end) for phase, start, end in stretches]  # type: ignore[arg-type]
    assert books.traces.detail(books.by, trace).stretches() == expected


def test_only_the_first_line_of_what_was_asked_is_told_and_nothing_once_it_is_deleted(
    books: Books, store: Store
) -> None:
    trace = books.add(instruction="\n  A first line  \r\nA second line")
    assert books.traces.asked(books.by, trace) == "A first line  "
    assert len(books.traces.asked(books.by, books.add(instruction="x" * 9_999))) == 300
    Conversations(store).delete(Person(books.person, "Ada", "operator"), books.conversation)
    assert (books.traces.asked(books.by, trace), books.traces.detail(books.by, trace).deleted) == ("", True)
