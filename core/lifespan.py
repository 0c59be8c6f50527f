"""What the server does around serving: opens the engine, gets warm, and settles every turn before it goes."""

import gc
import importlib
import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import FrameType

import structlog
from anyio import to_thread

from core.children import keep_memory_private
from core.logs import set_up_logging
from core.settings import settings
from core.wiring import drain, leave, rescue, services, start

_log = structlog.get_logger(__name__)
_GARBAGE = 10_000, 20, 20
_LAST_GOODBYES_SECONDS = 3
STOP_WITHIN_SECONDS = 22.0
"""From the signal to the end, whatever hangs: a database, a server of tools, a browser."""


@asynccontextmanager
async def lifespan(_app: object) -> AsyncIterator[None]:
    """Ready means that the books are open; when it ends every live turn is in them."""
    chosen = settings()
    set_up_logging(chosen.log_level, chosen.secrets)
    keep_memory_private()
    await to_thread.run_sync(start)
    # Whole before anybody draws: a chart that finds it half imported takes it for loaded, and fails.
    await to_thread.run_sync(importlib.import_module, "pandas")
    _listen_for_signals()
    threading.Thread(target=_get_warm, name="warm-up", daemon=True).start()
    _log.info("ready", url=chosen.address, provider=chosen.provider)
    try:
        yield
    finally:
        await to_thread.run_sync(drain)
        _log.info("stopped")


def _get_warm() -> None:
    """Import what is left, then let the garbage collector look no more at what is there to stay.

    That is half a million objects: each answer of some thousand pieces would have them all looked through again.
    """
    services().provider.warm_up()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GARBAGE)


def _listen_for_signals() -> None:
    """Settle from the signal on: the server waits for its connections first, and one may never close."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave_and(signal.getsignal(number)))


def _leave_and(earlier: object) -> Callable[[int, FrameType | None], None]:
    def handle(number: int, frame: FrameType | None) -> None:
        for work in (_leave, _leave_at_last):
            threading.Thread(target=work, name="leaving", daemon=True).start()
        if callable(earlier):
            earlier(number, frame)

    return handle


def _leave() -> None:
    leave()
    time.sleep(_LAST_GOODBYES_SECONDS)
    _log.warning("a connection did not close in time; leaving without it")
    os._exit(0)


def _leave_at_last() -> None:
    time.sleep(STOP_WITHIN_SECONDS)
    rescue()
    _log.error("the stop took too long; what is not booked will be at the next start")
    os._exit(0)
