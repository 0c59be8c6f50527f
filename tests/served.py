"""The product as a process of its own, on a free port and a data folder of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from core.settings import Settings
from tests.house_rules import PROJECT

LAUNCH = (sys.executable, "-m", "core.launch")
_READY_SECONDS = 60


@dataclass(frozen=True)
class Served:
    url: str
    process: subprocess.Popen[bytes]
    log: Path
    data_dir: Path

    def stop(self, number: int = signal.SIGTERM, timeout: float = 30) -> int:
        """Send the signal and wait; returns the exit status."""
        self.process.send_signal(number)
        return self.process.wait(timeout)


@contextmanager
def served(
    data_dir: Path, command: Sequence[str] = LAUNCH, folder: Path = PROJECT, port: int | None = None, **settings: str
) -> Iterator[Served]:
    """Start it, on a free port unless one is given, wait until it answers, and end it if the block has not."""
    port = port or free_port()
    log = data_dir.parent / f"server-{port}.log"
    environment = clean_environment(PORT=str(port), DATA_DIR=str(data_dir), **settings)
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out
        )
    server = Served(f"http://localhost:{port}", process, log, data_dir)
    try:
        _await_answer(server)
        yield server
    finally:
        process.kill()
        process.wait()


def clean_environment(**settings: str) -> dict[str, str]:
    """This process's environment with these settings and no others."""
    ours = {name.upper() for name in Settings.model_fields}
    return {**{name: value for name, value in os.environ.items() if name.upper() not in ours}, **settings}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_answer(server: Served) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline and server.process.poll() is None:
        try:
            urllib.request.urlopen(server.url, timeout=5).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"the server did not come up:\n{server.log.read_text()}")
