"""Coming in: with a password, with an invitation, as the first admin."""

import itertools
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Literal

import pytest
import time_machine
from argon2 import PasswordHasher

from core.access.local import local_person
from core.access.passwords import Passwords
from core.access.roles import Person
from core.access.sign_in import SignIn
from core.access.tokens import TokenDraft, Tokens
from core.access.visit import Visit
from core.clock import now
from core.errors import AppError, InputError, NotAllowed, NotSignedIn, TooManyRequests
from core.store.database import Store
from tests.core.access.conftest import HOME, PASSWORD, QUICK, House, at_once, open_house

OTHER = "a wholly different one"


def test_who_was_invited_comes_in_with_the_password_chosen(house: House) -> None:
    link = house.people.invite(house.admin, " Ada@Example.org", "Ada", "finance")
    assert house.sign_in.open_link(link.secret).email == "ada@example.org"
    joined = house.sign_in.accept(link.secret, PASSWORD, HOME)
    again = house.sign_in.sign_in("ADA@example.ORG ", PASSWORD, HOME)
    assert joined.session.person == again.session.person == Person(link.person_id or "", "Ada", "finance")
    assert joined.cookie != again.cookie
    assert house.sessions.check(again.cookie).person.role == "finance"


WRONG = [
    ("ada@example.org", OTHER),
    ("ada@example.org", PASSWORD.upper()),
    ("ada@example.org", ""),
    ("ada@example.org", PASSWORD + "\0"),
    ("nobody@example.org", PASSWORD),
    ("' OR 1=1 --", PASSWORD),
    ("", PASSWORD),
    ("\ud800\0", "\ud800"),
    ("ada@example.org" * 10_000, PASSWORD),
    ("gone@example.org", PASSWORD),
    ("new@example.org", PASSWORD),
    ("admin@localhost", PASSWORD),
]


def test_whatever_is_wrong_the_answer_is_the_same(house: House) -> None:
    house.join("Ada")
    local_person(house.store)
    house.people.deactivate(house.admin, house.person("Gone").id)
    house.people.invite(house.admin, "new@example.org", "New", "admin")
    answers = set()
    for email, password in WRONG:
        with pytest.raises(NotSignedIn) as refusal:
            house.sign_in.sign_in(email, password, HOME)
        answers.add(str(refusal.value))
    assert len(answers) == 1
    assert house.enter("Ada").session.person.name == "Ada"


def test_a_hash_with_old_parameters_is_replaced_at_the_next_sign_in(house: House) -> None:
    house.join("Ada")
    later = SignIn(house.store, Passwords(PasswordHasher(time_cost=2, memory_cost=8, parallelism=1)))
    ask = "SELECT password_hash FROM users WHERE email = 'ada@example.org'"
    [before] = house.ask(ask)
    for _ in range(2):
        found = at_once([partial(later.sign_in, "ada@example.org", PASSWORD, HOME)] * 4)
        assert [type(outcome).__name__ for outcome in found] == ["SignedIn"] * 4
    [after] = house.ask(ask)
    assert ("t=1" in before, "t=2" in after) == (True, True)
    assert house.enter("Ada").session.person.name == "Ada"


class Meanwhile(PasswordHasher):
    """Lets something happen between a password's check and the session it opens."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.happens: Callable[[], None] = lambda: None

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002
        fits = super().verify(hash, password)
        self.happens()
        return fits


@pytest.mark.parametrize("change", ["deactivate", "reset"])
def test_who_is_put_out_while_signing_in_stays_out(house: House, change: str) -> None:
    ada, hasher = house.person("Ada"), Meanwhile()
    sign_in = SignIn(house.store, Passwords(hasher))

    def put_out() -> None:
        if change == "deactivate":
            house.people.deactivate(house.admin, ada.id)
        else:
            house.sign_in.accept(house.people.reset(house.admin, ada.id).secret, OTHER, HOME)

    hasher.happens = put_out
    with pytest.raises(NotSignedIn):
        sign_in.sign_in("ada@example.org", PASSWORD, HOME)


def test_of_twenty_who_open_one_link_at_once_one_comes_in(house: House) -> None:
    link = house.people.invite(house.admin, "ada@example.org", "Ada", "operator")
    words = [f"{PASSWORD} {number}" for number in range(20)]
    found = at_once([partial(house.sign_in.accept, link.secret, word, HOME) for word in words])
    won = [word for word, outcome in zip(words, found, strict=True) if not isinstance(outcome, AppError)]
    assert len(won) == 1
    assert {type(outcome) for outcome in found if isinstance(outcome, AppError)} == {NotAllowed}
    assert house.enter("Ada", won[0]).session.person.name == "Ada"


def test_a_password_that_is_not_taken_does_not_use_up_the_link(house: House) -> None:
    link = house.people.invite(house.admin, "ada@example.org", "Ada", "operator")
    for weak in ("short", "ada@example.org"):
        with pytest.raises(InputError):
            house.sign_in.accept(link.secret, weak, HOME)
    assert house.sign_in.accept(link.secret, PASSWORD, HOME).session.person.name == "Ada"


@pytest.mark.parametrize(("kind", "days"), [("invite", 7), ("reset", 1)])
def test_a_link_ends(house: House, kind: str, days: int) -> None:
    ada = house.person("Ada")
    link = (
        house.people.reset(house.admin, ada.id)
        if kind == "reset"
        else house.people.invite(house.admin, "ben@example.org", "Ben", "operator")
    )
    with time_machine.travel(now() + timedelta(days=days, seconds=1)), pytest.raises(NotAllowed, match="expired"):
        house.sign_in.accept(link.secret, PASSWORD, HOME)
    with time_machine.travel(now() + timedelta(days=days, seconds=-60)):
        assert house.sign_in.accept(link.secret, PASSWORD, HOME).session.person.name in ("Ada", "Ben")


def test_what_is_no_link_opens_nothing(house: House) -> None:
    for text in ("", "ccl_", "x" * 1_000_000, "ccl_" + "A" * 43, "' OR '1'='1", "\0", "\ud800"):
        with pytest.raises(NotAllowed, match="Ask for a new one"):
            house.sign_in.accept(text, PASSWORD, HOME)


def test_a_reset_ends_every_browser_and_the_old_password(house: House) -> None:
    joined = house.join("Ada")
    link = house.people.reset(house.admin, joined.session.person.id)
    assert house.sessions.check(joined.cookie).person.name == "Ada"
    house.sign_in.accept(link.secret, OTHER, HOME)
    with pytest.raises(NotSignedIn):
        house.sessions.check(joined.cookie)
    with pytest.raises(NotSignedIn):
        house.enter("Ada")
    assert house.enter("Ada", OTHER).session.person.name == "Ada"


def test_changing_ones_password_keeps_this_browser_alone(house: House) -> None:
    here, there = house.join("Ada"), house.enter("Ada")
    house.sign_in.change_password(here.session, PASSWORD, OTHER)
    assert house.sessions.check(here.cookie).person.name == "Ada"
    with pytest.raises(NotSignedIn):
        house.sessions.check(there.cookie)
    assert house.enter("Ada", OTHER).session.person.name == "Ada"


def test_a_borrowed_browser_cannot_guess_the_password(house: House) -> None:
    here = house.join("Ada")
    refusals = []
    for number in itertools.count():
        with pytest.raises((InputError, TooManyRequests)) as refused:
            house.sign_in.change_password(here.session, f"guess {number}", OTHER)
        refusals.append(type(refused.value))
        if refusals[-1] is TooManyRequests:
            break
    assert refusals == [InputError] * 5 + [TooManyRequests]
    assert house.enter("Ada").session.person.name == "Ada"


def test_the_first_admin_inherits_what_was_done_without_sign_in(store: Store) -> None:
    local = local_person(store)
    first = open_house(store).admin
    assert first == Person(local.id, "Root", "admin")
    assert local_person(store).id != local.id


def test_of_several_consoles_one_sets_up_and_then_there_is_no_more_link(store: Store) -> None:
    house = open_house(store)
    assert house.people.set_up_link() is None
    house.run("UPDATE users SET joined_at = NULL")
    links = [house.people.set_up_link() for _ in range(4)]
    secrets = [link.secret for link in links if link is not None]
    assert len(secrets) == 4
    set_up = house.sign_in.set_up
    found = at_once(
        [
            partial(set_up, secret, f"a{number}@example.org", "A", PASSWORD, HOME)
            for number, secret in enumerate(secrets)
        ]
    )
    assert sorted(type(outcome).__name__ for outcome in found) == ["NotAllowed"] * 3 + ["SignedIn"]
    assert house.people.set_up_link() is None
    assert house.ask("SELECT count(*) FROM users WHERE role = 'admin' AND joined_at IS NOT NULL") == [1]


def test_links_of_one_kind_do_nothing_of_another(house: House) -> None:
    invitation = house.people.invite(house.admin, "ada@example.org", "Ada", "operator")
    with pytest.raises(NotAllowed):
        house.sign_in.set_up(invitation.secret, "eve@example.org", "Eve", PASSWORD, HOME)
    house.run("UPDATE users SET joined_at = NULL")
    link = house.people.set_up_link()
    assert link is not None
    with pytest.raises(NotAllowed):
        house.sign_in.accept(link.secret, PASSWORD, HOME)
    with pytest.raises(InputError, match="invited"):
        house.sign_in.set_up(link.secret, "ada@example.org", "Eve", PASSWORD, HOME)
    assert house.sign_in.set_up(link.secret, "eve@example.org", "Eve", PASSWORD, HOME).session.person.name == "Eve"


def test_nothing_hashes_for_a_link_that_is_no_good(sqlite_house: House) -> None:
    hashed: list[str] = []

    class Counting(Passwords):
        def hash(self, password: str, *, email: str = "") -> str:
            hashed.append(password)
            return super().hash(password, email=email)

    sign_in = SignIn(sqlite_house.store, Counting(QUICK))
    for attempt in (sign_in.accept, lambda *these: sign_in.set_up(these[0], "e@x", "E", *these[1:])):
        with pytest.raises(NotAllowed):
            attempt("ccl_" + "A" * 43, PASSWORD, Visit(""))
    assert hashed == []


def test_f4_a_reset_ends_api_tokens_too(house: House) -> None:
    person = house.join("Ada").session.person
    tokens = Tokens(house.store)
    made = tokens.create(person, TokenDraft("Hers", "operator", now() + timedelta(days=1)))
    link = house.people.reset(house.admin, person.id)
    assert tokens.check(made.secret).id == person.id, "until the link is used"
    house.sign_in.accept(link.secret, OTHER, HOME)
    with pytest.raises(NotSignedIn):
        tokens.check(made.secret)
