"""Files that somebody else made are opened by a process of their own, bounded in memory and time, a few at once."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import structlog

from core.children import tied
from core.files.limits import LOOKS_AT_ONCE, WORKER_SECONDS
from core.files.reading import Encrypted, TooManyPixels, TooMuch, Unreadable

_PROJECT = Path(__file__).resolve().parents[2]
_WRONG: dict[str, type[Unreadable]] = {each.__name__: each for each in (Unreadable, TooManyPixels, Encrypted)}

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Looked:
    """What is in an image or a PDF; ``preview`` is a small WebP of an image."""

    media_type: str
    width: int = 0
    height: int = 0
    pages: int = 0
    preview: bytes | None = None


class Looking:
    """From any thread. A person with many files waits for those alone: each person has one looked at at a time."""

    def __init__(self, at_once: int = LOOKS_AT_ONCE) -> None:
        self._room = threading.BoundedSemaphore(at_once)
        self._lock = threading.Lock()
        self._turns: dict[str, tuple[threading.Lock, int]] = {}

    def look(self, kind: Literal["image", "pdf"], data: bytes, whose: str) -> Looked:
        """Raises Unreadable, or TooMuch where it would take more memory or time than there is for a file."""
        with self._own_turn(whose), self._room:
            found, _, small = _asked(kind, data).partition(b"\n")
        said = json.loads(found)
        if "wrong" in said:
            raise _WRONG[said["wrong"]]
        return Looked(**said, preview=small or None)

    @contextmanager
    def _own_turn(self, whose: str) -> Iterator[None]:
        with self._lock:
            turn, waiting = self._turns.get(whose, (threading.Lock(), 0))
            self._turns[whose] = turn, waiting + 1
        try:
            with turn:
                yield
        finally:
            with self._lock:
                turn, waiting = self._turns.pop(whose)
                if waiting > 1:
                    self._turns[whose] = turn, waiting - 1


def _asked(kind: str, data: bytes) -> bytes:
    """The worker ends with this process; what it writes is bounded by what a preview can be."""
    environment = {"PATH": os.environ.get("PATH", os.defpath), "PYTHONDONTWRITEBYTECODE": "1"}
    command = tied([sys.executable, "-m", "core.files.worker", kind], environment)
    try:
        ran = subprocess.run(  # noqa: S603 - our own program
            command, input=data, capture_output=True, cwd=_PROJECT, env=environment, timeout=WORKER_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise TooMuch from None
    if ran.returncode != 0:
        said = ran.stderr[-500:].decode(errors="replace")
        _log.warning("a file could not be looked at", kind=kind, status=ran.returncode, said=said)
        raise TooMuch
    return ran.stdout
