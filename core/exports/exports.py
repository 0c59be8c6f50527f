"""Downloads: opened by a link, read in one snapshot, followed while they run and for a while after."""

import threading
from collections.abc import Callable, Generator
from contextlib import ExitStack
from datetime import timedelta
from time import monotonic

from sqlalchemy import Connection, select

from core.access.roles import Permission, Person, allow, scope
from core.access.standing import as_now
from core.analytics.filters import TraceFilter, within
from core.analytics.traces import Traces
from core.clock import new_id, now
from core.errors import AppError, NotAllowed, NotFound, ShuttingDown, TooManyExports
from core.exports.columns import FILES, FileName
from core.exports.links import Links, Order
from core.exports.progress import Progress
from core.exports.reading import batches, header
from core.store.database import Store
from core.store.tables import TaskTrace

AT_ONCE = 4
KEPT = timedelta(hours=1)
ASKED_EVERY_SECONDS = 2.0
"""How long a file may go on before it is asked again whether the person who ordered it may have it."""
_UNKNOWN = "Unknown download: it was not started here, or ended more than an hour ago. Start it again."
_CLOSING = "The server is shutting down. Start the download again in a moment."
_LESSENED = "The download broke off: you may not see all of it any more. Start it again for what you may see."
_BROKEN = "The download broke off by a fault of ours; the log says more. Start it again."


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
        self._store, self._traces, self.links = store, Traces(store), Links(key)
        self._known: dict[str, Progress] = {}
        self._free = threading.BoundedSemaphore(AT_ONCE)
        self._lock, self._closed = threading.Lock(), threading.Event()

    def order(self, by: Person, file: FileName, chosen: TraceFilter, zone: str) -> Order:
        """Make an order, which a link can be made of. Raises NotAllowed."""
        allow(by, Permission.EXPORTS)
        rows = self._traces.count(by, chosen) if file == "traces" else None
        return Order(new_id(), by.id, file, chosen, zone, rows, by.token_id)

    def begin(self, order: Order) -> Download:
        """Open the snapshot, of what the person who ordered it may see now.

        Raises NotSignedIn, NotAllowed, TooManyExports, ShuttingDown, or StoreError if the database cannot be read.
        """
        chosen = within(scope(self._still_allowed(order)), order.chosen)
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
        return Download(progress, self._pieces(progress, chosen, connection, held), held)

    def known(self, order: Order) -> Progress:
        """Return how far the latest download of that order has come. Raises NotFound, NotSignedIn, NotAllowed."""
        self._still_allowed(order)
        with self._lock:
            found = self._known.get(order.id)
        if found is None:
            raise NotFound(_UNKNOWN)
        return found

    def close(self) -> None:
        """Break off what runs, and begin nothing any more."""
        self._closed.set()

    def _still_allowed(self, order: Order) -> Person:
        person = as_now(self._store, order.person_id, order.token_id)
        allow(person, Permission.EXPORTS)
        return person

    def _check_standing(self, order: Order, chosen: TraceFilter) -> None:
        """Check that the person who ordered the file may still have all that is in it.

        Raises NotSignedIn, NotAllowed.
        """
        if within(scope(self._still_allowed(order)), order.chosen) != chosen:
            raise NotAllowed(_LESSENED)

    def _pieces(
        self, progress: Progress, chosen: TraceFilter, connection: Connection, held: ExitStack
    ) -> Generator[bytes, None, None]:
        file = FILES[progress.order.file]
        try:
            with held:
                yield progress.add(header(file))
                check = self._checking(progress.order, chosen)
                for batch in batches(connection, file, chosen):
                    check()
                    yield progress.add_rows(batch)
            progress.end("finished")
        except Exception as error:
            progress.end("failed", error.for_user if isinstance(error, AppError) else _BROKEN)
            raise

    def _checking(self, order: Order, chosen: TraceFilter) -> Callable[[], None]:
        """Return what to call between two batches. Raises ShuttingDown, NotSignedIn, NotAllowed."""
        asked_at = monotonic()

        def check() -> None:
            nonlocal asked_at
            if self._closed.is_set():
                raise ShuttingDown(_CLOSING)
            if monotonic() - asked_at >= ASKED_EVERY_SECONDS:
                self._check_standing(order, chosen)
                asked_at = monotonic()

        return check

    def _keep(self, progress: Progress) -> None:
        with self._lock:
            kept = {each.order.id: each for each in self._known.values() if not each.ended_before(now() - KEPT)}
            self._known = {**kept, progress.order.id: progress}
