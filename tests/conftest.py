"""A fresh, migrated database for each test: on SQLite, on PostgreSQL, or the test once on each.

Rooms whose SQL is not the same on both have each of their tests on both. Elsewhere those have it that are about what
only a database decides, such as which of two was first: ``@pytest.mark.each_database``. ``make explore`` leaves no test
out, and property tests have as many examples on PostgreSQL as on SQLite there; else a few.
"""

import gc
import itertools
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import psycopg
import pytest
from hypothesis import is_hypothesis_test, settings
from psycopg.sql import SQL, Identifier
from sqlalchemy import make_url

from core.store.database import Store, open_store
from tests.once import do_once
from tests.postgresql import Cluster, postgresql

# The same examples in every run, so that a red test is the change's doing; `make explore` looks for new ones.
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("explore", max_examples=2_000, deadline=None)
settings.load_profile("same")
_ON_POSTGRESQL = 5
"""So many times fewer examples there: each costs several times as much, and what they vary is mostly no SQL."""

SQL_BY_KIND = (
    "tests/bench/",
    "tests/core/access/",
    "tests/core/analytics/",
    "tests/core/books/",
    "tests/core/budgets/",
    "tests/core/conversations/",
    "tests/core/exports/",
    "tests/core/registry/",
    "tests/core/store/",
    "tests/core/toolbox/",
    "tests/core/test_doctor.py",
)

# Databases of tests need not wait for a disk where memory has room for them.
_MEMORY, _ENOUGH = Path("/dev/shm"), 4 * 2**30
if "TMPDIR" not in os.environ and _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ENOUGH:
    os.environ["TMPDIR"] = tempfile.tempdir = str(_MEMORY)

# The many processes that tests start need not each compile the product anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

Administration: TypeAlias = "psycopg.Connection[tuple[object, ...]]"

# Tests need the answers of a database that syncs, not the waiting.
_HASTY = ("fsync", "full_page_writes", "synchronous_commit", "autovacuum")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "database_url" in metafunc.fixturenames:
        metafunc.parametrize("database_url", _kinds(metafunc), indirect=True)


def _kinds(metafunc: pytest.Metafunc) -> list[str]:
    place = metafunc.definition.nodeid
    marked = metafunc.definition.get_closest_marker("each_database") is not None
    return ["sqlite", "postgresql"] if _exploring() or marked or place.startswith(SQL_BY_KIND) else ["sqlite"]


def _exploring() -> bool:
    return settings.get_current_profile_name() == "explore"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fewer examples on PostgreSQL."""
    test: Any = getattr(item, "obj", None)
    chosen = getattr(getattr(item, "callspec", None), "params", {})
    if chosen.get("database_url") != "postgresql" or _exploring() or not is_hypothesis_test(test):
        return (yield)
    many = test._hypothesis_internal_use_settings
    test._hypothesis_internal_use_settings = settings(many, max_examples=max(many.max_examples // _ON_POSTGRESQL, 3))
    try:
        return (yield)
    finally:
        test._hypothesis_internal_use_settings = many


def pytest_collection_finish() -> None:
    """As the server does once it is warm: what all the modules hold is not looked through for garbage again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        do_once(patch)
        yield


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


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str:
    """A migrated database; a test that takes it runs on each kind, or on SQLite."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """An open store; a test that takes it runs on each kind, or on SQLite."""
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
