"""Inviting, changing roles, saying goodbye; and the admin who is always left."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from core.access.local import local_person
from core.access.people import People
from core.access.roles import Person
from core.access.sign_in import SignIn
from core.access.tokens import TokenDraft
from core.clock import now
from core.errors import AppError, InputError, NotAllowed, NotFound, NotSignedIn
from core.store.database import Store
from tests.core.access.conftest import HOME, PASSWORD, House, at_once, open_house

Change = Callable[[House, Person, str], object]
CHANGES: dict[str, Change] = {
    "invite": lambda house, by, who: house.people.invite(by, "new@example.org", "New", "operator"),
    "reset": lambda house, by, who: house.people.reset(by, who),
    "set_role": lambda house, by, who: house.people.set_role(by, who, "finance"),
    "deactivate": lambda house, by, who: house.people.deactivate(by, who),
    "reactivate": lambda house, by, who: house.people.reactivate(by, who),
}
HOSTILE = ["", "nobody", "' OR 1=1 --", "\0", "\ud800", "x" * 100_000]


@pytest.mark.parametrize("role", ["operator", "finance"])
def test_only_admins_manage_people(house: House, role: str) -> None:
    eve, ada = house.person("Eve", role), house.person("Ada")
    entries = len(house.audit.list(house.admin))
    for change in CHANGES.values():
        with pytest.raises(NotAllowed, match="manage people"):
            change(house, eve, ada.id)
    with pytest.raises(NotAllowed, match="manage people"):
        house.people.list(eve)
    assert len(house.audit.list(house.admin)) == entries


def test_an_admin_who_was_demoted_or_put_out_a_moment_ago_is_none(house: House) -> None:
    eve, ada = house.person("Eve", "admin"), house.person("Ada")
    house.people.set_role(house.admin, eve.id, "operator")
    for change in CHANGES.values():
        with pytest.raises(NotAllowed, match="manage people"):
            change(house, eve, ada.id)
    house.people.set_role(house.admin, eve.id, "admin")
    house.people.deactivate(house.admin, eve.id)
    for change in CHANGES.values():
        with pytest.raises(NotAllowed, match="any more"):
            change(house, eve, ada.id)


@pytest.mark.parametrize("change", [name for name in CHANGES if name != "invite"])
def test_nobody_there_is_said_plainly(house: House, change: str) -> None:
    for who in HOSTILE:
        with pytest.raises(NotFound, match="no such person"):
            CHANGES[change](house, house.admin, who)


def test_the_person_of_an_installation_without_sign_in_cannot_be_changed(house: House) -> None:
    local = local_person(house.store)
    for name, change in CHANGES.items():
        if name != "invite":
            with pytest.raises(InputError, match="without sign-in"):
                change(house, house.admin, local.id)
    assert house.state(local) == "local"


def test_an_invitation_can_be_made_anew_until_it_is_used(house: House) -> None:
    first = house.people.invite(house.admin, "ada@example.org", "Ada", "operator")
    second = house.people.invite(house.admin, "ADA@example.org", "Ada Byron", "finance")
    assert first.person_id == second.person_id
    with pytest.raises(NotAllowed):
        house.sign_in.accept(first.secret, PASSWORD, HOME)
    joined = house.sign_in.accept(second.secret, PASSWORD, HOME).session.person
    assert (joined.name, joined.role) == ("Ada Byron", "finance")
    with pytest.raises(InputError, match="Ada Byron already uses this address"):
        house.people.invite(house.admin, "ada@example.org", "Ada", "admin")


def test_who_has_not_joined_has_nothing_to_reset(house: House) -> None:
    link = house.people.invite(house.admin, "ada@example.org", "Ada", "operator")
    assert link.person_id is not None
    with pytest.raises(InputError, match="Invite that person again"):
        house.people.reset(house.admin, link.person_id)


def test_states_are_told_as_they_are(house: House) -> None:
    ada, ben = house.person("Ada"), house.person("Ben")
    house.people.invite(house.admin, "new@example.org", "New", "finance")
    house.people.deactivate(house.admin, ben.id)
    states = [(view.name, view.state) for view in house.people.list(house.admin)]
    assert states == [("Ada", "active"), ("New", "invited"), ("Root", "active"), ("Ben", "deactivated")]
    assert all(view.joined_at and view.last_seen_at for view in house.people.list(house.admin) if view.id == ada.id)


def test_who_is_put_out_is_out_at_once_and_everywhere(house: House) -> None:
    joined = house.join("Ada")
    ada = joined.session.person
    token = house.tokens.create(ada, TokenDraft("script", "operator", now() + timedelta(days=365)))
    link = house.people.reset(house.admin, ada.id)
    house.people.deactivate(house.admin, ada.id)
    for refused in (
        lambda: house.sessions.check(joined.cookie),
        lambda: house.tokens.check(token.secret),
        lambda: house.enter("Ada"),
    ):
        with pytest.raises(NotSignedIn):
            refused()
    with pytest.raises(NotAllowed):
        house.sign_in.accept(link.secret, PASSWORD, HOME)
    with pytest.raises(InputError, match="Reactivate"):
        house.people.reset(house.admin, ada.id)
    with pytest.raises(InputError, match="Reactivate"):
        house.people.invite(house.admin, "ada@example.org", "Ada", "admin")


def test_who_comes_back_signs_in_anew(house: House) -> None:
    joined = house.join("Ada")
    house.people.deactivate(house.admin, joined.session.person.id)
    house.people.reactivate(house.admin, joined.session.person.id)
    with pytest.raises(NotSignedIn):
        house.sessions.check(joined.cookie)
    assert house.enter("Ada").session.person == joined.session.person


def test_a_role_holds_from_the_next_thing_on(house: House) -> None:
    joined = house.join("Ada")
    house.people.set_role(house.admin, joined.session.person.id, "finance")
    assert house.sessions.check(joined.cookie).person.role == "finance"


def test_the_last_admin_can_neither_go_nor_step_down(house: House) -> None:
    house.people.invite(house.admin, "new@example.org", "New", "admin")
    gone = house.person("Gone", "admin")
    house.people.deactivate(house.admin, gone.id)
    with pytest.raises(InputError, match="only admin"):
        house.people.deactivate(house.admin, house.admin.id)
    with pytest.raises(InputError, match="only admin"):
        house.people.set_role(house.admin, house.admin.id, "operator")
    second = house.person("Second", "admin")
    house.people.set_role(house.admin, house.admin.id, "operator")
    with pytest.raises(InputError, match="only admin"):
        house.people.deactivate(second, second.id)


def test_the_last_admin_who_forgot_is_helped_at_the_console(house: House) -> None:
    link = house.people.rescue_link("Root@Example.org")
    house.sign_in.accept(link.secret, "herons are a forgettable bird", HOME)
    assert house.enter("Root", "herons are a forgettable bird").session.person == house.admin
    for nobody in ("nobody@example.org", "", "no address"):
        with pytest.raises(NotFound):
            house.people.rescue_link(nobody)


def test_admins_who_remove_each_other_at_once_leave_one(house: House) -> None:
    admins = [house.admin, *(house.person(f"Admin{number}", "admin") for number in range(4))]
    turns = [partial(house.people.deactivate, by, who.id) for by in admins for who in admins if by != who]
    found = at_once(turns)
    assert house.ask("SELECT count(*) FROM users WHERE role = 'admin' AND deactivated_at IS NULL") == [1]
    assert {type(outcome) for outcome in found if isinstance(outcome, AppError)} <= {NotAllowed, InputError}
    assert sum(outcome is None for outcome in found) >= 4


def test_one_address_invited_by_many_at_once_is_one_person(house: House) -> None:
    links = at_once([lambda: house.people.invite(house.admin, "ada@example.org", "Ada", "operator")] * 8)
    assert house.ask("SELECT count(*) FROM users WHERE email = 'ada@example.org'") == [1]
    good = [link for link in links if not isinstance(link, AppError) and _opens(house.sign_in, link.secret)]
    assert len(good) == 1


def _opens(sign_in: SignIn, secret: str) -> bool:
    try:
        sign_in.open_link(secret)
    except NotAllowed:
        return False
    return True


def test_anybody_can_change_their_own_name_and_nobody_elses(house: House) -> None:
    ada = house.person("Ada")
    house.people.rename(ada, "  Ada   Byron ")
    assert (house.people.own(ada).name, house.people.own(house.admin).name) == ("Ada Byron", "Root")
    house.people.rename(ada, "Ada Byron")
    renamed = [entry for entry in house.audit.list(house.admin) if entry.action == "renamed"]
    assert [(entry.actor_id, entry.detail) for entry in renamed] == [(ada.id, {"before": "Ada", "after": "Ada Byron"})]
    with pytest.raises(InputError):
        house.people.rename(ada, " ")
    with pytest.raises(NotAllowed):
        house.people.rename(replace(ada, token_id="some token"), "Eve")


def test_a_house_is_set_up_once_an_admin_can_come_in(store: Store) -> None:
    people = People(store)
    local_person(store)
    assert not people.is_set_up()
    open_house(store)
    assert people.is_set_up()
