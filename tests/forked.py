"""Processes of their own that may die: forked off a server that has imported the product already.

Each begins in milliseconds and as clean as a new interpreter: without threads, open databases or anything that a test
has changed.
"""

import multiprocessing
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from types import ModuleType
from typing import Any

import pytest

_SERVER = multiprocessing.get_context("forkserver")
# From the third on it is what the product imports only when it needs it; below that what serves its pages.
_SERVER.set_forkserver_preload(
    [
        "pytest",
        "tests.core.chat.crashing_tools",
        "core.provider.anthropic.connections",
        "core.provider.anthropic.upstream",
        "anyio._backends._asyncio",
        "streamlit.web.cli",
        "streamlit.web.server.starlette",
        "uvicorn.protocols.http.httptools_impl",
        "uvicorn.protocols.websockets.websockets_sansio_impl",
        "core.launch",
        "core.lifespan",
        "core.api.app",
        "core.api.guard.guard",
        "pandas",
        "alembic.command",
        "tests.served",
    ]
)


@dataclass(frozen=True)
class Forked:
    """``pid`` and the like are the process's; ``said`` and ``tell`` are our end of the line to it."""

    process: BaseProcess
    line: "Connection[Any, Any]"

    def said(self) -> Any:
        """The next thing it says. Raises EOFError if it is gone."""
        assert self.line.poll(60), "it says nothing"
        return self.line.recv()

    def ended(self, timeout: float = 60) -> int:
        """Its exit status, or the number of the signal that killed it, negative."""
        self.process.join(timeout)
        status = self.process.exitcode
        assert status is not None, "it does not end"
        return status


@contextmanager
def forked(function: Callable[..., object], *arguments: Any) -> Iterator[Forked]:
    """Runs the function, which gets its end of a line to us first; what still runs at the end is killed."""
    ours, theirs = _SERVER.Pipe()
    process = _SERVER.Process(target=function, args=(theirs, *arguments), daemon=True)
    with pytest.MonkeyPatch.context() as patch:
        # A child runs anew what its parent says is its main module, and after a test of a page that is the page.
        patch.setitem(sys.modules, "__main__", ModuleType("__main__"))
        process.start()
    theirs.close()
    try:
        yield Forked(process, ours)
    finally:
        process.kill()
        process.join()
        process.close()
        ours.close()
