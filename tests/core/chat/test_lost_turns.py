"""Turns that another process took over, and tasks that end as nobody expected."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import update
from structlog.testing import capture_logs

from core.chat import engine
from core.store.database import Store
from core.store.tables import TaskTrace
from core.wiring import Services
from tests.core.chat import crashing
from tests.core.chat.conftest import ended
from tests.core.chat.test_database_faults import send, wait_until
from tests.forked import forked
from tests.house_rules import Module, read_modules

SLOW = "[[fault: silence after 3]]"
_traces = TaskTrace.__table__


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr(engine, "TAKE_OVER_SECONDS", 0.05)


@pytest.mark.each_database
def test_c4_a_turn_that_was_taken_over_stops_at_once_and_says_so(services: Services, store: Store) -> None:
    turn = send(services, SLOW)
    turn.get(1, 10)
    taken = update(_traces).where(_traces.c.id == turn.id).values(instance_id="another:1:process")
    store.write(lambda connection: connection.execute(taken)).result()
    end = ended(turn)
    assert (end.status, end.error_type) == ("interrupted", "taken_over")
    assert "took this answer over" in str(end.error_text)
    (row,) = services.traces.page(services.me)
    assert (row.status, row.total) == ("interrupted", end.total), "what it cost here is not lost"


@pytest.mark.each_database
def test_c4_two_processes_leave_each_others_turns_alone(make_services: Callable[..., Services]) -> None:
    """However often they look: each sees that the other is there."""
    here, there = make_services(), make_services()
    turns = [send(each, SLOW) for each in (here, there)]
    for _ in range(20):
        for each, turn in zip((here, there), turns, strict=True):
            each.books.take_over([turn.id])
    assert [turn.ended for turn in turns] == [False, False]


def test_c4_whoever_reads_an_answer_after_a_crash_is_told_whose_it_was(
    store: Store, tmp_path: Path, make_services: Callable[..., Services]
) -> None:
    with forked(crashing.main, store.url, tmp_path, "[[tokens: 3000]] [[first: 0]] [[rate: 200]]") as killed:
        assert killed.said() == "streaming"
        pid = killed.process.pid
        killed.process.kill()
        killed.ended()
    services = make_services()
    (row,) = services.traces.page(services.me)
    [saved] = services.traces.spans(services.me, row.id)
    assert saved.error_text is not None
    assert saved.error_text.startswith(f"Taken over after a crash of process {pid} on ")


def test_c8_what_ends_a_task_that_nobody_waits_for_is_in_the_log(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a defect for a test")

    monkeypatch.setattr(services.engine, "_look_after_turns", broken)
    with capture_logs() as logs:
        wait_until(lambda: any(line["event"] == "task_failed" for line in logs))
    [line] = [line for line in logs if line["event"] == "task_failed"]
    assert "a defect for a test" in str(line["exc_info"])


STARTS = {"start_task_soon", "create_task", "ensure_future", "run_coroutine_threadsafe"}
WAITED_FOR = {
    "core.chat.engine.check": "it waits for the result",
    "core.api.guard.doors._watched": "it waits for what comes, now and then looking at the time",
    "core.api.guard.doors.watched": "it waits for what comes, now and then looking at the time",
    "core.agent.loop._run_tools": "it waits for all of them, and asks each for its outcome",
}


def _starting(module: Module) -> Iterator[tuple[str, bool]]:
    """Functions that start tasks, and whether they have their failure logged."""
    for function in module.functions:
        calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
        names = {node.func.attr for node in calls if isinstance(node.func, ast.Attribute)}
        if names & STARTS:
            logged = any(isinstance(node, ast.Name) and node.id == "log_failure" for node in ast.walk(function))
            yield f"{module.name}.{function.name}", logged


def test_c8_every_task_is_waited_for_or_has_its_failure_logged() -> None:
    found = [one for module in read_modules("app.py", "core", "pages") for one in _starting(module)]
    assert {name for name, logged in found if not logged} == set(WAITED_FOR)
    assert sum(logged for _, logged in found) >= 5
