"""What a process can tell of another one by its id."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from core.books.instance import Instance, read_instance, this_instance

OWN = this_instance()


def a_process_that_is_gone() -> Instance:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return like(pid=child.pid)


def like(**changes: object) -> Instance:
    """This process with something changed, read from the id that says so."""
    other = replace(OWN, **changes)  # type: ignore[arg-type]
    parts = other.boot_id, other.pid_namespace, other.started, "unique"
    return read_instance(f"{other.host}:{other.pid}:{'.'.join(parts)}")


def test_an_id_says_who_it_is_and_is_fit_for_a_file_name() -> None:
    assert read_instance(OWN.id) == OWN
    assert "/" not in OWN.id
    assert len(OWN.id) < 150
    assert this_instance().id != OWN.id


@pytest.mark.parametrize("other", ["another-host:1:abc", "demo", "", ":", "a:b:c.d.e.f", "host:1:a.b.c"])
def test_of_an_id_that_says_less_nothing_is_concluded(other: str) -> None:
    assert read_instance(other).id == other
    assert read_instance(other).is_gone is None


def test_c4_a_process_known_to_be_gone_is_dead_at_once() -> None:
    assert a_process_that_is_gone().is_gone is True


def test_c4_a_process_that_is_there_is_not_gone() -> None:
    assert OWN.is_gone is False


def test_c4_a_process_that_has_the_number_of_a_dead_one_is_not_that_one() -> None:
    """As after the restart of a container, where the server has number 1 again."""
    assert like(started="1").is_gone is True


@pytest.mark.parametrize("changed", ["boot_id", "pid_namespace"])
@pytest.mark.parametrize("pid", [os.getpid(), 2**22 + 1], ids=["its own", "nobody's"])
def test_c4_of_another_namespace_or_boot_nothing_is_concluded_from_a_number(changed: str, pid: int) -> None:
    assert like(pid=pid, **{changed: "another"}).is_gone is None


def test_c4_what_is_left_of_a_killed_process_is_gone() -> None:
    """Its number is still taken until somebody asks how it ended."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        started = _start_of(child.pid)
        assert like(pid=child.pid, started=started).is_gone is False
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert like(pid=child.pid, started=started).is_gone is True


def _start_of(pid: int) -> str:
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[19]
