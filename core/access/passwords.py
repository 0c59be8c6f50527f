"""Passwords: what is taken, how it is hashed, and that a check takes as long for nobody as for somebody."""

import asyncio
import secrets
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from core.errors import InputError, TooManyRequests

SHORTEST, LONGEST = 12, 256
_FEWEST_DIFFERENT = 5
# About 30 ms and 19 MiB each. More at once would leave the answers no processor and the machine no memory.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_AT_ONCE = 2
_WAIT_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Checked:
    """``better_hash`` is there if the password fits and its hash was made with other parameters than today's."""

    fits: bool
    better_hash: str | None = None


class Passwords:
    """Blocks while it hashes, so it refuses to run on an event loop: call it from a worker thread."""

    def __init__(self, hasher: PasswordHasher = _HASHER, *, at_once: int = _AT_ONCE, wait: float = _WAIT_SECONDS):
        self._hasher, self._wait = hasher, wait
        self._room = BoundedSemaphore(at_once)
        self._nobodys = _nobodys_hash(hasher)

    def hash(self, password: str, *, email: str = "") -> str:
        """Hash a password that may be used from now on. Raises InputError, TooManyRequests."""
        refuse_weak(password, email)
        with self._busy():
            return self._hasher.hash(_spelled(password))

    def check(self, password: str, kept: str | None) -> Checked:
        """Compare a password; without a hash this takes as long and never fits, so that unknown accounts do not show.

        Raises TooManyRequests.
        """
        too_long = len(password) > LONGEST
        with self._busy():
            fits = self._verify(kept or self._nobodys, "" if too_long else password)
            if not fits or kept is None or too_long:
                return Checked(fits=False)
            stale = self._hasher.check_needs_rehash(kept)
            return Checked(fits=True, better_hash=self._hasher.hash(_spelled(password)) if stale else None)

    def _verify(self, kept: str, password: str) -> bool:
        try:
            return self._hasher.verify(kept, _spelled(password))
        except (VerificationError, InvalidHashError):
            return False

    @contextmanager
    def _busy(self) -> Iterator[None]:
        _refuse_event_loop()
        if not self._room.acquire(timeout=self._wait):
            raise TooManyRequests("Too many people sign in at once. Try again in a moment.", retry_after=5)
        try:
            yield
        finally:
            self._room.release()


@cache
def _nobodys_hash(hasher: PasswordHasher) -> str:
    """Return a dummy hash, so that unknown accounts take as long; made once, because it costs as much as a sign-in."""
    return hasher.hash(secrets.token_bytes(16))


def _spelled(password: str) -> bytes:
    """Spell a password the same whatever keyboard it was typed on."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


def refuse_weak(password: str, email: str) -> None:
    """Raises InputError."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise InputError(
            f"A password must have {SHORTEST} to {LONGEST} characters. A few words in a row are a good one."
        )
    if len(set(password)) < _FEWEST_DIFFERENT or password.strip().lower() == email:
        raise InputError("This password is too easy to guess. A few words in a row are a good one.")


def _refuse_event_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise RuntimeError("hashing a password would hold up the event loop: call it from a worker thread")
