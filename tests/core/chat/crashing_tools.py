"""A process that dies in the middle of a turn with tools: just before or just after one of its steps is written down.

Arguments: database URL, data folder, ``before`` or ``after``, the number of the step.
"""

import os
import signal
import sys
import threading
from pathlib import Path

import structlog

from core.store.database import open_store
from core.tracing.entries import Step
from core.tracing.recorder import Recorder
from tests.core.agent.toolkit import asks, says
from tests.core.chat.tooling import workshop


def main(url: str, folder: str, when: str, number: int) -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    die(when, number)
    answers = [asks(("a", "echo", {}), ("b", "broken", {}), text="Let me see.", thought="Hm."), says("Never read.")]
    workshop(open_store(url), Path(folder), answers).send()
    threading.Event().wait(60)


def die(when: str, number: int) -> None:
    advance, seen = Recorder.advance, 0

    async def watched(self: Recorder, step: Step) -> None:
        nonlocal seen
        seen += 1
        if seen == number and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        await advance(self, step)
        if seen == number:
            os.kill(os.getpid(), signal.SIGKILL)

    Recorder.advance = watched  # type: ignore[method-assign]


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
