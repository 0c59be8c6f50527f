"""Which running turns a process takes for lost."""

from datetime import timedelta
from pathlib import Path

import pytest

from core.clock import now
from core.store.database import Store
from core.store.tables import TaskTrace
from core.tracing.instance import new_instance_id
from core.tracing.recorder import OWN_LOST_AFTER, Recorder
from core.tracing.spool import Spool
from tests.core.tracing.histories import BOOK
from tests.core.tracing.in_store import opened, rows

OWN = new_instance_id()
OLD = now() - OWN_LOST_AFTER - timedelta(seconds=1)


@pytest.fixture
def recorder(store: Store, tmp_path: Path) -> Recorder:
    return Recorder(store, BOOK, Spool(tmp_path, OWN), OWN)


def status(store: Store, task_trace_id: str) -> str:
    return str(rows(store, TaskTrace, id=task_trace_id)[0]["status"])


def test_an_own_opening_that_no_turn_followed_is_closed_after_a_while(
    store: Store, ids: tuple[str, str], recorder: Recorder
) -> None:
    forgotten, live = opened(store, ids, instance_id=OWN, at=OLD), opened(store, ids, instance_id=OWN, at=OLD)
    fresh = opened(store, ids, instance_id=OWN, at=now())
    recorder.take_over({live.task_trace_id})
    found = [status(store, opening.task_trace_id) for opening in (forgotten, live, fresh)]
    assert found == ["interrupted", "running", "running"]


def test_turns_of_another_machine_are_taken_over_when_its_heartbeat_stops(
    store: Store, ids: tuple[str, str], recorder: Recorder
) -> None:
    alive = opened(store, ids, instance_id="another-host:1:abc", at=now())
    stale = opened(store, ids, instance_id="another-host:2:def", at=OLD)
    recorder.take_over()
    assert [status(store, opening.task_trace_id) for opening in (alive, stale)] == ["running", "interrupted"]
