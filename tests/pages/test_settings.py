"""The settings page and the cards of keys: what is entered is kept once, and shown to nobody again."""

import pytest
from streamlit.testing.v1 import AppTest

from core import wiring
from core.settings import settings
from tests.core.chat.keyring import FROM_ENVIRONMENT, ORGANISATIONS, OWN
from tests.pages.screen import ask, button, has_button, healthy, labelled, open_app, press, services, words

DATABASE_PASSWORD = "hunter2-of-the-database"


def own_card() -> None:
    from core.wiring import services
    from pages.parts.problems import show_kept_problem
    from pages.parts.provider_keys import draw_own_key

    show_kept_problem()
    draw_own_key(services())


def enter(app: AppTest, secret: str) -> AppTest:
    field = labelled(app.text_input, "Anthropic API key").set_value(secret)
    label = "Save key" if has_button(app, "Save key") else "Save the new key"
    press(app, label)
    assert secret not in str(app)
    assert secret not in str(app.session_state)
    assert labelled(app.text_input, "Anthropic API key").value == ""
    assert field.proto.type == field.proto.PASSWORD
    return app


@pytest.fixture
def _simulated(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key is tried with a provider, which a test has none of."""
    monkeypatch.setenv("PROVIDER", "simulated")
    settings.cache_clear()


@pytest.mark.usefixtures("_simulated")
def test_a_key_is_entered_replaced_and_removed_without_being_shown() -> None:
    app = enter(open_app("settings"), ORGANISATIONS)
    assert "`…0001`" in words(app)
    assert ":gray-badge[:material/help: Not tested]" in words(app)
    assert any("UTC by you" in caption.value for caption in app.caption)
    enter(app, OWN)
    assert [view.last_four for view in services().keys.list(services().me)] == ["0002"]
    for key in ("organisation-key-remove", "remove-key-now"):
        app.button(key="organisation-key-remove").click()
        healthy(app.button(key=key).click().run())
    assert services().keys.list(services().me) == []


def test_a_key_that_cannot_be_tried_is_kept_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
    settings.cache_clear()
    app = enter(healthy(AppTest.from_function(own_card, default_timeout=60).run()), OWN)
    assert "The provider could not be reached" in words(app)
    assert ":orange-badge[:material/warning: Test failed]" in words(app)
    assert [caption.value for caption in app.caption if "your own key" in caption.value]
    press(app, "Test again")
    assert "The provider could not be reached" in words(app)
    enter(app, "no key")
    assert "This is not a provider key" in app.error[0].value
    assert [view.last_four for view in services().keys.list(services().me)] == ["0002"]


def test_the_settings_are_listed_without_their_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", FROM_ENVIRONMENT)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", f"http://me:{DATABASE_PASSWORD}@127.0.0.1:9")
    settings.cache_clear()
    app = open_app("settings")
    listed = app.dataframe[0].value.set_index("Setting")
    assert listed.loc["ANTHROPIC_API_KEY"].tolist() == ["(secret)", True]
    assert listed.loc["ANTHROPIC_BASE_URL", "Value"] == "http://me:(secret)@127.0.0.1:9"
    assert listed.loc["PORT"].tolist() == ["8501", False]
    assert FROM_ENVIRONMENT not in str(app)
    assert DATABASE_PASSWORD not in str(app)


def test_pages_say_who_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    assert open_app().caption[0].value.startswith("**Simulated provider.**")
    monkeypatch.setenv("PROVIDER", "anthropic")
    wiring.drain()
    settings.cache_clear()
    app = open_app()
    assert app.caption[0].value.startswith("**No Anthropic API key for your messages.**")
    ask(app, "Hello")
    assert "No Anthropic API key configured" in app.warning[0].value
    assert services().traces.count(services().me) == 0
    assert button(app, "Send again")
