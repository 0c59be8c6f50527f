"""A process that dies in the middle of a turn with tools: just before or just after one of its steps is written down.

Arguments: database URL, data folder, ``before`` or ``after``, the number of the step, and the recorder's method that
writes it. If that is not ``advance``, another agent is asked.
"""

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import structlog

from core.store.database import open_store
from core.tracing.recorder import Recorder
from tests.core.agent.toolkit import asks, says
from tests.core.chat.tooling import HELPERS_MODEL, workshop


def main(url: str, folder: str, when: str, number: int, method: str) -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    die(when, number, method)
    calls: list[tuple[str, str, Any]] = [("a", "echo", {}), ("b", "broken", {})]
    if method != "advance":
        calls = [("a", "echo", {}), ("b", "ask_Helper", {"task": "Help."})]
    answers = [asks(*calls, text="Let me see.", thought="Hm."), says("Never read.", model=HELPERS_MODEL)]
    shop = workshop(open_store(url), Path(folder), answers)
    shop.change(delegates=(shop.helper(),))
    shop.send()
    threading.Event().wait(60)


def die(when: str, number: int, method: str) -> None:
    write, seen = getattr(Recorder, method), 0

    async def watched(self: Recorder, *args: Any) -> None:
        nonlocal seen
        seen += 1
        if seen == number and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        await write(self, *args)
        if seen == number:
            os.kill(os.getpid(), signal.SIGKILL)

    setattr(Recorder, method, watched)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5])
