"""Whatever happens in whatever order, some admin can come in, and the log says how it came about."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeAlias

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import delete

from core.access.roles import ROLES, Person
from core.errors import AppError
from core.store.access import ApiToken, LoginSession, OneTimeLink, User
from core.store.database import Store, open_store
from tests.core.access.conftest import HOME, PASSWORD, House, at_once, open_house

Step: TypeAlias = tuple[str, int, int, str]

# By, whom (numbers of people), and a role.
STEPS = st.tuples(
    st.sampled_from(["join", "invite", "accept", "set_role", "deactivate", "reactivate", "reset"]),
    st.integers(0, 4),
    st.integers(0, 4),
    st.sampled_from(ROLES),
)
ADMINS = (
    "SELECT count(*) FROM users WHERE role = 'admin' AND joined_at IS NOT NULL AND deactivated_at IS NULL "
    "AND password_hash IS NOT NULL"
)


class History:
    """People 0 is the first admin; the others come as they are invited."""

    def __init__(self, house: House) -> None:
        self.house, self.links = house, dict[int, str]()

    def person(self, number: int) -> Person:
        found = self.house.ask("SELECT id FROM users WHERE email = :email", email=_email(number))
        return Person(found[0] if found else "nobody", "", "admin")

    def step(self, step: Step) -> None:
        kind, by, whom, role = step
        actor, subject, people = self.person(by), self.person(whom), self.house.people
        match kind:
            case "invite":
                self.links[whom] = people.invite(actor, _email(whom), f"P{whom}", role).secret
            case "join":
                link = people.invite(actor, _email(whom), f"P{whom}", "admin")
                self.house.sign_in.accept(link.secret, PASSWORD, HOME)
            case "accept":
                self.house.sign_in.accept(self.links.get(whom, ""), PASSWORD, HOME)
            case "set_role":
                people.set_role(actor, subject.id, role)
            case "reset":
                self.links[whom] = people.reset(actor, subject.id).secret
            case _:
                getattr(people, kind)(actor, subject.id)


def _email(number: int) -> str:
    return "root@example.org" if number == 0 else f"p{number}@example.org"


@contextmanager
def history(url: str) -> Iterator[History]:
    """A database that is as new but for the audit log, which keeps everything."""
    store = open_store(url)
    try:
        for table in (LoginSession, ApiToken, OneTimeLink, User):
            _empty(store, table)
        yield History(open_house(store))
    finally:
        store.close()


def _empty(store: Store, table: Any) -> None:
    store.write(lambda connection: connection.execute(delete(table.__table__)).close()).result()


MANY = hypothesis_settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], print_blob=False
)


@MANY
@given(st.lists(STEPS, min_size=4, max_size=25))
def test_some_admin_can_always_come_in(database_url: str, steps: list[Step]) -> None:
    with history(database_url) as past:
        for step in steps:
            before = past.house.ask("SELECT count(*) FROM audit_log")[0]
            done = _done(partial(past.step, step))
            assert past.house.ask(ADMINS)[0] >= 1
            assert done or past.house.ask("SELECT count(*) FROM audit_log")[0] == before or step[0] == "join"


@MANY
@given(st.lists(st.lists(STEPS, min_size=2, max_size=6), min_size=2, max_size=5))
def test_also_when_everything_happens_at_once(database_url: str, rounds: list[list[Step]]) -> None:
    with history(database_url) as past:
        for number in (1, 2, 3):
            past.step(("join", 0, number, "admin"))
        for steps in rounds:
            at_once([partial(past.step, step) for step in steps])
            assert past.house.ask(ADMINS)[0] >= 1


def _done(job: Callable[[], None]) -> bool:
    try:
        job()
    except AppError:
        return False
    return True


def test_without_the_rule_the_histories_would_find_out(sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.access.people._keep_an_admin", lambda connection, person: None)
    past = History(open_house(sqlite_store))
    past.step(("deactivate", 0, 0, "admin"))
    assert past.house.ask(ADMINS) == [0]
