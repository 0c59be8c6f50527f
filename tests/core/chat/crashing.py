"""A process that dies: sends messages and is killed, by itself after some commits or by whoever listens to it."""

import os
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from multiprocessing.connection import Connection as Line
from typing import Any

import structlog
from sqlalchemy import Connection

from core.chat import engine
from core.chat.turn import Turn
from core.events import TextDelta
from core.settings import Settings
from core.wiring import Services, open_services


def main(
    line: "Line[str, str]", url: str, folder: str, text: str, *, turns: int = 1, commits: int = 0, key: str = ""
) -> None:
    """Says that it streams once every turn does; ``commits`` are those it survives, 0 all, ``key`` a program's."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    engine.TICK_SECONDS = 0.05  # what is said is saved so often
    settings = Settings(_env_file=None, data_dir=folder, database_url=url, drain_seconds=0, answers_at_once=50)
    services = open_services(settings)
    signal.signal(signal.SIGTERM, lambda *_: leave(services))
    if commits:
        die_after(services, commits)
    agent = services.agents.list(services.me)[0]
    if key:
        services.turns.post(owner=services.me, agent_id=agent.id, text=text, key=key)
    sent = [services.turns.send(owner=services.me, agent_id=agent.id, text=f"{text} {n}") for n in range(turns)]
    for turn in sent:
        wait_for_text(turn)
    line.send("streaming")
    threading.Event().wait()


def wait_for_text(turn: Turn) -> None:
    seen = 0
    while batch := turn.get(seen, 10):
        if any(isinstance(logged.event, TextDelta) for logged in batch):
            return
        seen += len(batch)


def die_after(services: Services, commits: int) -> None:
    """From here on the process is gone, without a word, once so many more transactions are committed."""
    write, committed = services.store.write, 0

    def counted(job: Callable[[Connection], Any]) -> Future[Any]:
        nonlocal committed
        future = write(job)
        future.result()
        committed += 1
        if committed == commits:
            os.kill(os.getpid(), signal.SIGKILL)
        return future

    services.store.write = counted  # type: ignore[method-assign]


def leave(services: Services) -> None:
    services.close()
    os._exit(0)
