"""The page of who belongs here: inviting, roles, goodbyes, and what somebody has open."""

import re

import pytest
from streamlit.testing.v1 import AppTest

from core.access.people import PersonView
from core.errors import NotSignedIn
from tests.core.access.conftest import PASSWORD
from tests.pages.house import BROWSER, House, house
from tests.pages.screen import button, healthy, press, words

__all__ = ["house"]


def person(house: House, name: str) -> PersonView:
    return next(each for each in house.access.people.list(house.root.session.person) if each.name == name)


def invite(app: AppTest, name: str, email: str, role: str = "operator") -> AppTest:
    """Fill in and send the dialog."""
    button(app, "Invite somebody").click().run()
    app.text_input(key="invite-name").set_value(name)
    app.text_input(key="invite-email").set_value(email)
    app.radio(key="invite-role").set_value(role)
    button(app, "Make the invitation").click()
    return healthy(button(app, "Invite somebody").click().run())


def link_in(app: AppTest) -> str:
    [secret] = re.findall(
        r"http://localhost:8501/join\?link=(ccl_[\w-]{43})", "\n".join(each.value for each in app.code)
    )
    return str(secret)


def open_person(house: House, name: str) -> AppTest:
    app = house.open(house.root, "people")
    return healthy(app.button(key=f"open-{person(house, name).id}").click().run())


def test_an_invitation_is_a_link_that_is_shown_once_and_lets_in(house: House) -> None:
    app = invite(house.open(house.root, "people"), "Ada", "Ada@Example.org", "finance")
    secret = link_in(app)
    joined = house.access.sign_in.accept(secret, PASSWORD, BROWSER)
    assert (joined.session.person.name, joined.session.person.role) == ("Ada", "finance")
    assert secret not in str(healthy(app.run()))
    assert "**Ada**" in words(app)


def test_what_cannot_be_invited_is_said_and_kept(house: House) -> None:
    app = invite(house.open(house.root, "people"), "Ada", "not an address")
    assert "This is not an e" in app.error[0].value
    assert app.text_input(key="invite-email").value == "not an address"
    invite(app, "Root again", "root@example.org")
    assert "already uses this address" in app.error[0].value


def test_a_role_is_changed_after_a_second_click(house: House) -> None:
    ada = house.join("Ada")
    app = open_person(house, "Ada")
    assert not any(each.label == "Change role" for each in app.button)
    app.radio(key=f"role-{ada.session.person.id}-operator").set_value("finance").run()
    assert house.access.sessions.check(ada.cookie).person.role == "operator"
    press(app, "Make finance")
    assert house.access.sessions.check(ada.cookie).person.role == "finance"


def test_the_last_admin_cannot_be_put_out(house: House) -> None:
    app = open_person(house, "Root")
    healthy(app.button(key="deactivate").click().run())
    assert "the only admin" in app.error[0].value
    assert person(house, "Root").state == "active"


def test_who_is_deactivated_is_out_at_once_and_can_be_let_back_in(house: House) -> None:
    ada = house.join("Ada")
    app = open_person(house, "Ada")
    healthy(app.button(key="deactivate").click().run())
    with pytest.raises(NotSignedIn):
        house.access.sessions.check(ada.cookie)
    assert ":gray-badge[Deactivated]" in words(app)
    healthy(app.button(key="reactivate").click().run())
    assert house.access.sign_in.sign_in("ada@example.org", PASSWORD, BROWSER)


def test_a_new_password_is_chosen_with_a_link(house: House) -> None:
    house.join("Ada")
    app = press(open_person(house, "Ada"), "New password")
    assert house.access.sign_in.accept(link_in(app), "five loud green geese", BROWSER)


def test_somebodys_sessions_and_tokens_can_be_ended(house: House) -> None:
    ada = house.join("Ada")
    app = open_person(house, "Ada")
    healthy(app.button(key=f"end-{ada.session.id}").click().run())
    with pytest.raises(NotSignedIn):
        house.access.sessions.check(ada.cookie)
    assert "Signed in nowhere." in [each.value for each in app.caption]


@pytest.mark.parametrize("role", ["operator", "finance"])
@pytest.mark.parametrize("page", ["people", "audit"])
def test_others_than_admins_see_nobody(house: House, role: str, page: str) -> None:
    house.join("Sue")
    app = house.open(house.join("Eve", role), page)
    assert "Sue" not in words(app)
    assert "You may not" in app.error[0].value


def test_l1_a_person_in_the_address_who_is_not_here_is_said(house: House) -> None:
    for there, said in (("nobody", True), (person(house, "Root").id, False)):
        app = house.open(house.root, "people", person=there)
        assert any("Nobody here matches this address." in each.value for each in app.warning) is said
