"""Downloads: opened by a link, read in one snapshot, followed while they run and for a while after."""

import threading
from collections.abc import Generator
from contextlib import ExitStack
from datetime import timedelta

from sqlalchemy import Connection, select

from core.clock import now
from core.errors import AppError, NotFound, ShuttingDown, TooManyExports
from core.exports.columns import FILES
from core.exports.links import Links, Order
from core.exports.progress import Progress
from core.exports.reading import batches, header
from core.store.database import Store
from core.store.tables import TaskTrace

AT_ONCE = 4
KEPT = timedelta(hours=1)
_UNKNOWN = "Nothing is known of this download: it was not begun here, or ended more than an hour ago. Begin it again."
_CLOSING = "The server is shutting down. Begin the download again in a moment."
_BROKEN = "The download broke off by a fault of ours; the log says more. Begin it again."


class Download:
    """One file being read: take its ``pieces`` from one thread at a time, and close it in any case."""

    def __init__(self, progress: Progress, pieces: Generator[bytes, None, None], held: ExitStack) -> None:
        self.progress, self.pieces, self._held = progress, pieces, held

    def close(self) -> None:
        """Give the database back, however far the file has come."""
        self.pieces.close()
        self._held.close()
        if self.progress.state == "running":
            self.progress.end("left")


class Exports:
    """Any thread may use it."""

    def __init__(self, store: Store, key: bytes) -> None:
        self._store, self.links = store, Links(key)
        self._known: dict[str, Progress] = {}
        self._free = threading.BoundedSemaphore(AT_ONCE)
        self._lock, self._closed = threading.Lock(), threading.Event()

    def begin(self, order: Order) -> Download:
        """Open the snapshot. Raises TooManyExports, ShuttingDown, or StoreError if the database cannot be read."""
        if self._closed.is_set():
            raise ShuttingDown(_CLOSING)
        if not self._free.acquire(blocking=False):
            raise TooManyExports(f"{AT_ONCE} files are being downloaded already. Try again when one of them is done.")
        with ExitStack() as stack:
            stack.callback(self._free.release)
            connection = stack.enter_context(self._store.read())
            connection.execute(select(TaskTrace.__table__.c.id).limit(1)).all()
            progress = Progress(order, now())
            self._keep(progress)
            held = stack.pop_all()
        return Download(progress, self._pieces(progress, connection, held), held)

    def known(self, order_id: str) -> Progress:
        """How far the latest download of that order has come. Raises NotFound."""
        with self._lock:
            found = self._known.get(order_id)
        if found is None:
            raise NotFound(_UNKNOWN)
        return found

    def close(self) -> None:
        """Break off what runs, and begin nothing any more."""
        self._closed.set()

    def _pieces(self, progress: Progress, connection: Connection, held: ExitStack) -> Generator[bytes, None, None]:
        file = FILES[progress.order.file]
        try:
            with held:
                yield progress.add(header(file))
                for batch in batches(connection, file, progress.order.chosen):
                    self._check_open()
                    yield progress.add_rows(batch)
            progress.end("finished")
        except Exception as error:
            progress.end("failed", error.for_user if isinstance(error, AppError) else _BROKEN)
            raise

    def _check_open(self) -> None:
        if self._closed.is_set():
            raise ShuttingDown(_CLOSING)

    def _keep(self, progress: Progress) -> None:
        with self._lock:
            kept = {each.order.id: each for each in self._known.values() if not each.ended_before(now() - KEPT)}
            self._known = {**kept, progress.order.id: progress}
