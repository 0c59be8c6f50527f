"""A house with its first admin in it, on each kind of database; passwords are hashed as cheaply as can be."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier, Event
from typing import Any, TypeVar

import pytest
from argon2 import PasswordHasher
from sqlalchemy import Connection, text

from core.access.audit import Audit
from core.access.passwords import Passwords
from core.access.people import People
from core.access.roles import Person
from core.access.sessions import Sessions, SignedIn
from core.access.sign_in import SignIn
from core.access.tokens import Tokens
from core.access.visit import Visit
from core.errors import AppError
from core.store.database import Store

T = TypeVar("T")

PASSWORD = "four quiet grey herons"
HOME = Visit("192.0.2.7", "Firefox")
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@dataclass(frozen=True)
class House:
    store: Store
    people: People
    sign_in: SignIn
    sessions: Sessions
    tokens: Tokens
    audit: Audit
    first: SignedIn

    @property
    def admin(self) -> Person:
        return self.first.session.person

    def join(self, name: str, role: str = "operator", visit: Visit = HOME) -> SignedIn:
        """Somebody new, invited by the admin, with an address at example.org."""
        link = self.people.invite(self.admin, f"{name.lower()}@example.org", name, role)
        return self.sign_in.accept(link.secret, PASSWORD, visit)

    def person(self, name: str, role: str = "operator") -> Person:
        return self.join(name, role).session.person

    def enter(self, name: str, password: str = PASSWORD, visit: Visit = HOME) -> SignedIn:
        return self.sign_in.sign_in(f"{name.lower()}@example.org", password, visit)

    def state(self, person: Person) -> str:
        return next(view.state for view in self.people.list(self.admin) if view.id == person.id)

    def run(self, statement: str, **values: Any) -> None:
        def job(connection: Connection) -> None:
            connection.execute(text(statement), values)

        self.store.write(job).result()

    def ask(self, statement: str, **values: Any) -> list[Any]:
        with self.store.read() as connection:
            return list(connection.execute(text(statement), values).scalars())


def open_house(store: Store) -> House:
    people, sign_in = People(store), SignIn(store, Passwords(QUICK, at_once=8))
    link = people.set_up_link()
    assert link is not None
    first = sign_in.set_up(link.secret, "root@example.org", "Root", PASSWORD, HOME)
    return House(store, people, sign_in, Sessions(store), Tokens(store), Audit(store), first)


@pytest.fixture
def house(store: Store) -> House:
    return open_house(store)


@pytest.fixture
def sqlite_house(sqlite_store: Store) -> House:
    return open_house(sqlite_store)


def at_once(jobs: Sequence[Callable[[], T]]) -> list[T | AppError]:
    """What each gave or refused with, all having begun together."""
    barrier = Barrier(len(jobs))

    def run(job: Callable[[], T]) -> T | AppError:
        barrier.wait()
        try:
            return job()
        except AppError as error:
            return error

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(run, jobs))


def eventually(holds: Callable[[], bool]) -> None:
    """What is written in passing is there a moment later."""
    pause = Event()
    for _ in range(500):
        if holds():
            return
        pause.wait(0.02)
    raise AssertionError("it did not come about within 10 s")
