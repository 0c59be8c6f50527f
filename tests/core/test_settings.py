"""Settings: what is read, what is refused, and with which sentence."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import SetupError
from core.place import PROJECT
from core.settings import Settings, settings


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Neither this machine's environment nor its .env file has a say."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setitem(Settings.model_config, "env_file", None)
    settings.cache_clear()
    yield
    settings.cache_clear()


def test_without_any_setting_the_simulator_answers_from_the_data_folder_on_loopback() -> None:
    chosen = settings()
    assert (chosen.anthropic_api_key, chosen.provider) == (None, "auto")
    assert chosen.url == f"sqlite:///{PROJECT / 'data' / 'app.db'}"
    assert (chosen.bind_address, chosen.port) == ("127.0.0.1", 8501)


def test_the_environment_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "8600")
    assert settings().port == 8600
    monkeypatch.setenv("PORT", "8700")
    assert settings().port == 8600


def test_a_dotenv_file_is_read_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("PORT=8600\nTIME_ZONE=Europe/Berlin\nSOMETHING_ELSE=1\n")
    monkeypatch.setitem(Settings.model_config, "env_file", dotenv)
    monkeypatch.setenv("PORT", "8700")
    assert (settings().port, settings().time_zone) == (8700, "Europe/Berlin")


@pytest.mark.parametrize("blank", ["", "  "])
def test_a_blank_key_is_no_key(monkeypatch: pytest.MonkeyPatch, blank: str) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", blank)
    assert settings().anthropic_api_key is None


def test_a_blank_setting_is_an_absent_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_DIR", "")
    assert settings().data_dir == PROJECT / "data"


@pytest.mark.parametrize(("text", "seconds"), [("none", None), ("None ", None), ("0", 0), ("12.5", 12.5)])
def test_grace_is_seconds_or_none(monkeypatch: pytest.MonkeyPatch, text: str, seconds: float | None) -> None:
    monkeypatch.setenv("GRACE_SECONDS", text)
    assert settings().grace_seconds == seconds


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("PORT", "http", "valid integer"),
        ("PORT", "70000", "less than or equal to 65535"),
        ("BIND_ADDRESS", "localhost", "not an IP address"),
        ("PUBLIC_URL", "command.example.org", "not an address such as https://"),
        ("FORWARDED_ALLOW_IPS", "*", "not addresses such as 127.0.0.1"),
        ("FORWARDED_ALLOW_IPS", "127.0.0.1, ::/0", "must not be everybody"),
        ("TIME_ZONE", "Mars/Olympus", "not an IANA time zone"),
        ("PRICE_BOOK", "cheap", "'anthropic' or 'original'"),
        ("GRACE_SECONDS", "-1", "greater than or equal to 0"),
        ("DRAIN_SECONDS", "60", "less than or equal to 20"),
        ("PROVIDER", "openai", "'auto', 'anthropic' or 'simulated'"),
        ("OIDC_DISCOVERY_URL", "http://id.example.org", "begins with https://"),
        ("OIDC_GROUPS", "ops=root", "such as platform=admin"),
        ("OIDC_GROUPS", "=admin", "such as platform=admin"),
        ("OIDC_COOKIE_SECRET", "short", "at least 32 characters"),
        ("LOG_LEVEL", "loud", "'debug', 'info', 'warning' or 'error'"),
    ],
)
def test_a_bad_setting_is_named_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, problem: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SetupError) as caught:
        settings()
    said = caught.value.for_user
    assert said.startswith(f"The setting {name} is not usable: ")
    assert problem in said
    assert "\n" not in said


@pytest.mark.parametrize("beside", [{}, {"AUTH": "accounts"}, {"PUBLIC_URL": "https://command.example.org"}])
@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.0.2.1"])
def test_t26_others_are_let_in_only_with_sign_in_and_a_public_address(
    monkeypatch: pytest.MonkeyPatch, address: str, beside: dict[str, str]
) -> None:
    for name, value in {"BIND_ADDRESS": address, **beside}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SetupError, match="people must sign in: set AUTH=accounts"):
        settings()
    monkeypatch.setenv("AUTH", "accounts")
    monkeypatch.setenv("PUBLIC_URL", "https://command.example.org/")
    settings.cache_clear()
    assert (settings().bind_address, settings().address) == (address, "https://command.example.org")


def test_an_identity_provider_is_named_whole_and_with_an_admin(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "AUTH": ("oidc", "needs OIDC_DISCOVERY_URL"),
        "OIDC_DISCOVERY_URL": ("https://id.example.org/.well-known/openid-configuration", "needs OIDC_DISCOVERY_URL"),
        "OIDC_CLIENT_ID": ("command-center", "OIDC_CLIENT_SECRET"),
        "OIDC_CLIENT_SECRET": ("hush-hush", "needs an admin"),
        "OIDC_GROUPS": ("ledger=finance", "needs an admin"),
    }
    for name, (value, missing) in given.items():
        monkeypatch.setenv(name, value)
        with pytest.raises(SetupError, match=missing):
            settings()
    monkeypatch.setenv("OIDC_GROUPS", "ledger=finance, a=b=admin ,")
    assert settings().oidc_roles == {"ledger": "finance", "a=b": "admin"}
    assert "hush-hush" in settings().secrets


def test_a_refused_setting_does_not_repeat_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "sk-ant-pasted-into-the-wrong-place")
    with pytest.raises(SetupError) as caught:
        settings()
    assert "sk-ant" not in caught.value.for_user


def test_secrets_are_the_key_and_the_password_in_every_spelling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-1")
    monkeypatch.setenv("DATABASE_URL", "postgresql+psycopg://app:p%40ss@db/books")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "https://me:hunter2@gateway.example.org")
    assert set(settings().secrets) == {"sk-ant-1", "p%40ss", "p@ss", "hunter2"}
    shown = {name: value for name, value, _ in settings().shown}
    assert shown["ANTHROPIC_API_KEY"] == "(secret)"
    assert shown["DATABASE_URL"] == "postgresql+psycopg://app:(secret)@db/books"
    assert shown["ANTHROPIC_BASE_URL"] == "https://me:(secret)@gateway.example.org"
    assert "sk-ant-1" not in repr(settings())


def test_every_setting_is_described() -> None:
    undescribed = [name for name, field in Settings.model_fields.items() if not field.description]
    assert undescribed == []
