"""Guessing is slow wherever it comes from, and nobody can lock out anybody else."""

from datetime import timedelta

import pytest
import time_machine

from core.access.sign_in import SignIn
from core.access.throttle import Attempt, Throttle, forgive
from core.access.visit import Visit
from core.clock import now
from core.errors import NotSignedIn, TooManyRequests
from core.store.database import Store, open_store
from tests.core.access.conftest import PASSWORD, House, at_once, eventually

EVE = Visit("198.51.100.9", "curl")


def admitted(throttle: Throttle, attempt: Attempt, times: int) -> int:
    """How many of so many attempts pass."""
    return sum(_passes(throttle, attempt) for _ in range(times))


def _passes(throttle: Throttle, attempt: Attempt) -> bool:
    try:
        throttle.admit(attempt)
    except TooManyRequests:
        return False
    return True


def guess(house: House, visit: Visit, times: int = 1, name: str = "Ada") -> list[type[Exception]]:
    found: list[type[Exception]] = []
    for number in range(times):
        with pytest.raises((NotSignedIn, TooManyRequests)) as refusal:
            house.enter(name, f"guess {number}", visit)
        found.append(type(refusal.value))
    return found


@pytest.mark.parametrize("name", ["Ada", "Nobody"])
def test_an_account_takes_five_guesses_a_minute_from_one_address(house: House, name: str) -> None:
    house.join("Ada")
    with time_machine.travel(now(), tick=False) as clock:
        assert guess(house, EVE, 7, name) == [NotSignedIn] * 5 + [TooManyRequests] * 2
        clock.shift(timedelta(seconds=13))
        assert guess(house, EVE, 2, name) == [NotSignedIn, TooManyRequests]
        clock.shift(timedelta(minutes=2))
        assert guess(house, EVE, 6, name) == [NotSignedIn] * 5 + [TooManyRequests]


def test_the_right_password_is_refused_like_a_wrong_one_while_it_is_too_soon(house: House) -> None:
    house.join("Ada")
    guess(house, EVE, 5)
    with pytest.raises(TooManyRequests, match=r"Try again in \d+ s") as refusal:
        house.enter("Ada", PASSWORD, EVE)
    assert 1 <= refusal.value.retry_after <= 12


def test_the_wait_that_is_told_is_enough(store: Store) -> None:
    throttle, attempt = Throttle(store), Attempt("a", "h")
    with time_machine.travel(now(), tick=False) as clock:
        admitted(throttle, attempt, 5)
        with pytest.raises(TooManyRequests) as refusal:
            throttle.admit(attempt)
        clock.shift(timedelta(seconds=refusal.value.retry_after))
        throttle.admit(attempt)


def test_a_restart_forgives_nothing_and_other_processes_count_too(house: House) -> None:
    house.join("Ada")
    guess(house, EVE, 5)
    other = open_store(house.store.url)
    with pytest.raises(TooManyRequests):
        SignIn(other).sign_in("ada@example.org", PASSWORD, EVE)
    other.close()


def test_of_fifty_guesses_at_once_five_are_looked_at(house: House) -> None:
    house.join("Ada")
    found = at_once([lambda: house.enter("Ada", "wrong wrong", EVE)] * 50)
    assert sorted(type(outcome).__name__ for outcome in found) == ["NotSignedIn"] * 5 + ["TooManyRequests"] * 45


def test_one_address_cannot_try_many_accounts(store: Store) -> None:
    throttle = Throttle(store)
    with time_machine.travel(now(), tick=False):
        assert sum(admitted(throttle, Attempt(f"a{number}", "h"), 1) for number in range(80)) == 60
        assert admitted(throttle, Attempt("a1", "another"), 1) == 1


def test_a_whole_office_can_sign_in_from_one_address(house: House) -> None:
    house.join("Ada")
    for _ in range(70):
        house.enter("Ada")
    assert guess(house, EVE, 5) == [NotSignedIn] * 5


def test_strangers_everywhere_do_not_keep_a_person_out_of_anywhere(house: House) -> None:
    house.join("Ada")
    throttle = Throttle(house.store)
    with time_machine.travel(now(), tick=False):
        for number in range(22):
            admitted(throttle, Attempt("ada@example.org", f"botnet {number}"), 5)
        assert admitted(throttle, Attempt("ada@example.org", "botnet 100"), 5) == 1
        assert house.enter("Ada").session.person.name == "Ada"
        assert house.enter("Ada", visit=Visit("203.0.113.5", "a hotel")).session.person.name == "Ada"


def test_a_neighbour_at_the_same_address_does_not_keep_a_known_browser_out(house: House) -> None:
    cookie = house.join("Ada", visit=EVE).cookie
    house.sessions.sign_out(cookie)
    assert guess(house, EVE, 6)[-1] is TooManyRequests
    assert house.enter("Ada", visit=Visit(EVE.address, "Firefox", cookie)).session.person.name == "Ada"


def test_a_cookie_of_somebody_else_buys_no_further_guesses(house: House) -> None:
    house.join("Ada")
    cookie = house.join("Eve", visit=EVE).cookie
    with_cookie = Visit(EVE.address, "curl", cookie)
    assert guess(house, EVE, 5) + guess(house, with_cookie, 1) == [NotSignedIn] * 5 + [TooManyRequests]


def test_a_clock_that_is_set_back_keeps_nobody_waiting(store: Store) -> None:
    throttle, attempt = Throttle(store), Attempt("a", "h")
    with time_machine.travel(now(), tick=False) as clock:
        assert admitted(throttle, attempt, 6) == 5
        clock.shift(timedelta(hours=-1))
        assert admitted(throttle, attempt, 6) == 5


def test_attempts_that_were_right_leave_no_trace(store: Store) -> None:
    throttle, attempt = Throttle(store), Attempt("a", "h")
    with time_machine.travel(now(), tick=False):
        for _ in range(70):
            throttle.admit(attempt)
            store.write(lambda connection: forgive(connection, attempt)).result()
        assert admitted(throttle, attempt, 6) == 5


def test_buckets_that_are_empty_are_forgotten(house: House) -> None:
    throttle = Throttle(house.store)
    count = "SELECT count(*) FROM sign_in_attempts"
    with time_machine.travel(now(), tick=False) as clock:
        admitted(throttle, Attempt("a", "h"), 3)
        assert house.ask(count)[0] >= 3
        clock.shift(timedelta(hours=2))
        throttle.admit(Attempt("b", "h2", stranger=False))
        eventually(lambda: house.ask(count) == [2])


def test_the_database_does_not_say_who_was_tried_from_where(house: House) -> None:
    guess(house, EVE, 3)
    kept = "".join(house.ask("SELECT key FROM sign_in_attempts"))
    assert len(kept) % 64 == 0
    assert not {"ada", EVE.address} & {part for part in ("ada", EVE.address) if part in kept}
