"""Sessions: one cookie each, looked up every time, ended at once."""

from datetime import datetime, timedelta

import pytest
import time_machine
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from core.access.sessions import IDLE, LONGEST, Sessions
from core.access.visit import Visit
from core.clock import now
from core.errors import NotAllowed, NotFound, NotSignedIn
from core.store.database import open_store
from tests.core.access.conftest import House, eventually


def test_a_cookie_is_whom_it_was_given_to(house: House) -> None:
    ada, ben = house.join("Ada"), house.join("Ben", "finance")
    assert house.sessions.check(ada.cookie) == ada.session
    assert house.sessions.check(ben.cookie).person.name == "Ben"


@hypothesis_settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.integers(0, 46), st.characters(codec="utf-8"))
def test_a_cookie_with_one_other_character_is_nobodys(sqlite_house: House, place: int, letter: str) -> None:
    cookie = sqlite_house.first.cookie
    forged = cookie[:place] + letter + cookie[place + 1 :]
    if forged == cookie:
        assert sqlite_house.sessions.check(forged).person == sqlite_house.admin
    else:
        with pytest.raises(NotSignedIn):
            sqlite_house.sessions.check(forged)


def test_what_is_no_cookie_is_nobodys(house: House) -> None:
    for cookie in ("", "' OR 1=1 --", "ccs_", "\0", "\ud800", "x" * 1_000_000, "ccs_%"):
        with pytest.raises(NotSignedIn, match="Sign in"):
            house.sessions.check(cookie)
        house.sessions.sign_out(cookie)
    assert house.sessions.check(house.first.cookie).person == house.admin


def test_the_stored_hash_is_not_a_cookie(house: House) -> None:
    for digest in house.ask("SELECT digest FROM login_sessions"):
        for forged in (digest, f"ccs_{digest}", f"ccs_{digest[:43]}"):
            with pytest.raises(NotSignedIn):
                house.sessions.check(forged)


def test_signing_out_ends_this_browser_only(house: House) -> None:
    here, there = house.join("Ada"), house.enter("Ada")
    house.sessions.sign_out(here.cookie)
    with pytest.raises(NotSignedIn):
        house.sessions.check(here.cookie)
    assert house.sessions.check(there.cookie).person.name == "Ada"


def seen(house: House) -> datetime:
    [view] = house.sessions.list(house.admin)
    return view.last_seen_at


def test_a_session_ends_when_it_was_idle_for_long(house: House) -> None:
    began = seen(house)
    with time_machine.travel(began + IDLE - timedelta(minutes=1)):
        house.sessions.check(house.first.cookie)
        eventually(lambda: seen(house) > began)
    with time_machine.travel(began + IDLE + timedelta(minutes=10)):
        assert house.sessions.check(house.first.cookie).person == house.admin
        eventually(lambda: seen(house) > began + IDLE)
    with time_machine.travel(began + 2 * IDLE + timedelta(minutes=20)), pytest.raises(NotSignedIn):
        house.sessions.check(house.first.cookie)


def test_a_session_ends_however_busy_it_was(sqlite_house: House) -> None:
    began = seen(sqlite_house)
    for day in range(5, LONGEST.days, 5):
        with time_machine.travel(began + timedelta(days=day), tick=False):
            sqlite_house.sessions.check(sqlite_house.first.cookie)
            eventually(lambda: seen(sqlite_house) == now())
    with time_machine.travel(began + LONGEST + timedelta(seconds=1)), pytest.raises(NotSignedIn):
        sqlite_house.sessions.check(sqlite_house.first.cookie)


def test_use_is_noted_seldom(house: House) -> None:
    began = seen(house)
    for minutes in (4, 6):
        with time_machine.travel(began + timedelta(minutes=minutes), tick=False):
            house.sessions.check(house.first.cookie)
    eventually(lambda: seen(house) == began + timedelta(minutes=6))
    [person] = house.people.list(house.admin)
    assert person.last_seen_at == seen(house)


def test_a_database_that_takes_no_note_keeps_nobody_out(house: House) -> None:
    with time_machine.travel(now() + timedelta(hours=1)):
        house.run("ALTER TABLE users RENAME COLUMN last_seen_at TO elsewhere")
        assert house.sessions.check(house.first.cookie).person == house.admin
        house.store.close()
        assert house.sessions.check(house.first.cookie).person == house.admin


def test_one_sees_and_ends_ones_own_sessions(house: House) -> None:
    here = house.join("Ada", visit=Visit("192.0.2.77", "Firefox \x1b[31m 9"))
    there = house.enter("Ada")
    ada = here.session.person
    listed = house.sessions.list(ada)
    assert {view.id for view in listed} == {here.session.id, there.session.id}
    assert {(view.address, view.user_agent) for view in listed} >= {("192.0.2.0/24", "Firefox [31m 9")}
    house.sessions.revoke(ada, there.session.id)
    house.sessions.revoke(ada, there.session.id)
    assert [view.id for view in house.sessions.list(ada)] == [here.session.id]
    with pytest.raises(NotSignedIn):
        house.sessions.check(there.cookie)


def test_other_peoples_sessions_are_not_there_but_for_admins(house: House) -> None:
    ada, eve = house.join("Ada"), house.person("Eve", "finance")
    with pytest.raises(NotAllowed):
        house.sessions.list(eve, ada.session.person.id)
    for session_id in (ada.session.id, "nowhere", "' OR 1=1 --", "\0"):
        with pytest.raises(NotFound, match="no such session"):
            house.sessions.revoke(eve, session_id)
    assert [view.id for view in house.sessions.list(house.admin, ada.session.person.id)] == [ada.session.id]
    house.sessions.revoke(house.admin, ada.session.id)
    with pytest.raises(NotSignedIn):
        house.sessions.check(ada.cookie)


def test_an_end_is_one_in_every_process_at_once(house: House) -> None:
    other = open_store(house.store.url)
    elsewhere = Sessions(other)
    assert elsewhere.check(house.first.cookie).person == house.admin
    house.sessions.revoke(house.admin, house.first.session.id)
    with pytest.raises(NotSignedIn):
        elsewhere.check(house.first.cookie)
    other.close()
