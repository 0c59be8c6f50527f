"""The one door to the database: ``open_store`` migrates and hands out a Store."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeVar, cast

from sqlalchemy import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError

from core.errors import StoreError
from core.store.failures import told_plainly
from core.store.postgresql import WRITERS, reader_engine, writer_engine
from core.store.sqlite import open_file, sqlite_engine
from core.store.upgrade import VERSIONS, is_current, known_versions, upgrade
from core.store.writers import GroupWriter, PoolWriter, Writer

T = TypeVar("T")

_NOT_AN_ADDRESS = (
    "DATABASE_URL is not the address of a database. Write sqlite:////folder/app.db or "
    "postgresql://user:password@host/database."
)


class Store:
    """An open database of the newest version. Any thread may use it; ``close`` it at the end."""

    def __init__(self, url: str, engine: Engine, writer: Writer) -> None:
        self.url = url
        self.engine = engine
        self.dialect = cast("Literal['sqlite', 'postgresql']", engine.dialect.name)
        self._writer = writer

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that sees one moment of the database, waits for no writer and cannot write.

        Raises StoreError if the database cannot be used.
        """
        with told_plainly(self.engine.url), self.engine.connect() as connection:
            yield connection

    def check(self) -> None:
        """Check that the database answers, has room and the version this program knows.

        Raises StoreError, SchemaTooNew.
        """
        self._writer.check()
        with self.read() as connection:
            if not is_current(connection, known_versions(VERSIONS)):
                raise StoreError("The database has an older version than this program. Start the program again.")

    def write(self, job: Callable[[Connection], T]) -> Future[T]:
        """Run the job in a transaction; the future has its result once that is committed.

        A job may be run more than once, on a fresh transaction each time, so it must do nothing but read and write
        through its connection. Of jobs that do not wait for each other only SQLite keeps the order. The future raises
        StoreError if the database cannot be used, and else what the job raised.
        """
        return self._writer.write(job)

    def close(self) -> None:
        """Finish the jobs that wait, then let go of the database."""
        self._writer.close()
        self.engine.dispose()


def open_store(url: str, *, busy_seconds: float = 5, versions: Path = VERSIONS) -> Store:
    """Open the database and bring it to the newest version.

    ``busy_seconds`` is how long to wait for locks of others, ``versions`` the folder of the migrations. Raises
    StoreError, SchemaTooNew or MigrationFailed, each with one sentence for the person who starts the program.
    """
    address = address_of(url)
    with told_plainly(address):
        if address.get_backend_name() == "sqlite":
            return _open_sqlite(url, address, busy_seconds, versions)
        return _open_postgresql(url, address, busy_seconds, versions)


def address_of(url: str) -> URL:
    """Return the address with its driver. Raises StoreError for what is none."""
    try:
        address = make_url(url.strip())
    except (ArgumentError, ValueError):
        raise StoreError(_NOT_AN_ADDRESS) from None
    backend = address.drivername.partition("+")[0]
    if backend == "sqlite":
        return address.set(drivername="sqlite")
    if backend in ("postgresql", "postgres") and address.database:
        return address.set(drivername="postgresql+psycopg")
    raise StoreError(_NOT_AN_ADDRESS)


def existing(url: str) -> URL:
    """Return the address of a database that a command is meant for. Raises StoreError where there is no file."""
    address = address_of(url)
    if address.get_backend_name() == "sqlite" and not Path(str(address.database)).is_file():
        raise StoreError(
            f"There is no database {address.database}. Say in DATA_DIR or DATABASE_URL which one is meant, "
            "as for the server."
        )
    return address


def _open_sqlite(url: str, address: URL, busy_seconds: float, versions: Path) -> Store:
    file = open_file(address, busy_seconds)
    reader = sqlite_engine(file.path, busy_seconds, "reading")
    writer = sqlite_engine(file.path, busy_seconds, "writing")
    _upgrade(reader, writer, versions)
    return Store(url, reader, GroupWriter(writer, file))


def _open_postgresql(url: str, address: URL, busy_seconds: float, versions: Path) -> Store:
    reader = reader_engine(address, busy_seconds)
    writer = writer_engine(address, busy_seconds)
    _upgrade(reader, writer, versions)
    return Store(url, reader, PoolWriter(writer, WRITERS))


def _upgrade(reader: Engine, writer: Engine, versions: Path) -> None:
    try:
        upgrade(reader, writer, versions)
    except BaseException:
        reader.dispose()
        writer.dispose()
        raise


@contextmanager
def looked_into(url: str) -> Iterator[Connection]:
    """Open a database that is there, of whatever version, to read: nothing is made, checked or upgraded.

    Raises StoreError.
    """
    address = existing(url)
    with told_plainly(address):
        if address.get_backend_name() == "sqlite":
            engine = sqlite_engine(Path(str(address.database)).absolute(), 5, "reading")
        else:
            engine = reader_engine(address, 5)
        try:
            with engine.connect() as connection:
                yield connection
        finally:
            engine.dispose()
