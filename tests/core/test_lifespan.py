"""The server's lifespan: work done once, and an end that no open connection can put off."""

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from core.lifespan import Once
from tests.house_rules import PROJECT
from tests.served import clean_environment

# A server that never comes to its shutdown, as one does that waits for a connection which never closes.
_STUCK = """
import anyio, signal
from core.lifespan import lifespan

async def main():
    signal.signal(signal.SIGTERM, lambda *_: print("told", flush=True))
    async with lifespan(None):
        print("up", flush=True)
        await anyio.sleep(60)

anyio.run(main)
"""


def test_it_is_done_once_and_everyone_waits_for_it() -> None:
    done: list[float] = []
    returned: list[float] = []

    def work() -> None:
        time.sleep(0.05)
        done.append(time.monotonic())

    def ask() -> None:
        once()
        returned.append(time.monotonic())

    once = Once(work)
    threads = [threading.Thread(target=ask) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 1
    assert min(returned) >= done[0]


def test_work_that_failed_is_tried_by_the_next_one() -> None:
    tries: list[int] = []

    def work() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise OSError

    once = Once(work)
    for _ in range(3):
        try:
            once()
        except OSError:
            continue
    assert len(tries) == 2


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
    assert process.stdout.readline() == "up\n"
    process.send_signal(signal.SIGTERM)
    out, log = process.communicate(timeout=25)
    assert (process.returncode, out) == (0, "told\n")
    assert "did not close in time" in log.splitlines()[-1]
