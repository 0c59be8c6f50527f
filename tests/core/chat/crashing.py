"""A process that dies: sends messages and is killed, by itself after some commits or by whoever watches its output.

Arguments: database URL, data folder, message, how many turns, after how many commits to die (0: never) and, for a
program's message, its key.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import structlog
from sqlalchemy import Connection

from core.chat.turn import Turn
from core.events import TextDelta
from core.settings import Settings
from core.wiring import Services, open_services


def main(url: str, folder: str, text: str, turns: int, commits: int, key: str = "") -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
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
    print("streaming", flush=True)
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


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]), *sys.argv[6:])
