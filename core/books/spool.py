"""Ends of turns that the database would not take, kept in an fsynced file until it does.

The folder belongs to all instances that use it. Beside its file each has ``<instance>.lock``, which it holds locked as
long as it lives: what is not locked belongs to the next who comes, whatever machine it was written on.
"""

import fcntl
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import structlog

from core.books.end_lines import as_json, from_json
from core.books.values import TraceEnd
from core.clock import new_id
from core.errors import StoreError

log = structlog.get_logger()

_TAKEN = "+"
_LEAST_ROOM = 2**20


class Spool:
    """One JSON line a turn, one file an instance: ``data/spool/<instance>.jsonl``."""

    def __init__(self, folder: Path, instance_id: str) -> None:
        """Raises OSError if the folder cannot be written."""
        self.folder, self._instance_id = folder, instance_id
        self.path, self._lock_path = folder / f"{instance_id}.jsonl", folder / f"{instance_id}.lock"
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        self._held: int | None = self._hold()

    def append(self, end: TraceEnd) -> None:
        """Returns once the end is on the disk. Raises OSError if it is not; then nothing is left of it."""
        with self._lock, self.path.open("a+b", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            row = _begin_of_line(file.fileno(), size) + as_json(end) + b"\n"
            try:
                while row:
                    row = row[file.write(row) :]
                os.fsync(file.fileno())
            except OSError:
                with suppress(OSError):
                    file.truncate(size)
                raise

    def take(self) -> list[Path]:
        """Put aside what waits here, so that nobody adds to it any more, and return it: our own and what nobody holds.

        Of several who take one file one has it.
        """
        with self._lock:
            free = [path for path in sorted(self.folder.glob("*.jsonl")) if self._is_free(path)]
            return [taken for path in free if (taken := self._take(path)) is not None]

    def sizes(self) -> tuple[int, int]:
        """Count bytes that wait to be booked and bytes that never can be, of all instances that use the folder."""
        return self._size("*.jsonl"), self._size("*.refused")

    def check_room(self) -> None:
        """Raise StoreError if the next end would not fit on the disk."""
        try:
            found = os.statvfs(self.folder)
        except OSError as error:
            told, reason = f"The folder {self.folder} cannot be used: {error.strerror}.", "the data folder is gone"
            raise StoreError(told, reason=reason) from error
        if found.f_bavail * found.f_frsize < _LEAST_ROOM:
            told = f"The disk of {self.folder} is full. Free some space; a restart is not needed."
            raise StoreError(told, reason="the disk is full")
        if not os.access(self.folder, os.W_OK):
            told = f"The folder {self.folder} may only be read. Let this user write there."
            raise StoreError(told, reason="the data folder may only be read")

    def is_held(self, instance_id: str) -> bool | None:
        """Return whether the instance holds its lock, that is, lives; None if it has none here that would tell."""
        try:
            file = os.open(self.folder / f"{instance_id}.lock", os.O_RDONLY)
        except OSError:
            return None
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return None
        else:
            return False if os.read(file, 64) == _mark(file) else None
        finally:
            os.close(file)

    def forget(self, instance_id: str) -> None:
        """Remove the lock of one that is gone."""
        (self.folder / f"{instance_id}.lock").unlink(missing_ok=True)

    def close(self) -> None:
        """Let go: from now on what is left here belongs to others."""
        if self._held is not None:
            with suppress(OSError):
                self.forget(self._instance_id)
            os.close(self._held)
            self._held = None

    def _hold(self) -> int:
        file = os.open(self._lock_path, os.O_RDWR | os.O_CREAT, 0o600)
        with suppress(OSError):  # a file system without locks: then nobody can tell by it who lives
            fcntl.flock(file, fcntl.LOCK_EX)
            os.write(file, _mark(file))
        return file

    def _is_free(self, path: Path) -> bool:
        holder = path.stem.partition(_TAKEN)[0]
        return holder == self._instance_id or not self.is_held(holder)

    def _take(self, path: Path) -> Path | None:
        if path.stem.startswith(f"{self._instance_id}{_TAKEN}"):
            return path
        taken = self.folder / f"{self._instance_id}{_TAKEN}{new_id()}.jsonl"
        try:
            path.rename(taken)
        except FileNotFoundError:  # somebody else was first
            return None
        return taken

    def _size(self, pattern: str) -> int:
        size = 0
        for path in self.folder.glob(pattern):
            with suppress(FileNotFoundError):  # booked meanwhile
                size += path.stat().st_size
        return size


def replay(path: Path, write: Callable[[TraceEnd], bool]) -> int:
    """Book a taken file's ends in order and remove it; returns how many were new to the books.

    Raises StoreError when the database is still away, and OSError when what is refused cannot be set aside: the file
    stays, and booking one end twice does nothing.
    """
    booked = 0
    for row in path.read_bytes().splitlines():
        booked += bool(row) and _booked(row, path, write)
    path.unlink()
    return booked


def _booked(row: bytes, path: Path, write: Callable[[TraceEnd], bool]) -> bool:
    try:
        return write(from_json(row))
    except StoreError:
        raise
    except Exception:  # an end that can never be booked must not hold up those behind it
        log.exception("spool_row_refused", file=path.name)
        with path.with_suffix(".refused").open("ab") as refused:
            refused.write(row + b"\n")
        return False


def _begin_of_line(file: int, size: int) -> bytes:
    """Return what a row must begin with, so that it is not written behind one that was torn."""
    return b"" if size == 0 or os.pread(file, 1, size - 1) == b"\n" else b"\n"


def _mark(file: int) -> bytes:
    """Which file it is: a copy of a folder must not say that those who live are gone."""
    found = os.fstat(file)
    return f"{found.st_dev}:{found.st_ino}".encode()
