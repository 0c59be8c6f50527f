"""A database that cannot be opened is refused in one sentence that says what to do and shows no password."""

import os
import shutil
import sqlite3
import stat
from multiprocessing.connection import Connection as Line
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url, text

from core.errors import StoreError
from core.store.database import Store, open_store
from tests.core.store.samples import mark, marks
from tests.forked import forked
from tests.postgresql import Cluster

PASSWORD = "s3cret%2Fword"


def refusal(url: str) -> str:
    with pytest.raises(StoreError) as caught:
        open_store(url, busy_seconds=0.3)
    sentence = caught.value.for_user
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert "s3cret" not in sentence
    return sentence


@pytest.mark.parametrize(
    "url",
    [
        "",
        "data/app.db",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file:app.db?uri=true",
        "mysql://root@localhost/app",
        f"mysql://root:{PASSWORD}@localhost/app",
        "postgresql://localhost",
        f"postgresql://a:{PASSWORD}@host:port/app",
        "://",
    ],
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    assert "DATABASE_URL" in refusal(url)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg", "postgresql+psycopg2"])
def test_the_usual_spellings_of_postgresql_are_understood(postgresql_url: str, scheme: str) -> None:
    url = postgresql_url.replace("postgresql", scheme, 1)
    store = open_store(url)
    assert (store.url, store.dialect, marks(store)) == (url, "postgresql", 0)
    store.close()


def test_sqlite_opens_relative_and_odd_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("app.db", "what? 100% #1 ü.db"):
        store = open_store(f"sqlite:///{name}".replace("%", "%25").replace("?", "%3F"))
        store.write(mark()).result()
        store.close()
    assert (tmp_path / "app.db").exists()


def test_a_new_database_is_for_its_owner_only(tmp_path: Path) -> None:
    open_store(f"sqlite:///{tmp_path / 'new.db'}").close()
    assert stat.S_IMODE((tmp_path / "new.db").stat().st_mode) == 0o600


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    assert f"The folder {tmp_path}/none does not exist" in refusal(f"sqlite:///{tmp_path}/none/app.db")


def test_a_folder_instead_of_a_file_is_named(tmp_path: Path) -> None:
    assert "is a folder" in refusal(f"sqlite:///{tmp_path}")


def test_a_file_where_a_folder_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "cannot be created: Not a directory" in refusal(f"sqlite:///{tmp_path}/file/app.db")


def open_without_rights(line: "Line[str, None]", url: str) -> None:
    if os.getuid() == 0:
        os.setgid(65534)
        os.setuid(65534)
    try:
        open_store(url)
    except StoreError as error:
        line.send(error.for_user)


@pytest.fixture
def open_folder(tmp_path: Path) -> Path:
    """A folder that every user can reach."""
    folder = tmp_path / "data"
    folder.mkdir()
    for path in (tmp_path, *tmp_path.parents[:-1]):
        if path.owner() == tmp_path.owner():
            path.chmod(path.stat().st_mode | 0o011)
    return folder


def refusal_without_rights(url: str) -> str:
    """What a user who is not root is told: root may do everything."""
    with forked(open_without_rights, url) as program:
        return str(program.said())


def test_a_folder_that_may_not_be_written_is_told(open_folder: Path) -> None:
    open_folder.chmod(0o555)
    assert "cannot be created: Permission denied" in refusal_without_rights(f"sqlite:///{open_folder}/app.db")


@pytest.mark.parametrize(("folder", "file"), [(0o755, 0o444), (0o755, 0o000), (0o555, 0o444)])
def test_a_database_that_may_not_be_written_is_told(
    open_folder: Path, sqlite_template: Path, folder: int, file: int
) -> None:
    path = Path(shutil.copy(sqlite_template, open_folder / "app.db"))
    path.chmod(file)
    open_folder.chmod(folder)
    assert f"The database {path} may only be read" in refusal_without_rights(f"sqlite:///{path}")


def path_of(url: str) -> Path:
    return Path(str(make_url(url).database))


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear database, " * 100)
    assert "is not a database" in refusal(f"sqlite:///{path}")
    assert path.read_text() == "Dear database, " * 100


def test_an_emptied_file_does_not_become_a_new_database(sqlite_url: str) -> None:
    os.truncate(path_of(sqlite_url), 0)
    assert "is an empty file" in refusal(sqlite_url)
    assert path_of(sqlite_url).stat().st_size == 0


@pytest.mark.parametrize("part", [0.3, 0.6, 0.99])
def test_a_file_that_was_cut_off_is_damaged(sqlite_url: str, part: float) -> None:
    path = path_of(sqlite_url)
    os.truncate(path, int(path.stat().st_size * part))
    assert "is damaged" in refusal(sqlite_url)


def test_a_file_with_garbage_in_its_tables_is_damaged(sqlite_url: str) -> None:
    path = path_of(sqlite_url)
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 3996)
    assert "is damaged" in refusal(sqlite_url)


def test_a_lost_file_is_not_replaced_while_its_log_is_there(sqlite_store: Store) -> None:
    sqlite_store.write(mark()).result()
    path = path_of(sqlite_store.url)
    path.rename(path.with_name("aside.db"))
    assert "is gone, but its log app.db-wal is still there" in refusal(sqlite_store.url)
    path.with_name("aside.db").rename(path)
    store = open_store(sqlite_store.url)
    assert marks(store) == 1
    store.close()


def test_a_new_database_that_another_program_locks_is_told(sqlite_url: str) -> None:
    other = sqlite3.connect(path_of(sqlite_url), isolation_level=None)
    other.execute("DROP TABLE alembic_version")
    other.execute("PRAGMA locking_mode=EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    assert "is locked by another program" in refusal(sqlite_url)
    other.close()


def test_a_server_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert "cannot be reached" in refusal(f"postgresql://me:{PASSWORD}@127.0.0.1:1/app")
    assert "cannot be reached" in refusal(f"postgresql://me:{PASSWORD}@/app?host={tmp_path}")
    assert "app on no-such-host.invalid cannot be reached" in refusal(
        f"postgresql://me:{PASSWORD}@no-such-host.invalid/app"
    )


def test_a_database_that_does_not_exist_is_told(cluster: Cluster) -> None:
    assert "There is no database nowhere on " in refusal(cluster.url_of("nowhere"))


def test_an_unknown_user_is_told(cluster: Cluster) -> None:
    url = make_url(cluster.url).set(username="nobody-here", password=PASSWORD)
    assert "refuses this user" in refusal(url.render_as_string(hide_password=False))


@pytest.fixture
def guarded(cluster: Cluster, administration: "psycopg.Connection[tuple[object, ...]]", postgresql_url: str) -> str:
    """The URL of a database for a user who has a password."""
    rules = cluster.folder / "pg_hba.conf"
    if "guarded" not in rules.read_text():
        rules.write_text("local all guarded scram-sha-256\n" + rules.read_text())
        administration.execute(f"CREATE ROLE guarded LOGIN PASSWORD '{PASSWORD}'".encode())
        administration.execute("SELECT pg_reload_conf()")
    return make_url(postgresql_url).set(username="guarded", password=PASSWORD).render_as_string(hide_password=False)


@pytest.mark.parametrize("password", ["", PASSWORD + "x"])
def test_a_wrong_password_is_told_and_not_shown(guarded: str, password: str) -> None:
    url = make_url(guarded).set(password=password)
    sentence = refusal(url.render_as_string(hide_password=False))
    assert "Check the name and the password" in sentence


def test_missing_rights_are_told(guarded: str) -> None:
    assert "does not let this user do that" in refusal(guarded)


def test_a_failed_statement_does_not_show_what_was_to_be_written(store: Store) -> None:
    statement = text("INSERT INTO nowhere VALUES (:word)")
    error = store.write(
        lambda connection: connection.execute(statement, {"word": "a private word"}).close()
    ).exception()
    assert "nowhere" in str(error)
    assert "private" not in str(error)
