"""What another program gets of us: three descriptors, a death that comes with ours, and nothing to read."""

import ast
import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest
import uvloop

from core.children import tied
from tests.house_rules import PROJECT, read_modules

LISTS = "import os, json; print(json.dumps(sorted(map(int, os.listdir('/proc/self/fd')))))"
STARTS_ONE = """
import subprocess, sys, os
from core.children import keep_memory_private, tied
keep_memory_private()
command = tied([sys.executable, "-c", sys.argv[1]], os.environ)
child = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
print(child.pid, flush=True)
input()
"""
READS = """
import ctypes, json, os
from core.children import keep_memory_private
if os.getuid() == 0:  # root may read everything, so that the try is made as somebody else
    os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # as it is for whoever did not change its user
def outcome(name):
    try:
        with open(f"/proc/{os.getppid()}/{name}", "rb") as file:
            return len(file.read(1))
    except OSError as error:
        return type(error).__name__
def told_by_a_child():
    ours, theirs = os.pipe()
    if os.fork() == 0:
        os.write(theirs, json.dumps([outcome(name) for name in ("environ", "auxv", "mem")]).encode())
        os._exit(0)
    os.wait()
    return json.loads(os.read(ours, 1000))
before = told_by_a_child()
keep_memory_private()
print(json.dumps([before, told_by_a_child()]))
"""


@pytest.fixture
def inheritable() -> Iterator[int]:
    """A listening socket as Streamlit has it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.set_inheritable(True)
        yield listening.fileno()


async def _descriptors() -> list[int]:
    command = tied([sys.executable, "-c", LISTS], os.environ)
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, start_new_session=True)
    out, _ = await process.communicate()
    found: list[int] = json.loads(out)
    return found


@pytest.mark.parametrize("policy", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_c6_a_child_has_three_descriptors(policy: object, inheritable: int) -> None:
    with asyncio.Runner(loop_factory=policy) as runner:  # type: ignore[arg-type]
        found = runner.run(_descriptors())
    # Listing them takes one more.
    assert found[:3] == [0, 1, 2]
    assert len(found) <= 4
    assert inheritable not in found[:-1]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_c6_a_child_dies_with_its_parent_however_that_ends(number: int) -> None:
    """Also one that would go on without its input, and has a session of its own."""
    with _parent("import time; time.sleep(600)") as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.send_signal(number)
        parent.wait(10)
        psutil.wait_procs([child], timeout=10)
        assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def _parent(program: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", STARTS_ONE, program]
    return subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_c6_a_child_whose_parent_went_first_does_not_begin() -> None:
    command = tied([sys.executable, "-c", "print('began')"], os.environ)
    command[command.index(str(os.getpid()))] = "1" if os.getppid() != 1 else "2"
    run = subprocess.run(command, capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (1, "")


def test_c6_nobody_of_the_same_user_reads_our_environment_or_memory() -> None:
    run = subprocess.run([sys.executable, "-c", READS], cwd=PROJECT, capture_output=True, text=True)
    before, after = json.loads(run.stdout or run.stderr)
    assert before[:2] == [1, 1], "else this would show nothing"
    assert after == ["PermissionError"] * 3


@pytest.mark.parametrize(("command", "error"), [("no-such-program", FileNotFoundError), (__file__, PermissionError)])
def test_a_program_that_cannot_be_started_is_told_at_once(command: str, error: type[OSError]) -> None:
    with pytest.raises(error):
        tied([command], os.environ)


STARTERS = {"subprocess", "multiprocessing", "pty"}
STARTING_CALLS = {"open_process", "run_process", "create_subprocess_exec", "create_subprocess_shell", "fork", "Popen"}


def test_c6_nothing_else_starts_programs() -> None:
    """Whoever needs a child starts it by way of core.children."""
    found, words = set(), (*STARTERS, *STARTING_CALLS, "ProcessPool")
    for module in read_modules("app.py", "core", "pages"):
        if not any(word in module.text for word in words):
            continue
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
                found |= {module.name for name in names if name.partition(".")[0] in STARTERS or "ProcessPool" in name}
            if isinstance(node, ast.Attribute) and node.attr in STARTING_CALLS:
                found.add(module.name)
    assert found == {"core.agent.mcp.process", "core.files.looking", "core.store.postgresql_backup"}
    for name in found:
        assert "tied(" in (PROJECT / f"{name.replace('.', '/')}.py").read_text("utf-8")
