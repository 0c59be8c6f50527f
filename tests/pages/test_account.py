"""One's own account: the name, the password, where one is signed in, and tokens for programs."""

import pytest
from streamlit.testing.v1 import AppTest

from core.access.roles import Person
from core.errors import NotSignedIn
from tests.core.access.conftest import PASSWORD
from tests.pages.house import BROWSER, House, house
from tests.pages.screen import button, healthy, labelled, open_app, press, services, words

__all__ = ["house"]

BETTER = "five loud green geese"


def new_token(app: AppTest, name: str, role: str = "operator") -> str:
    """Fill in and send the dialog; the secret it shows."""
    button(app, "New token").click().run()
    app.text_input(key="token-name").set_value(name)
    app.radio(key="token-role").set_value(role)
    button(app, "Create token").click()
    healthy(button(app, "New token").click().run())
    return next(code.value for code in app.code if code.value.startswith("cct_"))


def change_password(app: AppTest, old: str, new: str, again: str) -> AppTest:
    for label, text in {"Current password": old, "New password": new, "The same again": again}.items():
        labelled(app.text_input, label).set_value(text)
    return press(app, "Change password")


def test_the_name_can_be_changed(house: House) -> None:
    app = house.open(house.join("Ada"))
    assert "ada@example.org · operator" in [each.value for each in app.text]
    app.text_input(key="own-name").set_value("Ada Byron").run()
    press(app, "Save")
    assert "Ada Byron" in [each.name for each in house.access.people.list(house.root.session.person)]


def test_a_password_is_changed_by_who_knows_it_and_other_browsers_are_out(house: House) -> None:
    ada = house.join("Ada")
    other = house.access.sign_in.sign_in("ada@example.org", PASSWORD, BROWSER)
    app = house.open(ada)
    assert "Current password is wrong" in change_password(app, "not this one", BETTER, BETTER).error[0].value
    assert "The two new passwords differ" in change_password(app, PASSWORD, BETTER, BETTER + "x").error[0].value
    assert "12 to 256" in change_password(app, PASSWORD, "short", "short").error[0].value
    assert house.access.sessions.check(other.cookie)
    change_password(app, PASSWORD, BETTER, BETTER)
    assert "is changed" in app.success[0].value
    with pytest.raises(NotSignedIn):
        house.access.sessions.check(other.cookie)
    assert house.access.sign_in.sign_in("ada@example.org", BETTER, BROWSER)


def test_other_browsers_are_listed_and_signed_out_one_by_one_or_together(house: House) -> None:
    ada = house.join("Ada")
    others = [house.access.sign_in.sign_in("ada@example.org", PASSWORD, BROWSER) for _ in range(3)]
    app = house.open(ada)
    assert words(app).count("**Firefox on Linux**") == 4
    assert words(app).count(":green-badge[This browser]") == 1
    healthy(app.button(key=f"end-{others[0].session.id}").click().run())
    assert words(app).count("**Firefox on Linux**") == 3
    press(app, "Sign out the others")
    assert words(app).count("**Firefox on Linux**") == 1
    assert house.access.sessions.check(ada.cookie)


def test_t8_a_token_is_shown_once_works_and_is_refused_when_revoked(house: House) -> None:
    app = house.open(house.join("Ada", "finance"))
    secret = new_token(app, "nightly report", "finance")
    found = house.access.bearer(secret)
    assert (found.name, found.role) == ("Ada", "finance")
    healthy(app.run())
    assert secret not in str(app)
    assert "**nightly report**" in words(app)
    press(app, "Revoke it")
    with pytest.raises(NotSignedIn):
        house.access.bearer(secret)
    assert "No API tokens yet." in [each.value for each in app.caption]


def test_nobody_is_offered_a_role_above_their_own(house: House) -> None:
    app = house.open(house.join("Ada"))
    button(app, "New token").click().run()
    assert app.radio(key="token-role").options == ["operator"]


def test_without_sign_in_tokens_can_still_be_made(own_data: object) -> None:
    app = open_app("account")
    secret = new_token(app, "curl")
    assert isinstance(services().access.bearer(secret), Person)
    assert "Password" not in [header.value for header in app.header]
