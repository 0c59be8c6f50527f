"""The server's lifespan: warm before anybody asks twice, and an end that no open connection can put off."""

import gc
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from core import lifespan
from tests.house_rules import PROJECT
from tests.served import clean_environment

# A server that never comes to its shutdown, as one does that waits for a connection which never closes.
_STUCK = """
import anyio, gc, signal, sys, threading
from core.lifespan import lifespan

async def main():
    signal.signal(signal.SIGTERM, lambda *_: print("told", flush=True))
    async with lifespan(None):
        print("up, pandas whole:", hasattr(sys.modules.get("pandas"), "Timestamp"), flush=True)
        for thread in threading.enumerate():
            if thread.name == "warm-up":
                await anyio.to_thread.run_sync(thread.join)
        print("set aside:", gc.get_freeze_count() > 100_000, len(gc.get_objects()) < 20_000, flush=True)
        await anyio.sleep(60)

anyio.run(main)
"""


def test_a_server_that_hangs_on_a_connection_still_ends_after_its_books_are_closed(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _STUCK],
        cwd=PROJECT,
        env=clean_environment(DATA_DIR=str(tmp_path)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up, pandas whole: True\n"
    assert process.stdout.readline() == "set aside: True True\n"
    process.send_signal(signal.SIGTERM)
    out, log = process.communicate(timeout=25)
    assert (process.returncode, out) == (0, "told\n")
    assert "did not close in time" in log.splitlines()[-1]
    assert "Traceback" not in log


def test_j1_a_stop_is_bounded_whatever_hangs(tmp_path: Path) -> None:
    """As with a database that neither answers nor refuses: nothing after it is waited for."""
    stuck = "import core.lifespan, time\ncore.lifespan.STOP_WITHIN_SECONDS = 1.0\n"
    stuck += "core.lifespan.leave = lambda: time.sleep(600)\n" + _STUCK
    process = subprocess.Popen(
        [sys.executable, "-c", stuck],
        cwd=PROJECT,
        env=clean_environment(DATA_DIR=str(tmp_path)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up, pandas whole: True\n"
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=25)
    assert process.returncode == 0
    assert "the stop took too long" in log.splitlines()[-1]


def test_what_is_there_to_stay_is_not_looked_through_again_for_garbage(monkeypatch: pytest.MonkeyPatch) -> None:
    warm = list[str]()
    provider = SimpleNamespace(warm_up=lambda: warm.append("provider"))
    monkeypatch.setattr(lifespan, "services", lambda: SimpleNamespace(provider=provider))
    before = gc.get_threshold()
    try:
        lifespan._get_warm()
        assert warm == ["provider"]
        assert gc.get_freeze_count() > 50_000
        assert gc.get_threshold() == lifespan._GARBAGE
    finally:
        # What is set aside stays so, as tests/conftest.py has it.
        gc.set_threshold(*before)
