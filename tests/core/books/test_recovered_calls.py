"""What a lost process's last call is held to have cost, by what it had written down; and when lines were written."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine

from core.books import writes
from core.books.settling import ANSWERED_FOR, NO_ANSWER, NO_REPLY, PERHAPS_SENT
from core.store.database import Store
from core.store.tables import LedgerLine, TraceSpan
from core.usage import Usage
from tests.core.books.histories import AT, a_point
from tests.core.books.in_store import completed, finished, opened, recovered, rows

PROMPT = 40
SENT = {"sent_at": AT}
ANSWERED = {**SENT, "answered_at": AT}


@pytest.mark.parametrize(
    ("known", "cost", "reason"),
    [
        ({}, 0, PERHAPS_SENT),
        (SENT, 0, NO_ANSWER),
        (ANSWERED, 0, ANSWERED_FOR),
        ({**ANSWERED, "request_id": "req_7"}, PROMPT * 4_000, NO_REPLY),
    ],
    ids=["nothing", "sent", "answered by something", "answered by the provider"],
)
def test_b1_a_crash_is_told_by_what_was_written_down_and_never_as_never_sent(
    store: Store, ids: tuple[str, str], known: dict[str, Any], cost: int, reason: str
) -> None:
    opening = opened(store, ids)
    if known:
        point = a_point(opening, Usage(input=PROMPT), **known)
        store.write(lambda connection: writes.checkpoint(connection, [point])).result()
    assert recovered(store) == 1
    (span,) = rows(store, TraceSpan, id=opening.call.id)
    assert (span["cost_nanos"], span["cost_basis"], span["cost_reason"]) == (cost, "estimated", reason)
    assert (span["request_id"], span["sent_at"]) == (known.get("request_id"), known.get("sent_at"))
    assert [line["amount_nanos"] for line in rows(store, LedgerLine)] == ([cost] if cost else [])


def test_b4_a_line_is_recorded_when_it_is_written_however_late(store: Store, ids: tuple[str, str]) -> None:
    opening = opened(store, ids)
    point = a_point(opening, Usage(input=PROMPT), {"input_tokens": PROMPT})
    store.write(lambda connection: writes.checkpoint(connection, [point])).result()
    guessed, truth = AT + timedelta(hours=1), AT + timedelta(days=2)
    with time_machine.travel(guessed, tick=False):
        recovered(store)
    with time_machine.travel(truth, tick=False):
        assert finished(store, completed(opening))
    lines = rows(store, LedgerLine, task_trace_id=opening.head.task_trace_id)
    assert [line["recorded_at"] for line in sorted(lines, key=lambda line: line["line"])] == [guessed, *[truth] * 3]
    as_believed_between = [line["amount_nanos"] for line in lines if line["recorded_at"] < truth]
    assert as_believed_between == [PROMPT * 4_000]
