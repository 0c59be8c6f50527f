"""What is long over is forgotten, and nothing else."""

from datetime import timedelta

import pytest
import time_machine

from core.access.links import VALID
from core.access.sessions import LONGEST
from core.access.throttle import KEPT
from core.clock import now
from core.errors import NotSignedIn
from tests.core.access.conftest import HOME, PASSWORD, House, eventually

SESSIONS, LINKS = "SELECT count(*) FROM login_sessions", "SELECT count(*) FROM one_time_links"


def test_sessions_and_links_are_forgotten_ninety_days_after_their_end(house: House) -> None:
    house.join("Ada")
    house.people.invite(house.admin, "bob@example.org", "Bob", "operator")
    kept = house.ask(SESSIONS), house.ask(LINKS)
    assert kept == ([2], [3])
    with time_machine.travel(now(), tick=False) as clock:
        clock.shift(KEPT + max(LONGEST, *VALID.values()) - timedelta(minutes=1))
        knock(house)
        eventually(lambda: house.ask(LINKS) == [0])
        assert house.ask(SESSIONS) == [2]
        clock.shift(timedelta(minutes=30))
        knock(house)
        eventually(lambda: house.ask(SESSIONS) == [0])
    assert len(house.people.list(house.admin)) == 3


def knock(house: House) -> None:
    with pytest.raises(NotSignedIn):
        house.sign_in.sign_in("nobody@example.org", PASSWORD, HOME)
