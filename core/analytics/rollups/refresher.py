"""Keeps the tables of sums up to date in the background, beside other processes that do the same."""

import threading
from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

import structlog

from core.analytics.rollups.refresh import Overtaken, count_dirty, refresh
from core.clock import now
from core.errors import StoreError
from core.store.database import Store

EVERY_SECONDS = 5.0

log = structlog.get_logger(__name__)


class Refresher:
    """A thread from ``start`` to ``stop``; nothing is wrong without it, only slower."""

    def __init__(self, store: Store, zone: ZoneInfo, clock: Callable[[], datetime] = now) -> None:
        self._store, self._zone, self._clock = store, zone, clock
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rollups", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def behind(self) -> int:
        """Return how many hours the tables of sums are not up to date for, the one that runs included.

        Raises StoreError.
        """
        return count_dirty(self._store)

    def _run(self) -> None:
        while not self._stopping.wait(EVERY_SECONDS):
            self.catch_up()

    def catch_up(self) -> None:
        """Sum up all hours that are over, as long as the database plays along; what is left is tried again later."""
        try:
            while refresh(self._store, self._zone, self._clock()) and not self._stopping.is_set():
                pass
        except Overtaken:
            log.debug("rollups_refreshed_elsewhere")
        except StoreError as error:
            log.warning("rollups_put_off", reason=error.for_user)
        except Exception:  # the next try may succeed, and until then the ledger is read
            log.exception("rollups_put_off")
