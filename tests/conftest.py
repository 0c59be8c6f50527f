"""A fresh, migrated database for each test: on SQLite, on PostgreSQL, or the test once on each."""

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import psycopg
import pytest
from hypothesis import settings
from psycopg.sql import SQL, Identifier
from sqlalchemy import make_url

from core.store.database import Store, open_store
from tests.postgresql import Cluster, postgresql

# The same examples in every run, so that a red test is the change's doing; `make explore` looks for new ones.
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("explore", max_examples=2_000, deadline=None)
settings.load_profile("same")

# Databases of tests need not wait for a disk where memory has room for them.
_MEMORY, _ENOUGH = Path("/dev/shm"), 4 * 2**30
if "TMPDIR" not in os.environ and _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ENOUGH:
    os.environ["TMPDIR"] = tempfile.tempdir = str(_MEMORY)

Administration: TypeAlias = "psycopg.Connection[tuple[object, ...]]"

# Tests need the answers of a database that syncs, not the waiting.
_HASTY = ("fsync", "full_page_writes", "synchronous_commit", "autovacuum")


def database_of(url: str) -> str:
    return str(make_url(url).database)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """One PostgreSQL server for the whole session."""
    with postgresql() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def administration(cluster: Cluster) -> Iterator[Administration]:
    with psycopg.connect(cluster.url, autocommit=True) as connection:
        for setting in _HASTY:
            connection.execute(SQL("ALTER SYSTEM SET {} = off").format(Identifier(setting)))
        connection.execute("SELECT pg_reload_conf()")
        yield connection


@pytest.fixture(scope="session")
def new_database(cluster: Cluster, administration: Administration) -> Callable[[str], str]:
    """A function that makes a PostgreSQL database out of a template and returns its URL."""
    numbers = itertools.count(1)

    def make(template: str) -> str:
        name = f"test_{next(numbers)}"
        create = SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
        administration.execute(create.format(Identifier(name), Identifier(template)))
        return cluster.url_of(name)

    return make


@pytest.fixture(scope="session")
def postgresql_template(new_database: Callable[[str], str]) -> str:
    url = new_database("template0")
    open_store(url).close()
    return database_of(url)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    open_store(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A migrated SQLite database."""
    return f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'app.db')}"


@pytest.fixture
def postgresql_url(
    postgresql_template: str,
    new_database: Callable[[str], str],
    administration: Administration,
) -> Iterator[str]:
    """A migrated PostgreSQL database."""
    url = new_database(postgresql_template)
    yield url
    administration.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(database_of(url))))


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A migrated database; a test that takes it runs on each kind."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """An open store; a test that takes it runs on SQLite and on PostgreSQL."""
    yield from _opened(database_url)


@pytest.fixture
def sqlite_store(sqlite_url: str) -> Iterator[Store]:
    """An open store for a test that one kind of database is enough for."""
    yield from _opened(sqlite_url)


@pytest.fixture
def postgresql_store(postgresql_url: str) -> Iterator[Store]:
    yield from _opened(postgresql_url)


def _opened(url: str) -> Iterator[Store]:
    store = open_store(url)
    try:
        yield store
    finally:
        store.close()
