"""Downloads: one snapshot, followed while they run, broken off visibly, and the database given back in any case."""

import hashlib
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from sqlalchemy import event, make_url, text

from core.analytics.filters import TraceFilter
from core.errors import NotFound, ShuttingDown, StoreError, TooManyExports
from core.exports.columns import FILES
from core.exports.exports import AT_ONCE, KEPT, Download, Exports
from core.exports.progress import as_json, manifest
from core.exports.reading import ROWS_AT_ONCE
from core.store.database import Store
from tests.core.analytics.conftest import Books
from tests.core.exports.ledgers import an_order, exported, exports_on
from tests.core.rows import AT

PIECES = 6
OCTOBER, NOVEMBER = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
_SOUND_BYTES = 32_768


@pytest.fixture
def exports(store: Store) -> Exports:
    return exports_on(store)


@pytest.fixture
def long(books: Books) -> Books:
    """So many that the database cannot have sent all when the first ones are read."""
    books.add_many(PIECES * ROWS_AT_ONCE // 100)
    return books


def whole(download: Download) -> bytes:
    try:
        return b"".join(download.pieces)
    finally:
        download.close()


def test_a_finished_download_can_be_checked_by_its_manifest(books: Books, exports: Exports) -> None:
    books.add(cost_nanos=12_345_678_901)
    books.add(cost_nanos=None, cost_basis="unpriced")
    chosen = TraceFilter(start=AT, end=AT + timedelta(days=1), agents=(books.agent,))
    order = an_order("traces", chosen, "Europe/Berlin", rows=2)
    file = whole(exports.begin(order))
    found = manifest(exports.known(order))
    assert datetime.fromisoformat(found.pop("created_at")).tzinfo is not None
    assert found.pop("columns")[0] == {"name": "trace_id", "meaning": FILES["traces"].columns[0].meaning}
    assert found == {
        "file": "traces_2026-11-20T16-30_to_2026-11-21T16-30_Europe-Berlin.csv",
        "format": "command-center traces",
        "format_version": 1,
        "filter": {
            "start": "2026-11-20T15:30:00+00:00",
            "end": "2026-11-21T15:30:00+00:00",
            "agents": (books.agent,),
        },
        "zone_of_range": "Europe/Berlin",
        "zone_of_times": "UTC",
        "rows": 2,
        "rows_of_unknown_cost": 1,
        "cost_usd": "12.345678901",
        "cost_nanos": "12345678901",
        "bytes": len(file),
        "sha256": hashlib.sha256(file).hexdigest(),
    }


@pytest.mark.parametrize(
    ("start", "end", "name"),
    [
        (None, None, "traces_until_2026-12-24T18-00_UTC.csv"),
        (NOVEMBER, None, "traces_2026-11-01_to_2026-12-24T18-00_UTC.csv"),
        (None, datetime(2026, 11, 1, 0, 15, tzinfo=UTC), "traces_until_2026-11-01T00-15_UTC.csv"),
        (
            datetime(2026, 10, 1, tzinfo=UTC),
            datetime(2026, 11, 1, tzinfo=UTC),
            "traces_2026-10-01_to_2026-10-31_UTC.csv",
        ),
    ],
)
def test_a_file_is_named_by_its_range(
    exports: Exports, start: datetime | None, end: datetime | None, name: str
) -> None:
    with time_machine.travel(datetime(2026, 12, 24, 18, tzinfo=UTC), tick=False):
        download = exports.begin(an_order("traces", TraceFilter(start=start, end=end)))
        download.close()
    assert download.progress.file_name == name


def test_the_header_comes_first_and_progress_follows_each_piece(long: Books, exports: Exports) -> None:
    order = an_order("traces", rows=PIECES * ROWS_AT_ONCE)
    download = exports.begin(order)
    first = next(download.pieces)
    assert first.startswith(b"trace_id,")
    assert first.count(b"\r\n") == 1
    assert exports.known(order).rows == 0
    second = next(download.pieces)
    assert as_json(exports.known(order)) == {
        "state": "running",
        "rows": ROWS_AT_ONCE,
        "rows_expected": PIECES * ROWS_AT_ONCE,
        "bytes": len(first) + len(second),
        "problem": None,
    }
    whole(download)
    assert (exports.known(order).state, exports.known(order).rows) == ("finished", PIECES * ROWS_AT_ONCE)


def test_a_file_is_of_one_moment(long: Books, exports: Exports) -> None:
    before = exported(long.rows.store, "traces")
    download = exports.begin(an_order("traces"))
    long.add(started_at=AT - timedelta(days=1))
    long.add(started_at=AT + timedelta(days=1))
    assert whole(download) == before


def test_a_download_broken_off_gives_the_database_back(long: Books, exports: Exports) -> None:
    for pieces in [0, 1, 2, 3] * 20:
        order = an_order("traces")
        download = exports.begin(order)
        for _ in range(pieces):
            next(download.pieces)
        download.close()
        assert exports.known(order).state == "left"
    assert long.traces.count(long.by) == PIECES * ROWS_AT_ONCE
    assert long.rows.store.engine.pool.checkedout() == 0  # type: ignore[attr-defined]


def test_only_so_many_run_at_once(books: Books, exports: Exports) -> None:
    running = [exports.begin(an_order("traces")) for _ in range(AT_ONCE)]
    with pytest.raises(TooManyExports, match="Try again when one of them is done"):
        exports.begin(an_order("traces"))
    running.pop().close()
    running.append(exports.begin(an_order("traces")))
    for download in running:
        whole(download)


def test_downloads_side_by_side_do_not_disturb_each_other(long: Books, exports: Exports) -> None:
    files: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: files.append(whole(exports.begin(an_order("traces"))))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert files == [exported(long.rows.store, "traces")] * 3


@contextmanager
def failing(store: Store, pieces: int, download: Download, pid: int) -> Iterator[None]:
    """Takes so many pieces, and then the database fails for real; afterwards it is whole again."""
    path = Path(make_url(store.url).database or "")
    before = path.read_bytes() if store.dialect == "sqlite" else b""
    for _ in range(pieces):
        next(download.pieces)
    if store.dialect == "sqlite":
        path.write_bytes(before[:_SOUND_BYTES] + b"\xff" * (len(before) - _SOUND_BYTES))
    else:
        with store.engine.connect() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
    yield
    if store.dialect == "sqlite":
        store.engine.dispose()
        path.write_bytes(before)


def checkpoint(store: Store) -> None:
    """So that SQLite reads from the file itself."""
    if store.dialect == "sqlite":
        with closing(sqlite3.connect(make_url(store.url).database or "")) as connection:
            assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0


@pytest.mark.parametrize("pieces", [1, 2, 3, 5])
def test_a_database_that_fails_in_the_middle_ends_the_file_with_an_error(
    long: Books, exports: Exports, pieces: int
) -> None:
    order = an_order("traces")
    checkpoint(long.rows.store)
    drivers: list[Any] = []
    event.listen(long.rows.store.engine, "checkout", lambda driver, *_: drivers.append(driver))
    download = exports.begin(order)
    pid = drivers[-1].info.backend_pid if long.rows.store.dialect == "postgresql" else 0
    with failing(long.rows.store, pieces, download, pid), pytest.raises(StoreError):
        whole(download)
    known = exports.known(order)
    assert (known.state, bool(known.problem)) == ("failed", True)
    assert known.rows < PIECES * ROWS_AT_ONCE
    assert len(whole(exports.begin(an_order("traces"))).splitlines()) == 1 + PIECES * ROWS_AT_ONCE


def test_a_database_that_is_gone_is_told_before_anything_is_sent(sqlite_store: Store) -> None:
    exports = exports_on(sqlite_store)
    sqlite_store.engine.dispose()
    Path(make_url(sqlite_store.url).database or "").unlink()
    for _ in range(AT_ONCE + 1):
        with pytest.raises(StoreError, match="cannot be opened"):
            exports.begin(an_order("traces"))


def test_when_the_server_closes_downloads_break_off_and_none_begins(long: Books, exports: Exports) -> None:
    order = an_order("traces")
    download = exports.begin(order)
    next(download.pieces)
    exports.close()
    with pytest.raises(ShuttingDown):
        whole(download)
    assert "shutting down" in exports.known(order).problem
    with pytest.raises(ShuttingDown):
        exports.begin(an_order("traces"))


def test_a_download_is_known_for_a_while(books: Books, exports: Exports) -> None:
    order = an_order("traces")
    with time_machine.travel(AT, tick=False) as clock:
        whole(exports.begin(order))
        clock.shift(KEPT)
        whole(exports.begin(an_order("traces")))
        assert exports.known(order).state == "finished"
        clock.shift(1)
        whole(exports.begin(an_order("traces")))
    with pytest.raises(NotFound, match="Start it again"):
        exports.known(order)
