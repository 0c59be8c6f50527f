"""What the server does around serving: opens the engine, gets warm, and settles every turn before it goes."""

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

from core.logs import set_up_logging
from core.settings import settings
from core.wiring import drain, start

_log = structlog.get_logger(__name__)
_SLOW_TO_IMPORT = ("anthropic", "pandas")
_LAST_GOODBYES_SECONDS = 3


@asynccontextmanager
async def lifespan(_app: object) -> AsyncIterator[None]:
    """Ready means that the books are open; when it ends every live turn is in them."""
    await to_thread.run_sync(start)
    chosen = settings()
    set_up_logging(chosen.log_level, chosen.secrets)
    end = Once(drain)
    _listen_for_signals(end)
    threading.Thread(target=_warm_up, name="warm-up", daemon=True).start()
    _log.info("ready", url=f"http://localhost:{chosen.port}", provider="simulated" if chosen.simulated else "anthropic")
    try:
        yield
    finally:
        await to_thread.run_sync(end)
        _log.info("stopped")


class Once:
    """Does its work for whoever asks first; all others wait until it is done."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._work = work
        self._lock = threading.Lock()
        self._done = False

    def __call__(self) -> None:
        with self._lock:
            if not self._done:
                self._work()
                self._done = True


def _listen_for_signals(end: Once) -> None:
    """Settle from the signal on: the server waits for its connections first, and one may never close."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _then(signal.getsignal(number), end))


def _then(earlier: object, end: Once) -> Callable[[int, FrameType | None], None]:
    def handle(number: int, frame: FrameType | None) -> None:
        threading.Thread(target=_leave, args=(end,), name="leaving", daemon=True).start()
        if callable(earlier):
            earlier(number, frame)

    return handle


def _leave(end: Once) -> None:
    end()
    time.sleep(_LAST_GOODBYES_SECONDS)
    _log.warning("a connection did not close in time; leaving without it")
    os._exit(0)


def _warm_up() -> None:
    """Import ahead what the first answer and the first stream would otherwise wait for."""
    for name in _SLOW_TO_IMPORT:
        importlib.import_module(name)
