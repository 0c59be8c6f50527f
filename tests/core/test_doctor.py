"""What the doctor says of an installation that is well, and of each thing that can be wrong with one."""

import os
import shutil
import socket
import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from pydantic import SecretStr
from sqlalchemy import Connection, insert, select, text

from core import doctor
from core.access.credentials import Credentials
from core.access.encryption import EncryptionKeys, new_key
from core.access.local import local_person
from core.clock import now
from core.doctor import Finding, examine
from core.errors import SetupError
from core.settings import Settings
from core.store.database import Store
from core.store.tables import LedgerLine, TraceSpan
from core.store.upgrade import VERSIONS, known_versions
from tests.core.analytics.conftest import books_in
from tests.served import free_port

_spans = TraceSpan.__table__
KEY = "sk-ant-api03-organisation-wide-0001"


@pytest.fixture
def chosen(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    made = Settings(_env_file=None, database_url=store.url, data_dir=tmp_path, port=free_port())
    monkeypatch.setattr(doctor, "settings", lambda: made)
    return made


def found(about: str) -> list[tuple[str, str]]:
    return [(finding.state, finding.said) for finding in examine() if finding.about == about]


def _change(store: Store, statement: str) -> None:
    store.write(lambda connection: connection.execute(text(statement))).result()


def test_nothing_is_wrong_with_a_new_installation(store: Store, chosen: Settings, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    assert [finding for finding in examine() if finding.state == "wrong"] == []
    [(state, said)] = found("database")
    assert (state, "is whole" in said, f"version {known_versions(VERSIONS)[-1]}" in said) == ("ok", True, True)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_bad_setting_is_all_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    told = "The setting PORT is not usable: too large. Correct it and start again."

    def refuse() -> Settings:
        raise SetupError(told)

    monkeypatch.setattr(doctor, "settings", refuse)
    assert list(examine()) == [Finding("wrong", "settings", told)]


def test_an_older_database_is_not_touched(store: Store, chosen: Settings) -> None:
    _change(store, "UPDATE alembic_version SET version_num = '0014'")
    [(state, said)] = found("database")
    assert (state, "has version 0014; the next start brings it to" in said) == ("note", True)
    assert found("keys") == []
    with store.read() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == "0014"


def test_a_newer_one_is_wrong(store: Store, chosen: Settings) -> None:
    _change(store, "UPDATE alembic_version SET version_num = '9999'")
    [(state, said)] = found("database")
    assert (state, "9999" in said) == ("wrong", True)


def test_a_damaged_file_and_one_that_others_may_read(
    sqlite_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(str(sqlite_store.engine.url.database))
    sqlite_store.close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    content = bytearray(path.read_bytes())
    content[8192:12288] = b"\xff" * 4096
    path.write_bytes(content)
    path.chmod(0o644)
    made = Settings(_env_file=None, database_url=f"sqlite:///{path}", data_dir=tmp_path, port=free_port())
    monkeypatch.setattr(doctor, "settings", lambda: made)
    states = dict(found("database"))
    assert set(states) == {"wrong", "note"}
    assert "is damaged" in states["wrong"]
    assert "Restore a backup" in states["wrong"]
    assert f"chmod 600 {path}" in states["note"]


def test_secrets_that_cannot_be_read(
    store: Store, chosen: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Credentials(store, EncryptionKeys(None, tmp_path / "encryption.keys")).set(
        local_person(store), KEY, organisation=True
    )
    assert found("keys") == [("ok", "1 encrypted secrets can be read.")]
    (tmp_path / "encryption.keys").unlink()
    [(state, said)] = found("keys")
    assert (state, "the file" in said, "Put it back from a backup" in said) == ("wrong", True, True)
    assert not (tmp_path / "encryption.keys").exists()
    other = chosen.model_copy(update={"encryption_keys": SecretStr(new_key().decode())})
    monkeypatch.setattr(doctor, "settings", lambda: other)
    [(state, said)] = found("keys")
    assert (state, "was encrypted with another key" in said) == ("wrong", True)
    assert KEY not in said


@pytest.mark.parametrize(("free", "state"), [(10 * 2**30, "ok"), (2**30, "note"), (2**20, "wrong")])
def test_room_on_the_disk(chosen: Settings, monkeypatch: pytest.MonkeyPatch, free: int, state: str) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    [(told, said)] = found("disk")
    assert (told, "GiB free" in said) == (state, True)


def test_ends_that_wait_or_were_refused(chosen: Settings, tmp_path: Path) -> None:
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / "a.jsonl").write_text("{}\n")
    assert [state for state, _ in found("ends")] == ["note"]
    (tmp_path / "spool" / "a.refused").write_text("{}\n")
    assert [state for state, _ in found("ends")] == ["wrong", "note"]


def _booked(store: Store, at: datetime) -> None:
    trace = books_in(store).add()

    def job(connection: Connection) -> None:
        span = connection.execute(select(_spans.c.id).where(_spans.c.task_trace_id == trace)).scalar_one()
        line = {"span_id": span, "line": 1, "task_trace_id": trace, "model": "m", "unit": "output", "quantity": 1}
        when = {"billed_at": at, "recorded_at": at, "estimated": False, "correction": False}
        connection.execute(insert(LedgerLine.__table__), {**line, **when})

    store.write(job).result()


def test_a_clock_that_is_behind_the_ledger(store: Store, chosen: Settings) -> None:
    assert [state for state, _ in found("clock")] == ["ok"]
    _booked(store, now() + timedelta(days=2))
    [(state, said)] = found("clock")
    assert (state, "which is yet to come. Set this machine's clock." in said) == ("wrong", True)


def test_a_clock_that_is_not_the_database_s(
    postgresql_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Settings(_env_file=None, database_url=postgresql_store.url, data_dir=tmp_path, port=free_port())
    monkeypatch.setattr(doctor, "settings", lambda: made)
    monkeypatch.setattr(doctor, "now", lambda: now() - timedelta(minutes=10))
    [(state, said)] = found("clock")
    assert (state, "600 s apart" in said or "601 s apart" in said) == ("wrong", True)


def test_traces_without_a_price(store: Store, chosen: Settings) -> None:
    books_in(store).add(cost_nanos=None, cost_basis="unpriced")
    assert [said.partition(" hold")[0] for state, said in found("prices") if state == "note"] == ["1 traces"]


@pytest.fixture
def listener(chosen: Settings) -> Iterator[socket.socket]:
    with socket.socket() as taken:
        taken.bind((chosen.bind_address, chosen.port))
        taken.listen(1)
        yield taken


def test_a_port_that_somebody_else_has(
    chosen: Settings, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_PAUSE_SECONDS", 0.2)
    [(state, said)] = found("server")
    assert (state, "no Command Center answers there" in said) == ("wrong", True)
    assert os.strerror(98) in said
