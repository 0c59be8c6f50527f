"""Alive and ready: said to anybody, and nothing else with it."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Connection, make_url, text
from starlette.testclient import TestClient

from core.api.app import api
from core.books import kept
from core.errors import SchemaTooNew, ShuttingDown, StoreError
from core.store.database import Store
from core.wiring import Services
from tests.core.api.doors import Doors, open_doors


def test_a_process_is_alive_whatever_its_parts_do() -> None:
    def broken() -> Services:
        raise StoreError("The database db.internal does not answer.")

    client = TestClient(api(broken))
    assert (client.get("/healthz").status_code, client.get("/healthz").json()) == (200, {"status": "ok"})
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    assert "db.internal" not in answer.text


def test_it_is_ready_until_it_drains(doors: Doors) -> None:
    assert doors.get("/readyz").json() == {"status": "ok"}
    doors.services.close()
    answer = doors.get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    with pytest.raises(ShuttingDown):
        doors.services.engine.check()
    assert doors.get("/healthz").status_code == 200


@pytest.mark.each_database
@pytest.mark.parametrize(("version", "why"), [("9999", SchemaTooNew), ("0001", StoreError)])
def test_it_is_not_ready_on_a_database_of_another_version(doors: Doors, version: str, why: type[StoreError]) -> None:
    def job(connection: Connection) -> None:
        connection.execute(text("UPDATE alembic_version SET version_num = :version"), {"version": version})

    doors.services.store.write(job).result()
    with pytest.raises(why):
        doors.services.store.check()
    assert doors.get("/readyz").status_code == 503


def other_program(doors: Doors, then: str) -> "closing[sqlite3.Connection]":
    path = str(make_url(doors.services.store.url).database)
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute(then)
    return closing(other)


def reason(doors: Doors) -> str:
    answer = doors.get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    assert str(doors.services.settings.data_dir) not in answer.text
    return str(answer.json()["detail"]).removeprefix("The server cannot take requests").split(". Try again")[0]


@pytest.fixture
def on_sqlite(sqlite_store: Store, tmp_path: Path) -> Iterator[Doors]:
    doors = open_doors(sqlite_store, tmp_path)
    yield doors
    doors.close()


def test_c7_a_locked_database_is_not_ready(on_sqlite: Doors) -> None:
    with other_program(on_sqlite, "BEGIN IMMEDIATE"):
        assert reason(on_sqlite) == ": the database is locked"
    assert on_sqlite.get("/readyz").status_code == 200


def test_c7_a_database_that_was_taken_away_is_not_ready(on_sqlite: Doors) -> None:
    path = Path(str(make_url(on_sqlite.services.store.url).database))
    path.rename(path.with_name("aside.db"))
    assert reason(on_sqlite) == ": the database's file is gone"
    path.with_name("aside.db").rename(path)
    assert on_sqlite.get("/readyz").status_code == 200


def test_c7_a_database_that_may_only_be_read_is_not_ready(on_sqlite: Doors) -> None:
    """Readers see nothing of it."""
    query_only = "PRAGMA query_only"
    store = on_sqlite.services.store
    store.write(lambda connection: connection.exec_driver_sql(f"{query_only}=ON").close()).result()
    assert reason(on_sqlite) == ": the database may only be read"


@pytest.mark.parametrize("left", [0, 2**20 - 1])
def test_c7_a_full_disk_is_not_ready(doors: Doors, monkeypatch: pytest.MonkeyPatch, left: int) -> None:
    with monkeypatch.context() as full:
        full.setattr(os, "statvfs", lambda _: SimpleNamespace(f_bavail=left, f_frsize=1))
        assert reason(doors) == ": the disk is full"
    assert doors.get("/readyz").status_code == 200


def test_c7_too_many_ends_that_wait_are_not_ready(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MOST_BYTES", 0)
    assert reason(doors) == ": too many ended answers wait to be booked"


def test_c7_looking_often_writes_seldom(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anybody may look, and a probe must not be a way to keep the disk busy."""
    written, write = [], doors.services.store.write

    def counted(job: Any) -> Any:
        written.append(job)
        return write(job)

    monkeypatch.setattr(doors.services.store, "write", counted)
    monkeypatch.setattr(doors.services.books, "_clock", lambda: 1_000.0)
    for _ in range(50):
        assert doors.get("/readyz").status_code == 200
    assert len([job for job in written if "check" in job.__qualname__]) <= 1
