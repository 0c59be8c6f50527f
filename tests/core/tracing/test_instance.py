"""Telling a dead process from one that is merely slow."""

import os
import subprocess
import sys
from datetime import timedelta

from core.clock import now
from core.tracing.instance import STALE_AFTER, is_dead, new_instance_id


def with_pid(instance_id: str, pid: int) -> str:
    host, _, unique = instance_id.split(":")
    return f"{host}:{pid}:{unique}"


def a_pid_that_is_gone() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


OWN = new_instance_id()
STALE = now() - STALE_AFTER - timedelta(seconds=1)


def test_this_process_is_never_dead() -> None:
    assert not is_dead(OWN, OWN, STALE)


def test_a_process_gone_from_this_machine_is_dead_at_once() -> None:
    assert is_dead(with_pid(new_instance_id(), a_pid_that_is_gone()), OWN, now())


def test_an_earlier_process_with_this_pid_is_dead() -> None:
    assert is_dead(new_instance_id(), OWN, now())


def test_a_living_process_of_this_machine_is_not_dead() -> None:
    other = with_pid(new_instance_id(), os.getppid())
    assert not is_dead(other, OWN, now())
    assert not is_dead(other, OWN)


def test_a_process_elsewhere_is_dead_only_when_its_heartbeat_is_stale() -> None:
    elsewhere = "another-host:1:abc"
    assert not is_dead(elsewhere, OWN, now())
    assert is_dead(elsewhere, OWN, STALE)
    assert not is_dead(elsewhere, OWN)
