"""A process that answers, in a PID namespace of its own as in a container: its number is 1, its host's name is ours."""

import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import psutil
import structlog

from core.chat import engine
from core.chat.turn import Turn
from core.errors import StoreError
from core.settings import Settings
from core.wiring import Services, open_services
from tests.house_rules import PROJECT
from tests.served import clean_environment

_AS_ANYBODY = () if os.getuid() == 0 else ("--user", "--map-root-user")
_OWN_NAMESPACE = ("unshare", *_AS_ANYBODY, "--pid", "--fork", "--kill-child", "--mount-proc", "--")


@dataclass(frozen=True)
class Living:
    """``pid`` is the number that it has here."""

    process: "Popen[str]"
    pid: int

    def said(self) -> list[str]:
        """The words of the next thing it says."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "it has ended; if unshare was refused: it needs root, or namespaces that anybody may make"
        return line.split()

    def ask(self, text: str) -> str:
        """Returns the id of the turn, of which something has been said by then."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{text}\n")
        self.process.stdin.flush()
        word, turn = self.said()
        assert word == "streaming"
        return turn

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        self.process.wait(30)


@contextmanager
def living(url: str, folder: Path, upstream: str, *, spools: bool = False) -> Iterator[Living]:
    """Fails where this system allows no namespaces: then nothing of this is known to hold there."""
    folder.mkdir(exist_ok=True)
    program = (sys.executable, "-m", "tests.core.chat.living", url, str(folder), upstream, "spools" if spools else "")
    pipes: dict[str, Any] = {"stdin": PIPE, "stdout": PIPE, "env": clean_environment(PYTHONPATH=str(PROJECT))}
    with Popen([*_OWN_NAMESPACE, *program], cwd=PROJECT, text=True, **pipes) as process:
        try:
            living = Living(process, 0)
            assert living.said() == ["ready", "1"], "it is not alone in its PID namespace"
            [child] = psutil.Process(process.pid).children()
            yield Living(process, child.pid)
        finally:
            process.kill()


def main(url: str, folder: str, upstream: str, spools: str) -> None:
    """Answers what it is told to ask, a line each, and says when that streams and how it ended."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    for name, seconds in (("TICK", 0.1), ("HEARTBEAT", 0.3), ("TAKE_OVER", 0.3)):
        setattr(engine, f"{name}_SECONDS", seconds)
    settings = Settings(
        _env_file=None, data_dir=folder, database_url=url, anthropic_api_key="key", anthropic_base_url=upstream
    )
    services = open_services(settings)
    if spools:
        _refuse_ends(services)
    print("ready", os.getpid(), flush=True)
    for line in sys.stdin:
        agent = services.agents.list(services.me)[0]
        _tell(services.turns.send(owner=services.me, agent_id=agent.id, text=line.strip()))
    os._exit(0)


def _tell(turn: Turn) -> None:
    seen = 0
    while batch := turn.get(seen, 60):
        seen += len(batch)
        kinds = {type(logged.event).__name__ for logged in batch}
        if "TextDelta" in kinds:
            break
    print("streaming", turn.id, flush=True)
    while not turn.ended:
        seen += len(turn.get(seen, 60))
    end: Any = turn.get(seen - 1, 0)[-1].event
    print("ended", end.status, end.error_type, flush=True)


def _refuse_ends(services: Services) -> None:
    """The database takes all but ends of turns."""
    write = services.store.write

    def refusing(job: Any) -> "Future[Any]":
        if not any(name in job.__qualname__ for name in ("_write_ends", "_book_end")):
            return write(job)
        refused: Future[Any] = Future()
        refused.set_exception(StoreError("The database is away for a test."))
        return refused

    services.store.write = refusing  # type: ignore[method-assign]


if __name__ == "__main__":
    main(*sys.argv[1:])
