"""Two processes on one database, which cannot see each other: real ones, with clocks, numbers and signals of theirs."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from anyio.from_thread import start_blocking_portal

from core.books import liveness
from core.chat import engine
from core.chat.turn import Turn
from core.provider.simulator.scripted import answer_events, streamed
from core.provider.simulator.server import SimulatorServer
from core.provider.simulator.wire import WireRequest, WireResponse
from core.store.database import Store
from core.store.tables import Message, TaskTrace
from core.wiring import Services
from tests.core.books.in_store import rows
from tests.core.chat.living import living
from tests.core.chat.test_database_faults import wait_until
from tests.core.chat.tooling import assert_adds_up

PATIENCE = 2.0
SLOW, QUICK = "slowly", "quickly"


class Upstream:
    """Answers slowly or quickly, as the message says, and knows who is still being answered."""

    def __init__(self) -> None:
        self.requests = 0

    def answer(self, request: WireRequest) -> WireResponse:
        self.requests += 1
        slow = request.json()["messages"][-1]["content"][0]["text"] == SLOW
        words = [f"word{number} " for number in range(2_000 if slow else 3)]
        usage, final = {"input_tokens": 100, "output_tokens": 1}, {"output_tokens": 20}
        model = request.json()["model"]
        return streamed(answer_events(*words, model=model, usage=usage, final=final), gap=0.05 if slow else 0)


@pytest.fixture
def upstream() -> Iterator[SimulatorServer]:
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(SimulatorServer(Upstream())) as server:
        yield server


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process, which watches the other one, has less patience than the product."""
    monkeypatch.setattr(liveness, "PATIENCE_SECONDS", PATIENCE)
    monkeypatch.setattr(engine, "HEARTBEAT_SECONDS", 0.2)
    monkeypatch.setattr(engine, "TAKE_OVER_SECONDS", 0.2)


def trace(store: Store, turn: str) -> Any:
    [row] = rows(store, TaskTrace, id=turn)
    return row


def assert_once(store: Store, turn: str) -> None:
    """One answer, whose cost is what its ledger lines sum to."""
    assert len(rows(store, Message, task_trace_id=turn, role="assistant")) == 1
    assert_adds_up(store, cast(Turn, SimpleNamespace(id=turn)))


@pytest.mark.each_database
@pytest.mark.parametrize("folders", ["one folder", "two folders"])
def test_c4_who_lives_in_another_pid_namespace_under_the_same_host_name_stays_alive(
    store: Store, tmp_path: Path, make_services: Callable[..., Services], upstream: SimulatorServer, folders: str
) -> None:
    """Its number is another one's here, or nobody's; it beats, and that alone counts."""
    theirs = tmp_path if folders == "one folder" else tmp_path / "theirs"
    with living(store.url, theirs, upstream.url) as other:
        turn = other.ask(SLOW)
        make_services()
        time.sleep(2 * PATIENCE)
        assert trace(store, turn)["status"] == "running"
        assert upstream.open_streams == 1
        other.kill()
        wait_until(lambda: trace(store, turn)["status"] == "interrupted")
    assert_once(store, turn)


@pytest.mark.each_database
def test_c4_who_was_frozen_for_longer_than_anybody_has_patience_is_fenced_and_hangs_up(
    store: Store, tmp_path: Path, make_services: Callable[..., Services], upstream: SimulatorServer
) -> None:
    with living(store.url, tmp_path / "theirs", upstream.url) as other:
        turn = other.ask(SLOW)
        services = make_services()
        time.sleep(2 * PATIENCE)
        os.kill(other.pid, signal.SIGSTOP)
        frozen = time.monotonic()
        wait_until(lambda: trace(store, turn)["status"] == "interrupted")
        assert time.monotonic() - frozen >= PATIENCE / 2
        assert trace(store, turn)["error_text"].startswith("Taken over after a crash of process 1 on ")
        assert upstream.open_streams == 1, "it is frozen, and nobody has hung up"
        conversation = trace(store, turn)["conversation_id"]
        agent = services.agents.list(services.me)[0].id
        further = services.turns.send(owner=services.me, agent_id=agent, text=QUICK, conversation_id=conversation)
        wait_until(lambda: further.ended)
        os.kill(other.pid, signal.SIGCONT)
        assert other.said() == ["ended", "interrupted", "taken_over"]
        wait_until(lambda: upstream.open_streams == 0)
        asked = cast(Upstream, upstream.answers).requests
    wait_until(lambda: trace(store, turn)["cost_basis"] is not None)
    assert asked == 1, "the further message was answered by the simulator of the other process"
    said = services.conversations.transcript(services.me, conversation)
    assert [message.role for message in said] == ["user", "assistant"] * 2
    for each in (turn, further.id):
        assert_once(store, each)


def test_c4_a_container_that_was_killed_and_starts_again_recovers_its_turns_and_its_spool_at_once(
    store: Store, tmp_path: Path, upstream: SimulatorServer
) -> None:
    """Again it is number 1 of its machine, in a namespace that nobody knew before."""
    with living(store.url, tmp_path, upstream.url, spools=True) as first:
        spooled = first.ask(QUICK)
        assert first.said()[:2] == ["ended", "completed"]
        wait_until(lambda: any(file.stat().st_size for file in (tmp_path / "spool").glob("*.jsonl")))
        lost = first.ask(SLOW)
        first.kill()
    assert [trace(store, turn)["status"] for turn in (spooled, lost)] == ["running", "running"]
    with living(store.url, tmp_path, upstream.url):
        found = {turn: trace(store, turn) for turn in (spooled, lost)}
    assert (found[spooled]["status"], found[spooled]["cost_basis"]) == ("completed", "computed")
    assert (found[lost]["status"], found[lost]["cost_basis"]) == ("interrupted", "estimated")
    assert [file.name for file in (tmp_path / "spool").glob("*.jsonl")] == []
    for turn in (spooled, lost):
        assert_once(store, turn)
