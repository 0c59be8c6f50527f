"""SQLite's write-ahead log stays small, whoever reads."""

import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, insert, make_url, text

from core.clock import new_id
from core.store.access import User
from core.store.database import Store
from core.store.sqlite import DatabaseFile, sqlite_engine
from core.store.writers import GroupWriter
from tests.core.store.samples import AT


def wal_size(path: Path) -> int:
    return path.with_name(f"{path.name}-wal").stat().st_size


class Overlapping:
    """Short reads, each of which begins before the one before it ends: there is never a moment without a reader."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._stop = engine, threading.Event()
        self._thread = threading.Thread(target=self._read)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _read(self) -> None:
        current = self._begin()
        while not self._stop.wait(0.002):
            following = self._begin()
            current.close()
            current = following
        current.close()

    def _begin(self) -> Connection:
        connection = self._engine.connect()
        connection.execute(text("SELECT count(*) FROM users")).all()
        return connection


class Logged:
    """A writer that empties the log at a size of our choice."""

    def __init__(self, url: str, limit: int) -> None:
        self.path = Path(str(make_url(url).database))
        self.readers = sqlite_engine(self.path, 5, "reading")
        self._writer = GroupWriter(sqlite_engine(self.path, 5, "writing"), DatabaseFile(self.path, limit))

    def never_by_itself(self) -> None:
        """Let SQLite not begin the log anew, which it does as soon as it meets no reader."""
        self._writer.write(
            lambda connection: connection.exec_driver_sql("PRAGMA wal_autocheckpoint=0").close()
        ).result()

    def write(self, times: int) -> int:
        """Add 20 kB as many times; returns how large the log grew meanwhile."""
        row = {"name": "x" * 20_000, "role": "r", "created_at": AT}

        def add(connection: Connection) -> None:
            connection.execute(insert(User.__table__), {**row, "id": new_id(), "email": new_id()})

        sizes = []
        for _ in range(times):
            self._writer.write(add).result()
            sizes.append(self.size)
        return max(sizes)

    @property
    def size(self) -> int:
        return self.path.with_name(f"{self.path.name}-wal").stat().st_size

    def close(self) -> None:
        self._writer.close()
        self.readers.dispose()


@pytest.mark.parametrize(("limit", "stays_small"), [(500_000, True), (2**40, False)])
def test_readers_that_never_pause_do_not_let_the_log_grow(sqlite_url: str, limit: int, stays_small: bool) -> None:
    with closing(Logged(sqlite_url, limit)) as logged, Overlapping(logged.readers):
        largest = logged.write(times=300)
    assert (largest < 2_000_000) == stays_small
    assert (largest > 5_000_000) != stays_small


def test_a_long_read_delays_the_emptying_and_not_the_writers(sqlite_url: str) -> None:
    with closing(Logged(sqlite_url, limit=500_000)) as logged:
        with logged.readers.connect() as reader:
            reader.execute(text("SELECT count(*) FROM users")).all()
            logged.never_by_itself()
            began = time.monotonic()
            assert logged.write(times=100) > 1_500_000
            assert time.monotonic() - began < 60
        logged.write(times=40)
        assert logged.size < 1_000_000


def test_a_log_that_somebody_removes_meanwhile_is_as_good_as_empty(
    sqlite_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = DatabaseFile(tmp_path / "gone.db", 0)
    monkeypatch.setattr(Path, "exists", lambda *_: True)
    with sqlite_store.engine.connect() as connection:
        file.tidy(connection)
