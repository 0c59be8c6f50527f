"""Two ways to write: one thread that commits many jobs at once (SQLite), or a thread for each connection."""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

from core.errors import StoreError
from core.store.failures import store_error

T = TypeVar("T")
Job: TypeAlias = Callable[[Connection], T]

_LARGEST_GROUP = 128
_CLOSED = "The database has been closed, because the program is stopping."
_RETRY_SECONDS = 3
# serialization_failure, deadlock_detected
_PASSING_STATES = {"40001", "40P01"}


class Writer(Protocol):
    def write(self, job: Job[T]) -> Future[T]: ...

    def close(self) -> None:
        """Finish what was accepted, then stop; later jobs raise StoreError."""
        ...


@dataclass(frozen=True, slots=True)
class _Entry(Generic[T]):
    job: Job[T]
    future: Future[T]


class _NotBegun(Exception):
    """The transaction could not even start, so no job is to blame and none was run."""


class GroupWriter:
    """Runs all waiting jobs in one transaction; their futures are set after its commit, in the order they came."""

    def __init__(self, engine: Engine, check: Callable[[], None]) -> None:
        """``check`` runs before each transaction and raises StoreError if nothing may be written now."""
        self._engine, self._check = engine, check
        self._connection: Connection | None = None
        self._waiting: queue.SimpleQueue[_Entry[Any] | None] = queue.SimpleQueue()
        self._closing = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="store-writer", daemon=True)
        self._thread.start()

    def write(self, job: Job[T]) -> Future[T]:
        entry = _Entry(job, Future[T]())
        with self._closing:
            if self._closed:
                raise StoreError(_CLOSED)
            self._waiting.put(entry)
        return entry.future

    def close(self) -> None:
        with self._closing:
            self._closed = True
            self._waiting.put(None)
        self._thread.join()

    def _work(self) -> None:
        while group := self._next_group():
            self._settle([entry for entry in group if entry.future.set_running_or_notify_cancel()])
        self._disconnect()

    def _next_group(self) -> list[_Entry[Any]]:
        """Everything that waits, at least one; nothing once the writer is closed."""
        group: list[_Entry[Any]] = []
        entry = self._waiting.get()
        while entry is not None:
            group.append(entry)
            if len(group) == _LARGEST_GROUP or self._waiting.empty():
                return group
            entry = self._waiting.get()
        if group:
            self._waiting.put(None)
        return group

    def _settle(self, group: list[_Entry[Any]]) -> None:
        try:
            results = self._transact(group)
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits for the job
            self._disconnect()
            self._blame(group, error)
        else:
            for entry, result in zip(group, results, strict=True):
                entry.future.set_result(result)

    def _blame(self, group: list[_Entry[Any]], error: BaseException) -> None:
        """Fail the one job whose fault it is; of several, run each alone to find it."""
        if len(group) == 1 or isinstance(error, _NotBegun | StoreError):
            cause = error.__cause__ if isinstance(error, _NotBegun) and error.__cause__ else error
            for entry in group:
                entry.future.set_exception(store_error(cause, self._engine.url) or cause)
            return
        for entry in group:
            self._settle([entry])

    def _transact(self, group: list[_Entry[Any]]) -> list[Any]:
        self._check()
        try:
            self._connection = self._connection or self._engine.connect()
            transaction = self._connection.begin()
        except DBAPIError as error:
            raise _NotBegun from error
        with transaction:
            return [entry.job(self._connection) for entry in group]

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class PoolWriter:
    """Runs each job in a transaction of its own, several at once, again after a conflict or on a dead connection."""

    def __init__(self, engine: Engine, threads: int) -> None:
        self._engine = engine
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="store-writer")
        self._again = Retrying(
            retry=retry_if_exception(_passes),
            wait=wait_random_exponential(0.02, max=0.5),
            stop=stop_after_delay(_RETRY_SECONDS),
            reraise=True,
        )

    def write(self, job: Job[T]) -> Future[T]:
        try:
            return self._threads.submit(self._run, job)
        except RuntimeError:
            raise StoreError(_CLOSED) from None

    def close(self) -> None:
        self._threads.shutdown()

    def _run(self, job: Job[T]) -> T:
        try:
            result: T = self._again(self._transact, job)
            return result
        except DBAPIError as error:
            raise store_error(error, self._engine.url) or error from error

    def _transact(self, job: Job[T]) -> T:
        with self._engine.begin() as connection:
            return job(connection)


def _passes(error: BaseException) -> bool:
    if not isinstance(error, DBAPIError):
        return False
    return error.connection_invalidated or getattr(error.orig, "sqlstate", None) in _PASSING_STATES
