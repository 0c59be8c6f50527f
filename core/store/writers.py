"""Two ways to write: one thread that commits many jobs at once (SQLite), or a thread for each connection."""

import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

import structlog
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    retry_if_result,
    stop_after_attempt,
    stop_after_delay,
    wait_random_exponential,
)

from core.errors import StoreError
from core.store.dialects import TRANSACTION_NUMBER
from core.store.failures import passes, store_error, told_plainly
from core.store.sqlite import DatabaseFile

log = structlog.get_logger()

T = TypeVar("T")
Job: TypeAlias = Callable[[Connection], T]

_LARGEST_GROUP = 128
_CLOSED = "The database has been closed, because the program is stopping."
_UNCONFIRMED = (
    "The connection to the database broke while it was saving, so it is not certain that this was saved. "
    "Look whether it is there before you try again."
)
_RETRY_SECONDS = 3
_SETTLED_SECONDS = 10


class Writer(Protocol):
    def write(self, job: Job[T]) -> Future[T]: ...

    def check(self) -> None:
        """Raise StoreError for what is known to keep jobs from being done, without doing one."""
        ...

    def close(self) -> None:
        """Finish what was accepted, then stop; later jobs raise StoreError."""
        ...


@dataclass(frozen=True, slots=True)
class _Entry(Generic[T]):
    job: Job[T]
    future: Future[T]


class _NotBegun(Exception):
    """Nothing can be written now, and no job is to blame."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(cause)
        self.cause = cause


class GroupWriter:
    """Runs all waiting jobs in one transaction; their futures are set after its commit, in the order they came."""

    def __init__(self, engine: Engine, file: DatabaseFile) -> None:
        self._engine, self._file = engine, file
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

    def check(self) -> None:
        self._file.check()
        self._file.check_room()

    def close(self) -> None:
        with self._closing:
            self._closed = True
            self._waiting.put(None)
        self._thread.join()
        self._engine.dispose()

    def _work(self) -> None:
        while group := self._next_group():
            wanted = [entry for entry in group if entry.future.set_running_or_notify_cancel()]
            if wanted:
                self._settle(wanted)
                self._tidy()
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

    def _settle(self, group: list[_Entry[Any]], *, again: bool = True) -> None:
        try:
            results = self._transact(group)
        except BaseException as error:  # noqa: BLE001 - it belongs to the waiter for the job
            self._disconnect()
            self._blame(group, error, again=again)
            return
        for entry, result in zip(group, results, strict=True):
            entry.future.set_result(result)

    def _blame(self, group: list[_Entry[Any]], error: BaseException, *, again: bool) -> None:
        """Fail the job whose fault it is; what keeps the whole database from writing is nobody's, and fails all.

        Of several jobs each is run alone to find the one; a refusal of the database is tried once more for all.
        """
        cause = error.cause if isinstance(error, _NotBegun) else error
        told = store_error(cause, self._engine.url)
        if len(group) > 1 and not isinstance(error, _NotBegun) and (told is None or again):
            for some in [[entry] for entry in group] if told is None else [group]:
                self._settle(some, again=False)
            return
        if told is not None:
            told.__cause__ = cause
        for entry in group:
            entry.future.set_exception(told or cause)

    def _transact(self, group: list[_Entry[Any]]) -> list[Any]:
        try:
            self._connection = self._connection or self._engine.connect()
            transaction = self._connection.begin()
            self._file.check()
        except (DBAPIError, StoreError) as error:
            raise _NotBegun(error) from error
        with transaction:
            return [entry.job(self._connection) for entry in group]

    def _tidy(self) -> None:
        if self._connection is None:
            return
        try:
            self._file.tidy(self._connection)
        except sqlite3.Error:
            log.warning("wal_not_emptied", exc_info=True)
            self._disconnect()

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
            retry=retry_if_exception(passes),
            wait=wait_random_exponential(0.02, max=0.5),
            # However long the first try took: a connection that it lost may be back.
            stop=stop_after_delay(_RETRY_SECONDS) & stop_after_attempt(2),
            reraise=True,
        )
        self._until_settled = self._again.copy(
            retry=retry_if_exception(passes) | retry_if_result(lambda status: status == "in progress"),
            stop=stop_after_delay(_SETTLED_SECONDS),
            retry_error_callback=_last_answer,
        )

    def write(self, job: Job[T]) -> Future[T]:
        try:
            return self._threads.submit(self._run, job)
        except RuntimeError:
            raise StoreError(_CLOSED) from None

    def check(self) -> None:
        """Do nothing: only the server knows what keeps jobs from being done."""

    def close(self) -> None:
        self._threads.shutdown()
        self._engine.dispose()

    def _run(self, job: Job[T]) -> T:
        with told_plainly(self._engine.url):
            result: T = self._again(self._transact, job)
            return result

    def _transact(self, job: Job[T]) -> T:
        """Raises DBAPIError only if nothing was committed, StoreError if that cannot be found out."""
        with self._engine.connect() as connection:
            connection.begin()
            number = connection.info[TRANSACTION_NUMBER]
            result = job(connection)
            try:
                connection.commit()
            except DBAPIError as error:
                if not error.connection_invalidated or not self._is_committed(number):
                    raise
        return result

    def _is_committed(self, number: str) -> bool:
        """Ask what became of a transaction whose connection broke during its commit."""
        try:
            status: str | None = self._until_settled(self._status, number)
        except DBAPIError as error:
            raise StoreError(_UNCONFIRMED) from error
        if status not in ("committed", "aborted"):
            raise StoreError(_UNCONFIRMED)
        return status == "committed"

    def _status(self, number: str) -> str | None:
        with self._engine.connect() as connection:
            query = text("SELECT pg_xact_status(CAST(:number AS xid8))")
            return connection.execute(query, {"number": number}).scalar()


def _last_answer(state: RetryCallState) -> Any:
    """Return what the last try found, also if waiting longer would have found more."""
    assert state.outcome is not None
    return state.outcome.result()
