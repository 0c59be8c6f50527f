"""Processes that are killed or told to go: what was said and what it cost is still there."""

import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from core.budgets.budgets import BudgetDraft, Budgets
from core.money import NANOS_PER_USD
from core.store.database import Store
from core.store.tables import Message, TraceSpan
from core.wiring import Services
from tests.core.books.in_store import rows
from tests.core.chat import crashing
from tests.core.rows import ADMIN
from tests.forked import forked

LONG = 2_000
SLOW = "[[tokens: 3000]] [[first: 0]] [[rate: 200]]"


def saved(store: Store) -> str:
    """Of the answer, while it is written."""
    answer = select(Message.__table__.c.text).where(Message.__table__.c.role == "assistant")
    with store.read() as connection:
        return str(connection.execute(answer).scalar_one())


@pytest.mark.each_database
def test_what_was_saved_of_a_killed_answer_is_kept_and_priced(
    store: Store, tmp_path: Path, make_services: Callable[..., Services]
) -> None:
    with forked(crashing.main, store.url, tmp_path, SLOW) as killed:
        assert killed.said() == "streaming"
        while len(text := saved(store)) < LONG:
            assert killed.process.is_alive()
            time.sleep(0.02)
    services = make_services()
    (row,) = services.traces.page(services.me)
    said, answer = services.conversations.transcript(services.me, row.conversation_id or "")
    assert (row.status, row.basis) == ("interrupted", "estimated")
    assert row.total
    assert said.text == f"{SLOW} 0"
    assert answer.status == "partial"
    assert answer.text.startswith(text)
    assert row.usage.output > 200


@pytest.mark.each_database
@pytest.mark.parametrize("commits", range(1, 6))
def test_b2_after_any_commit_a_killed_turn_is_closed_once_and_its_message_is_there(
    store: Store, tmp_path: Path, make_services: Callable[..., Services], commits: int
) -> None:
    """A call of which nothing was written down counts nothing, and is listed with all that was held for it."""
    budgets = Budgets(store, ZoneInfo("UTC"))
    budgets.create(ADMIN, BudgetDraft("organisation", None, "month", 10 * NANOS_PER_USD))
    with forked(partial(crashing.main, commits=commits), store.url, tmp_path, SLOW) as dying:
        assert dying.ended() == -signal.SIGKILL
    [before] = budgets.list(ADMIN)
    first, again = make_services(), make_services()
    (row,) = first.traces.page(first.me)
    said, answer = first.conversations.transcript(first.me, row.conversation_id or "")
    assert (row.status, row.basis, bool(row.total)) == ("interrupted", "estimated", bool(row.usage.total))
    assert (said.status, answer.status) == ("complete", "partial")
    lines = first.traces.ledger(first.me, row.id)
    assert sum(line.amount or 0 for line in lines) == row.total
    assert again.traces.ledger(again.me, row.id) == lines
    [after] = budgets.list(ADMIN)
    unknown = [span for span in rows(store, TraceSpan) if span["usage"] is None]
    listed = first.traces.unconfirmed(first.me)
    assert [(each.span_id, each.most) for each in listed] == [(span["id"], before.reserved) for span in unknown]
    assert commits > 1 or (row.total, len(listed)) == (0, 1)
    assert (before.reserved > 0, after.reserved, after.spent) == (True, 0, row.total)


def test_a_terminated_process_books_all_its_live_turns(
    store: Store, tmp_path: Path, make_services: Callable[..., Services]
) -> None:
    with forked(partial(crashing.main, turns=20), store.url, tmp_path, SLOW) as told:
        assert told.said() == "streaming"
        told.process.terminate()
        assert told.ended(25) == 0
    rows = (after := make_services()).traces.page(after.me, limit=50)
    assert len(rows) == 20
    assert {(row.status, row.basis, row.error_type) for row in rows} == {("interrupted", "estimated", "shutdown")}
    assert all(row.total for row in rows)
