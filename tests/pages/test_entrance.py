"""Who comes in: whoever the cookie belongs to now, by the database, at every run."""

from datetime import timedelta

import pytest
import time_machine
from streamlit.testing.v1 import AppTest

from core.access.sessions import IDLE
from core.access.tokens import TokenDraft
from core.clock import now
from tests.pages.house import House, house
from tests.pages.screen import healthy, open_app, press, visit, words

__all__ = ["house"]


def is_outside(app: AppTest) -> bool:
    """The way in is there, and nothing else."""
    assert ("Sign in to go on" in words(app)) == any(each.label == "Sign in" for each in app.button)
    inside = [*app.chat_input, *app.selectbox, *app.sidebar.button, *app.title]
    assert ("Sign in to go on" in words(app)) == (inside == [])
    return not inside


@pytest.mark.parametrize("page", ["chat", "costs", "people", "account"])
def test_without_a_cookie_there_is_the_way_in_and_nothing_else(house: House, page: str) -> None:
    assert is_outside(open_app(page))


def test_who_is_signed_in_is_named_and_can_leave(house: House) -> None:
    ada = house.join("Ada")
    app = house.open(ada)
    assert "Signed in as operator" in [caption.value for caption in app.sidebar.caption]
    assert is_outside(press(app, "Sign out"))
    assert is_outside(house.open(ada))


def test_t21_no_cookie_but_a_living_one_of_ours_opens_anything(house: House) -> None:
    ada = house.join("Ada")
    old, token = house.join("Bob"), TokenDraft("t", "operator", now() + timedelta(days=1))
    house.access.sessions.sign_out(old.cookie)
    stolen = house.access.tokens.create(ada.session.person, token).secret
    forged = ["", "ccs_" + "A" * 43, ada.cookie[:-1], ada.cookie + "A", ada.cookie.swapcase(), "' OR 1=1 --", "\0"]
    app = open_app()
    for cookie in (*forged, old.cookie, stolen, ada.session.id):
        house.show(cookie)
        assert is_outside(app.run()), cookie
    house.show(ada.cookie)
    assert not is_outside(app.run())
    with time_machine.travel(now() + IDLE + timedelta(seconds=1), tick=False):
        assert is_outside(app.run())


def test_t21_whoever_takes_over_the_session_of_the_pages_finds_nothing_in_it(house: House) -> None:
    ada, bob = house.join("Ada"), house.join("Bob")
    app = house.open(ada, "chat")
    app.session_state["typed by Ada"] = "a secret"
    assert "typed by Ada" in healthy(app.run()).session_state
    house.show(bob.cookie)
    assert "typed by Ada" not in healthy(app.run()).session_state
    assert not is_outside(app)


def test_t10_a_lesser_role_holds_at_the_next_run(house: House) -> None:
    eve = house.join("Eve", "admin")
    app = house.open(eve, "people")
    assert "**Root**" in words(app)
    house.access.people.set_role(house.root.session.person, eve.session.person.id, "operator")
    assert "**Root**" not in words(healthy(app.run()))
    assert "You may not manage people" in app.error[0].value


def test_t10_who_was_put_out_does_nothing_more_and_keeps_what_was_typed(house: House) -> None:
    ada = house.join("Ada")
    app = house.open(ada, "chat")
    house.access.people.deactivate(house.root.session.person, ada.session.person.id)
    app.chat_input[0].set_value("my long question").run()
    assert is_outside(healthy(app))
    assert "my long question" in words(app)
    admin = house.root.session.person
    assert house.services.traces.page(admin, limit=10) == []


def test_without_sign_in_nothing_of_it_is_seen(own_data: object) -> None:
    app = open_app()
    assert [each for each in app.sidebar.caption if "Signed in" in each.value] == []
    visit(app, "account")
    assert [header.value for header in app.header] == ["API tokens", "Your Anthropic API key"]
