"""Backups of a PostgreSQL database, by PostgreSQL's own programs, which must be as new as the server."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import URL

from core.children import tied
from core.errors import BackupError
from core.store.failures import place, told_plainly
from core.store.upgrade import VERSIONS, known_versions

_VERSION = re.compile(rb"^COPY public\.alembic_version .*\n(\S+)$", re.MULTILINE)
_LONGEST = 500
_LINES = "SELECT count(*) FROM ledger_lines"
_OTHERS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


def dump(address: URL, path: Path) -> int:
    """Write all of the database into the file and read it back; returns the ledger lines that there were before."""
    lines = int(_ask(address, _LINES) or 0)
    _run("pg_dump", address, "--format=custom", "--no-owner", "--no-privileges", f"--file={path}")
    version_in(path)
    return lines


def version_in(path: Path) -> str:
    """Return the version that a backup has, having read all of it. Raises BackupError."""
    _run("pg_restore", None, "--file=/dev/null", str(path))
    found = _VERSION.search(_run("pg_restore", None, "--data-only", "--table=alembic_version", "--file=-", str(path)))
    if found is None:
        raise BackupError(f"{path} is not a backup of Command Center. Name one that ends with .dump.")
    return found[1].decode()


def restore(address: URL, path: Path, *, replace: bool) -> None:
    """Put it into the database, all or nothing. Raises BackupError."""
    if int(_ask(address, _OTHERS) or 0):
        raise BackupError(f"A program still uses the database {place(address)}. Stop the servers, then restore.")
    filled = _ask(address, "SELECT to_regclass('task_trace')") is not None
    if filled and not replace:
        raise BackupError(f"The database {place(address)} is not empty. Add --replace to put the backup in its place.")
    whole = ("--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", "--clean", "--if-exists")
    _run("pg_restore", address, *whole, str(path))


def check(address: URL) -> list[str]:
    """Return what is wrong, as far as a client can see."""
    version, known = _ask(address, "SELECT version_num FROM alembic_version"), known_versions(VERSIONS)
    if version not in known:
        return [f"The database {place(address)} has version {version}, and this program knows only up to {known[-1]}."]
    return []


def _ask(address: URL, query: str) -> Any:
    with told_plainly(address):
        try:
            with psycopg.connect(_uri(address), password=address.password, autocommit=True) as connection:
                row = connection.execute(query.encode()).fetchone()
        except psycopg.errors.UndefinedTable:
            raise BackupError(
                f"The database {place(address)} is not one of Command Center, or was never used."
            ) from None
        except psycopg.Error as error:
            raise BackupError(f"The database {place(address)} cannot be used: {error}".strip()) from None
    return row[0] if row else None


def _uri(address: URL) -> str:
    """Write the address for PostgreSQL's programs, without the password: a command line is no secret."""
    return address.set(drivername="postgresql", password=None).render_as_string(hide_password=False)


def _run(program: str, address: URL | None, *arguments: str) -> bytes:
    environment, where = dict(os.environ), () if address is None else (f"--dbname={_uri(address)}",)
    if address is not None and address.password:
        environment["PGPASSWORD"] = str(address.password)
    try:
        command = tied([program, *where, *arguments], environment)
    except OSError:
        raise BackupError(f"The program {program} is missing. Install PostgreSQL's client programs.") from None
    ran = subprocess.run(command, env=environment, capture_output=True, check=False)  # noqa: S603 - of this file
    if ran.returncode:
        said = "; ".join(ran.stderr.decode(errors="replace").strip().splitlines()) or f"exit status {ran.returncode}"
        raise BackupError(f"{program} failed: {said[:_LONGEST]}")
    return ran.stdout
