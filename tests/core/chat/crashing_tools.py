"""A process that dies in the middle of a turn with tools: just before or just after a step of it is written down."""

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any, Literal

import structlog

from core.books.books import Books
from core.store.database import open_store
from tests.core.agent.toolkit import asks, says
from tests.core.chat.tooling import HELPERS_MODEL, workshop


def main(_: object, url: str, folder: Path, when: Literal["before", "after"], number: int, method: str) -> None:
    """``method`` is the books's that writes the step; if it is not ``advance``, another agent is asked."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    die(when, number, method)
    calls: list[tuple[str, str, Any]] = [("a", "echo", {}), ("b", "broken", {})]
    if method != "advance":
        calls = [("a", "echo", {}), ("b", "ask_Helper", {"task": "Help."})]
    answers = [asks(*calls, text="Let me see.", thought="Hm."), says("Never read.", model=HELPERS_MODEL)]
    shop = workshop(open_store(url), folder, answers)
    shop.change(delegates=(shop.helper(),))
    shop.send()
    threading.Event().wait(60)


def die(when: Literal["before", "after"], number: int, method: str) -> None:
    write, seen = getattr(Books, method), 0

    async def watched(self: Books, *args: Any) -> None:
        nonlocal seen
        seen += 1
        if seen == number and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        await write(self, *args)
        if seen == number:
            os.kill(os.getpid(), signal.SIGKILL)

    setattr(Books, method, watched)
