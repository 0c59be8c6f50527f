"""Ends of turns that the database would not take, kept in an fsynced file until it does."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import structlog

from core.errors import StoreError
from core.tracing.entries import Finish, as_json, from_json

log = structlog.get_logger()


class Spool:
    """One JSON line a turn, one file an instance: ``data/spool/<instance>.jsonl``."""

    def __init__(self, folder: Path, instance_id: str) -> None:
        self.folder = folder
        self.path = folder / f"{instance_id}.jsonl"

    def append(self, end: Finish) -> None:
        """Returns once the end is on the disk."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            file.write(as_json(end) + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def waiting(self) -> bool:
        return self.path.exists()

    def sizes(self) -> tuple[int, int]:
        """Bytes that wait to be booked and bytes that never can be, of every instance that uses the folder."""
        return self._size("*.jsonl"), self._size("*.refused")

    def _size(self, pattern: str) -> int:
        size = 0
        for path in self.folder.glob(pattern):
            with suppress(FileNotFoundError):  # booked meanwhile
                size += path.stat().st_size
        return size

    def left_by(self, is_dead: Callable[[str], bool]) -> list[Path]:
        """The files of instances that will not come back for them."""
        return [path for path in sorted(self.folder.glob("*.jsonl")) if is_dead(path.stem)]


def replay(path: Path, write: Callable[[Finish], bool]) -> int:
    """Book a spool file's ends in order and remove it; returns how many were new to the books.

    Raises StoreError when the database is still away: the file stays, and booking one end twice does nothing.
    """
    booked = 0
    for row in path.read_bytes().splitlines():
        booked += _booked(row, path, write)
    path.unlink()
    return booked


def _booked(row: bytes, path: Path, write: Callable[[Finish], bool]) -> bool:
    try:
        return write(from_json(row))
    except StoreError:
        raise
    except Exception:  # an end that can never be booked must not hold up those behind it
        log.exception("spool_row_refused", file=path.name)
        with path.with_suffix(".refused").open("ab") as refused:
            refused.write(row + b"\n")
        return False
