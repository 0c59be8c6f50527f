"""Processes that are killed or told to go: what was said and what it cost is still there."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from core.budgets.budgets import BudgetDraft, Budgets
from core.money import NANOS_PER_USD
from core.settings import PROJECT
from core.store.database import Store
from core.store.tables import Message
from core.wiring import Services
from tests.core.rows import ADMIN

LONG = 2_000
SLOW = "[[tokens: 3000]] [[first: 0]] [[rate: 200]]"


def start(store: Store, folder: Path, text: str, *, turns: int = 1, commits: int = 0) -> "subprocess.Popen[str]":
    arguments = [store.url, str(folder), text, str(turns), str(commits)]
    command = [sys.executable, "-m", "tests.core.chat.crashing", *arguments]
    return subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True)


def streaming(process: "subprocess.Popen[str]") -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "streaming\n"


def saved(store: Store) -> str:
    """Of the answer, while it is written."""
    answer = select(Message.__table__.c.text).where(Message.__table__.c.role == "assistant")
    with store.read() as connection:
        return str(connection.execute(answer).scalar_one())


def test_what_was_saved_of_a_killed_answer_is_kept_and_priced(
    store: Store, tmp_path: Path, make_services: Callable[..., Services]
) -> None:
    with start(store, tmp_path, SLOW) as process:
        streaming(process)
        while len(text := saved(store)) < LONG:
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    services = make_services()
    (row,) = services.traces.page(services.me)
    said, answer = services.conversations.transcript(services.me, row.conversation_id)
    assert (row.status, row.basis) == ("interrupted", "estimated")
    assert row.total
    assert said.text == f"{SLOW} 0"
    assert answer.status == "partial"
    assert answer.text.startswith(text)
    assert row.usage.output > 200


@pytest.mark.parametrize("commits", range(1, 6))
def test_after_any_commit_a_killed_turn_is_closed_once_and_its_message_is_there(
    store: Store, tmp_path: Path, make_services: Callable[..., Services], commits: int
) -> None:
    budgets = Budgets(store, ZoneInfo("UTC"))
    budgets.create(ADMIN, BudgetDraft("organisation", None, "month", 10 * NANOS_PER_USD))
    with start(store, tmp_path, "[[tokens: 300]] [[rate: 100]]", commits=commits) as process:
        assert process.wait(60) == -signal.SIGKILL
    [before] = budgets.list(ADMIN)
    first, again = make_services(), make_services()
    (row,) = first.traces.page(first.me)
    said, answer = first.conversations.transcript(first.me, row.conversation_id)
    assert (row.status, row.basis, bool(row.total)) == ("interrupted", "estimated", True)
    assert (said.status, answer.status) == ("complete", "partial")
    lines = first.traces.ledger(first.me, row.id)
    assert sum(line.amount or 0 for line in lines) == row.total
    assert again.traces.ledger(again.me, row.id) == lines
    [after] = budgets.list(ADMIN)
    assert (before.reserved > 0, after.reserved, after.spent) == (True, 0, row.total)


def test_a_terminated_process_books_all_its_live_turns(
    store: Store, tmp_path: Path, make_services: Callable[..., Services]
) -> None:
    with start(store, tmp_path, SLOW, turns=20) as process:
        streaming(process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(25) == 0
    rows = (after := make_services()).traces.page(after.me, limit=50)
    assert len(rows) == 20
    assert {(row.status, row.basis, row.error_type) for row in rows} == {("interrupted", "estimated", "shutdown")}
    assert all(row.total for row in rows)
