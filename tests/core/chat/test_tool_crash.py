"""Killed around a tool: the turn is closed once, nothing is counted twice, and the conversation can go on."""

import signal
from pathlib import Path

import pytest

from core.store.database import Store
from core.store.tables import LedgerLine, Message, TaskTrace, TraceSession, TraceSpan
from tests.core.agent.toolkit import says
from tests.core.books.in_store import rows
from tests.core.books.test_sums import assert_priced, assert_sums
from tests.core.chat import crashing_tools
from tests.core.chat.conftest import ended
from tests.core.chat.tooling import workshop
from tests.forked import forked


def crash(store: Store, folder: Path, when: str, step: int, method: str) -> None:
    with forked(crashing_tools.main, store.url, folder, when, step, method) as process:
        assert process.ended() == -signal.SIGKILL


CALLED = 100 * 4_000 + 20 * 20_000


@pytest.mark.each_database
@pytest.mark.parametrize(
    ("when", "step", "tools"),
    [
        ("before", 1, {"interrupted"}),
        ("after", 1, {"interrupted"}),
        ("before", 2, {"interrupted", "success", "failed"}),
        ("after", 2, {"success", "failed"}),
    ],
    ids=["before the tools are opened", "before they run", "between their end and the next call", "before the call"],
)
def test_a_killed_turn_is_closed_once_and_every_call_has_one_result_and_one_span(
    store: Store, tmp_path: Path, when: str, step: int, tools: set[str]
) -> None:
    crash(store, tmp_path, when, step, "advance")
    shop = workshop(store, tmp_path, [says("Better.")])
    try:
        (trace,), sessions = rows(store, TaskTrace), rows(store, TraceSession)
        spans, lines = rows(store, TraceSpan), rows(store, LedgerLine)
        assert (trace["status"], trace["error_type"]) == ("interrupted", "instance_lost")
        assert_sums([trace], sessions)
        assert_sums(sessions, spans)
        assert_priced(spans, lines)
        (answer,) = rows(store, Message, role="assistant")
        kinds = [block["type"] for block in answer["content"]]
        called = [span for span in spans if span["kind"] == "tool"]
        assert {span["status"] for span in called} <= tools
        assert kinds.count("tool_use") == kinds.count("tool_result") == len(called)
        # Killed before anything of the first call was written down: it may have been sent, and no more is known of it.
        known = (when, step) != ("before", 1)
        assert trace["cost_nanos"] >= CALLED if known else trace["cost_basis"] == "estimated"
        assert len({(line["span_id"], line["unit"]) for line in lines}) == len(lines), "nothing is billed twice"
        assert ended(shop.send("Again.", trace["conversation_id"])).status == "completed"
    finally:
        shop.services.close()


@pytest.mark.each_database
@pytest.mark.parametrize(
    ("when", "method", "status"),
    [
        ("after", "open_run", "interrupted"),
        ("before", "close_run", "interrupted"),
        ("after", "close_run", "success"),
    ],
)
def test_another_agents_run_is_closed_once_with_what_is_known_of_it(
    store: Store, tmp_path: Path, when: str, method: str, status: str
) -> None:
    crash(store, tmp_path, when, 1, method)
    shop = workshop(store, tmp_path, [says("Better.")])
    try:
        [trace], sessions = rows(store, TaskTrace), rows(store, TraceSession)
        spans, lines = rows(store, TraceSpan), rows(store, LedgerLine)
        assert trace["status"] == "interrupted"
        assert [row["status"] for row in sessions if row["parent_span_id"]] == [status]
        assert "running" not in {row["status"] for row in [*sessions, *spans]}
        assert_sums([trace], sessions)
        assert_sums(sessions, spans)
        assert_priced(spans, lines)
        assert trace["cost_basis"] == "estimated" if status == "interrupted" else trace["cost_nanos"] > CALLED
    finally:
        shop.services.close()
