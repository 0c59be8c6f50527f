"""Brings a database to the version this program knows: all the way, or not at all."""

import re
import sqlite3
from pathlib import Path

import structlog
from sqlalchemy import Connection, Engine, text

from core.errors import MigrationFailed, SchemaTooNew
from core.store.failures import place, store_error, told_plainly
from core.store.sqlite import copy_database

log = structlog.get_logger()

MIGRATIONS = Path(__file__).with_name("migrations")
VERSIONS = MIGRATIONS / "versions"

_FILE_NAME = re.compile(r"(\d{4})_\w+\.py")
_ADVISORY_LOCK = 0x636F6D6D616E64
_WAIT_FOR_OTHERS = 60
_WAIT_FOR_TABLES = 5
_HAS_VERSION = {
    "sqlite": "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'alembic_version'",
    "postgresql": "SELECT to_regclass('alembic_version')",
}


def known_versions(versions: Path) -> list[str]:
    """Return the numbers that the migrations' file names begin with, oldest first; the last is the head."""
    names = (_FILE_NAME.fullmatch(file.name) for file in versions.iterdir())
    return sorted(name.group(1) for name in names if name)


def upgrade(reader: Engine, writer: Engine, versions: Path) -> None:
    """Bring the database to the newest version; on one that has it this is one quick look.

    Raises SchemaTooNew, MigrationFailed, after which the database is what it was before, or StoreError.
    """
    known = known_versions(versions)
    with told_plainly(writer.url):
        with reader.connect() as connection:
            if is_current(connection, known):
                return
        with writer.connect() as connection:
            _keep_others_out(connection)
            if not is_current(connection, known):
                _migrate(connection, versions)


def is_current(connection: Connection, known: list[str]) -> bool:
    """Return whether the database has the newest of the known versions. Raises SchemaTooNew."""
    version = version_of(connection)
    if version is not None and version not in known:
        raise SchemaTooNew(
            f"The database {place(connection.engine.url)} has version {version}, and this program knows only up to "
            f"{known[-1]}. Start the newer Command Center it belongs to, or name another database in DATABASE_URL."
        )
    return version == known[-1]


def version_of(connection: Connection) -> str | None:
    """Return the number of the newest migration the database has; None for one that was never used."""
    if connection.execute(text(_HAS_VERSION[connection.dialect.name])).scalar() is None:
        return None
    version: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return version


def _keep_others_out(connection: Connection) -> None:
    """Begin a transaction that no second upgrade can run beside; the connection is not used again after it."""
    connection.detach()
    if connection.dialect.name == "sqlite":
        raw = connection.connection.cursor()
        raw.execute(f"PRAGMA busy_timeout={_WAIT_FOR_OTHERS * 1000}")
        # Rebuilding a table drops the old one, and that must not touch the rows that point at it.
        raw.execute("PRAGMA foreign_keys=OFF")
        connection.begin()
    else:
        connection.execute(text(f"SET LOCAL lock_timeout = '{_WAIT_FOR_OTHERS}s'"))
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})"))
        connection.execute(text(f"SET LOCAL lock_timeout = '{_WAIT_FOR_TABLES}s'"))


def _migrate(connection: Connection, versions: Path) -> None:
    before = version_of(connection)
    copy = _keep_copy(connection, before or "none") if connection.dialect.name == "sqlite" else None
    try:
        _run(connection, versions)
        connection.commit()
    except Exception as error:  # whatever a migration raises, the old version must stay and its reader must know
        connection.rollback()
        raise _failed(connection, error, copy) from error
    log.info("database_upgraded", before=before, after=known_versions(versions)[-1], copy=copy and str(copy))


def _keep_copy(connection: Connection, version: str) -> Path | None:
    """Return a copy of an SQLite database that holds anything, beside it; None if it holds nothing."""
    if connection.execute(text("SELECT count(*) FROM sqlite_master")).scalar() == 0:
        return None
    source = Path(str(connection.engine.url.database))
    target = source.with_name(f"{source.stem}-version-{version}{source.suffix}")
    try:
        copy_database(source, target)
    except (sqlite3.Error, OSError) as error:
        raise MigrationFailed(
            f"Before its upgrade {source} could not be copied to {target}: {error}. Correct that and start again; "
            "nothing was changed."
        ) from error
    log.info("database_copied", copy=str(target))
    return target


def _run(connection: Connection, versions: Path) -> None:
    from alembic import command  # takes a third of a second, which only an upgrade needs
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("version_locations", str(versions).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    command.upgrade(config, "head")
    if connection.dialect.name == "sqlite":
        broken = connection.execute(text("PRAGMA foreign_key_check")).first()
        if broken is not None:
            raise ValueError(f"a row of {broken[0]} points at a row of {broken[2]} that is not there")


def _failed(connection: Connection, error: Exception, copy: Path | None) -> MigrationFailed:
    url = connection.engine.url
    known_reason = store_error(error, url)
    reason = known_reason.for_user if known_reason else f"{type(error).__name__}: {getattr(error, 'orig', error)}"
    kept = f" A copy from before lies in {copy}." if copy else ""
    return MigrationFailed(
        f"The upgrade of the database {place(url)} failed and was undone, so the old version can go on using it.{kept} "
        f"The reason: {reason}"
    )
