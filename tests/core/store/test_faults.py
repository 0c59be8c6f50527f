"""What goes wrong below us is told as StoreError, loses nothing acknowledged, and is over once its cause is."""

import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import psycopg
import pytest
from sqlalchemy import Connection, insert, make_url, text

from core.errors import StoreError
from core.store import sqlite as sqlite_module
from core.store.access import User
from core.store.database import Store, open_store
from tests.core.store.samples import AT, mark, marks, numbers
from tests.core.store.wire import Wire
from tests.house_rules import PROJECT
from tests.postgresql import Cluster, postgresql


def path_of(store: Store) -> Path:
    return Path(str(make_url(store.url).database))


@pytest.fixture
def hasty(database_url: str) -> Iterator[Store]:
    """A store that gives up on a lock soon."""
    store = open_store(database_url, busy_seconds=0.3)
    yield store
    store.close()


def locked(store: Store) -> "sqlite3.Connection | psycopg.Connection[tuple[object, ...]]":
    if store.dialect == "sqlite":
        other = sqlite3.connect(path_of(store), isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        return other
    server = psycopg.connect(make_url(store.url).render_as_string(hide_password=False))
    server.execute("LOCK TABLE dirty_buckets IN SHARE MODE")
    return server


def test_a_lock_of_another_program_is_told_in_time_and_is_over_with_it(hasty: Store) -> None:
    with closing(locked(hasty)):
        jobs = [hasty.write(mark(number)) for number in range(5)]
        for job in jobs:
            with pytest.raises(StoreError, match="locked by another program"):
                job.result(timeout=5)
        assert marks(hasty) == 0
    hasty.write(mark()).result()
    assert marks(hasty) == 1


def test_a_lock_that_ends_in_time_is_waited_for(store: Store) -> None:
    other = locked(store)
    job = store.write(mark())
    threading.Timer(0.2, other.rollback).start()
    job.result()
    other.close()
    assert marks(store) == 1


def fill(connection: Connection) -> None:
    """Needs more room than the tests leave."""
    rows = [{"id": f"u{n}", "email": f"{n}", "name": "x" * 4000, "role": "r", "created_at": AT} for n in range(400)]
    connection.execute(insert(User.__table__), rows)


@pytest.mark.parametrize("room", range(1, 12))
def test_a_full_disk_is_told_and_room_is_enough_to_go_on(sqlite_store: Store, room: int) -> None:
    def limit(pages: str) -> None:
        sqlite_store.write(
            lambda connection: connection.exec_driver_sql(f"PRAGMA max_page_count={pages}").close()
        ).result()

    sqlite_store.write(mark(1)).result()
    pages = sqlite_store.write(lambda connection: connection.exec_driver_sql("PRAGMA page_count").scalar()).result()
    limit(str(int(str(pages)) + room * 8))
    with pytest.raises(StoreError, match="disk is full"):
        sqlite_store.write(fill).result()
    sqlite_store.write(mark(2)).result()
    limit("1073741823")
    sqlite_store.write(fill).result()
    assert numbers(sqlite_store) == [1, 2]


@pytest.mark.parametrize("deed", ["delete", "replace"])
def test_nothing_is_acknowledged_into_a_file_that_was_taken_away(sqlite_store: Store, deed: str) -> None:
    sqlite_store.write(mark(1)).result()
    path, aside = path_of(sqlite_store), path_of(sqlite_store).with_name("aside.db")
    path.rename(aside)
    if deed == "replace":
        path.write_bytes(aside.read_bytes())
    with pytest.raises(StoreError, match="was moved, deleted or replaced"):
        sqlite_store.write(mark(2)).result()
    assert path.exists() == (deed == "replace")
    aside.replace(path)
    sqlite_store.write(mark(3)).result()
    assert numbers(sqlite_store) == [1, 3]


def test_a_reader_never_makes_a_new_file(sqlite_store: Store) -> None:
    path_of(sqlite_store).unlink()
    sqlite_store.engine.dispose()
    with pytest.raises(StoreError, match="cannot be opened"):
        marks(sqlite_store)
    assert not path_of(sqlite_store).exists()


def test_damage_found_later_is_told(sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_module, "CHECKED_AT_START", 0)
    sqlite_store.write(fill).result()
    path = path_of(sqlite_store)
    sqlite_store.close()
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(os.urandom(path.stat().st_size // 4))
    store = open_store(sqlite_store.url)
    with pytest.raises(StoreError, match="is damaged"), store.read() as connection:
        connection.execute(text("SELECT sum(length(name)) FROM users")).all()
    store.close()


def test_a_server_that_restarts_is_used_again(own_cluster: Cluster) -> None:
    store = open_store(own_cluster.url)
    for number in range(8):
        store.write(mark(number)).result()
    own_cluster.tell("crash")
    with pytest.raises(StoreError, match="cannot be reached"):
        marks(store)
    with pytest.raises(StoreError, match="cannot be reached"):
        store.write(mark(99)).result()
    own_cluster.tell("start")
    assert marks(store) == 8
    jobs = [store.write(mark(number)) for number in range(8, 24)]
    assert [job.exception() for job in jobs] == [None] * 16
    assert sorted(numbers(store)) == list(range(24))
    store.close()


def test_a_job_in_the_middle_of_a_restart_is_run_again_once(own_cluster: Cluster) -> None:
    store, tries = open_store(own_cluster.url), list[int]()

    def job(connection: Connection) -> None:
        mark(len(tries))(connection)
        tries.append(len(tries))
        if len(tries) == 1:
            own_cluster.tell("crash")
            own_cluster.tell("start")
        connection.execute(text("SELECT 1"))

    store.write(job).result()
    assert (numbers(store), tries) == ([1], [0, 1])
    store.close()


@pytest.fixture
def own_cluster() -> Iterator[Cluster]:
    """A server that a test may stop."""
    with postgresql() as cluster:
        yield cluster


@pytest.fixture
def wire(postgresql_url: str) -> Iterator[Wire]:
    with tempfile.TemporaryDirectory() as folder:
        wire = Wire(postgresql_url, Path(folder))
        yield wire
        wire.close()


@pytest.mark.parametrize(("arrives", "runs"), [(True, 1), (False, 2)])
def test_a_connection_that_breaks_during_its_commit_writes_once(wire: Wire, arrives: bool, runs: int) -> None:
    store, tries = open_store(wire.url), list[int]()

    def job(connection: Connection) -> str:
        tries.append(1)
        mark(len(tries))(connection)
        return "done"

    store.write(mark(0)).result()
    wire.pass_on, wire.cut_at = arrives, b"COMMIT"
    assert store.write(job).result() == "done"
    assert wire.cut_at is None
    assert numbers(store) == [0, runs]
    store.close()


def test_if_nobody_can_say_whether_it_was_saved_that_is_said(own_cluster: Cluster) -> None:
    with tempfile.TemporaryDirectory() as folder:
        wire = Wire(own_cluster.url, Path(folder))
        store = open_store(wire.url)
        store.write(mark()).result()
        wire.pass_on, wire.cut_at = False, b"COMMIT"
        wire.on_cut = lambda: own_cluster.tell("crash")
        with pytest.raises(StoreError, match="not certain that this was saved"):
            store.write(mark()).result()
        store.close()
        wire.close()


def test_a_server_dies_with_whoever_started_it() -> None:
    code = """
import time
from tests.postgresql import postgresql
with postgresql() as cluster:
    print(cluster.folder, flush=True)
    time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], cwd=PROJECT, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        folder = Path(program.stdout.readline().strip())
        server = psutil.Process(int((folder / "postmaster.pid").read_text().splitlines()[0]))
        program.kill()
        server.wait(timeout=15)
    give_up = time.monotonic() + 5
    while folder.parent.exists() and time.monotonic() < give_up:
        time.sleep(0.05)
    assert not folder.parent.exists()
