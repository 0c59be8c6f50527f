"""Passwords: what is taken, what fits, and that nothing can be learned from how long it takes."""

import asyncio
import unicodedata
from threading import Event, Thread
from typing import Literal

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from core.access.passwords import LONGEST, Passwords
from core.errors import InputError, TooManyRequests
from tests.core.access.conftest import PASSWORD, QUICK

passwords = Passwords(QUICK)
ADAS = passwords.hash(PASSWORD)


@hypothesis_settings(max_examples=50)
@given(st.text(min_size=12, max_size=LONGEST).filter(lambda text: len(set(text)) > 4), st.text(max_size=300))
def test_only_the_password_itself_fits(password: str, other: str) -> None:
    kept = passwords.hash(password)
    assert passwords.check(password, kept).fits
    same = unicodedata.normalize("NFKC", other) == unicodedata.normalize("NFKC", password)
    assert passwords.check(other, kept).fits == same
    assert password not in kept


def test_it_does_not_matter_how_a_keyboard_composes_letters() -> None:
    kept = passwords.hash("Grüße an alle Käfer")
    assert passwords.check(unicodedata.normalize("NFD", "Grüße an alle Käfer"), kept).fits


@pytest.mark.parametrize(
    "weak", ["", "short", "x" * 11, "x" * 40, "ababababababab", "Ada@Example.org", "y" * (LONGEST + 1)]
)
def test_a_password_that_is_easily_guessed_or_endless_is_refused(weak: str) -> None:
    with pytest.raises(InputError, match="words"):
        passwords.hash(weak, email="ada@example.org")


@pytest.mark.parametrize("tried", [PASSWORD, "", "x" * 10_000_000, "\ud800" * 12, "\0"])
def test_without_a_hash_nothing_fits(tried: str) -> None:
    assert not passwords.check(tried, None).fits


@pytest.mark.parametrize(
    "kept", ["", "plain text", "$argon2id$v=19$m=8,t=1,p=1$broken", "$2b$12$abcdefghijklmnopqrstuv"]
)
def test_a_damaged_hash_fits_nothing(kept: str) -> None:
    assert not passwords.check(PASSWORD, kept).fits


def test_a_hash_made_with_other_parameters_is_made_anew_when_it_fits() -> None:
    stronger = Passwords(PasswordHasher(time_cost=2, memory_cost=8, parallelism=1))
    checked = stronger.check(PASSWORD, ADAS)
    assert checked.better_hash is not None
    assert stronger.check(PASSWORD, checked.better_hash).fits
    assert stronger.check(PASSWORD, checked.better_hash).better_hash is None
    assert stronger.check("another one, wrong", ADAS).better_hash is None


class Watched(PasswordHasher):
    """Remembers the cost of what it did: the parameters of each hash that it compared with."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=64, parallelism=1)
        self.costs: list[str] = []

    def verify(self, hashed: str | bytes, password: str | bytes) -> Literal[True]:
        self.costs.append(str(hashed).rsplit("$", 2)[0])
        return super().verify(hashed, password)


def test_nobodys_password_costs_as_much_to_check_as_somebodys() -> None:
    watched = Watched()
    own = Passwords(watched)
    kept = own.hash(PASSWORD)
    for hashed, tried in [(kept, PASSWORD), (kept, "wrong wrong wrong"), (None, PASSWORD), (None, "x" * 1000)]:
        own.check(tried, hashed)
    assert watched.costs == [kept.rsplit("$", 2)[0]] * 4
    assert "m=64,t=1,p=1" in kept


def test_an_event_loop_is_never_held_up() -> None:
    async def sign_in() -> None:
        with pytest.raises(RuntimeError, match="worker thread"):
            passwords.check(PASSWORD, None)
        assert (await asyncio.to_thread(passwords.check, PASSWORD, ADAS)).fits

    asyncio.run(sign_in())


class Slow(PasswordHasher):
    """Hashes when it is told to."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.begun, self.go_on = Event(), Event()
        self.go_on.set()

    def verify(self, hashed: str | bytes, password: str | bytes) -> Literal[True]:
        self.begun.set()
        self.go_on.wait(10)
        return super().verify(hashed, password)


def test_who_finds_no_room_is_asked_to_come_back() -> None:
    slow = Slow()
    crowded = Passwords(slow, at_once=1, wait=0.01)
    slow.go_on.clear()
    other = Thread(target=crowded.check, args=(PASSWORD, ADAS))
    other.start()
    slow.begun.wait(10)
    with pytest.raises(TooManyRequests, match="in a moment"):
        crowded.check(PASSWORD, ADAS)
    slow.go_on.set()
    other.join()
    assert crowded.check(PASSWORD, ADAS).fits
