"""The product as a process of its own, on a free port and a data folder of its own.

``served`` starts it as people do. ``served_at_once`` forks it off a process that has imported all it needs, for a tenth
of the work: for tests of what it does, not of how it starts or of what it holds in memory.
"""

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
from multiprocessing.connection import Connection as Line
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Protocol

from core.settings import Settings
from tests.forked import forked
from tests.house_rules import PROJECT

LAUNCH = (sys.executable, "-m", "core.launch")
_READY_SECONDS = 60


class Process(Protocol):
    """What of ``subprocess.Popen`` is used here."""

    @property
    def pid(self) -> int: ...

    def poll(self) -> int | None: ...

    def send_signal(self, number: int, /) -> None: ...

    def kill(self) -> None: ...

    def wait(self, timeout: float | None = None, /) -> int: ...


@dataclass(frozen=True)
class Served:
    url: str
    process: Process
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
    try:
        yield _up(Served(f"http://localhost:{port}", process, log, data_dir))
    finally:
        process.kill()
        process.wait()


@contextmanager
def served_at_once(data_dir: Path, port: int | None = None, **settings: str) -> Iterator[Served]:
    """As ``served``, but its process has imported the product before it begins."""
    port = port or free_port()
    log = data_dir.parent / f"server-{port}.log"
    environment = clean_environment(PORT=str(port), DATA_DIR=str(data_dir), **settings)
    with forked(_launch, environment, log) as child:
        yield _up(Served(f"http://localhost:{port}", _Child(child.process), log, data_dir))


def _launch(_line: "Line[Any, Any]", environment: dict[str, str], log: Path) -> None:
    """As if this process had just begun, with that environment."""
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    with open(os.devnull) as nothing, log.open("wb") as out:
        for number, file in enumerate((nothing, out, out)):
            os.dup2(file.fileno(), number)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    from core.launch import main

    main()


class _Child:
    """A forked process, as if it were one of ``subprocess``."""

    def __init__(self, process: BaseProcess) -> None:
        self._process = process
        assert process.pid is not None
        self.pid = process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, number: int, /) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self._process.kill()

    def wait(self, timeout: float | None = None, /) -> int:
        self._process.join(timeout)
        if (status := self._process.exitcode) is None:
            raise subprocess.TimeoutExpired("served", timeout or 0)
        return status


def clean_environment(**settings: str) -> dict[str, str]:
    """This process's environment with these settings and no others."""
    ours = {name.upper() for name in Settings.model_fields}
    return {**{name: value for name, value in os.environ.items() if name.upper() not in ours}, **settings}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _up(server: Served) -> Served:
    """Once it answers."""
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline and server.process.poll() is None:
        try:
            urllib.request.urlopen(server.url, timeout=5).close()
        except OSError:
            time.sleep(0.05)
        else:
            return server
    raise AssertionError(f"the server did not come up:\n{server.log.read_text()}")
