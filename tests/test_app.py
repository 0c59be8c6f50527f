"""Both doors of app.py: the pages a session sees, and the server's app with its lifespan."""

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.web.server.app_discovery import discover_asgi_app

from core import wiring
from core.place import PROJECT
from core.settings import Settings, settings

APP = PROJECT / "app.py"


@pytest.fixture
def _own_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setitem(Settings.model_config, "env_file", None)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    settings.cache_clear()
    yield
    wiring.drain()
    settings.cache_clear()


@pytest.mark.usefixtures("_own_data")
def test_a_session_sees_the_chat_first_and_can_go_to_every_page() -> None:
    app = AppTest.from_file(str(APP), default_timeout=30).run()
    assert not app.exception
    for page in ("agents", "traces", "chat"):
        app.switch_page(f"pages/{page}.py").run()
        assert not app.exception, page


def test_the_server_finds_its_app() -> None:
    found = discover_asgi_app(APP)
    assert (found.is_asgi_app, found.import_string) == (True, "app:app")


def test_the_server_is_set_up_to_give_nothing_away() -> None:
    config = tomllib.loads((PROJECT / ".streamlit" / "config.toml").read_text())
    assert (
        config["server"].items()
        >= {
            "headless": True,
            "enableAgentApi": False,
            "enableStaticServing": False,
            "fileWatcherType": "none",
            "maxUploadSize": 20,
            "maxWidgetStateSize": 2,
            "websocketPingInterval": 10,
        }.items()
    )
    assert config["server"]["allowedHosts"] == ["localhost", "127.0.0.1", "::1"]
    assert config["client"].items() >= {"showErrorDetails": "none", "toolbarMode": "minimal"}.items()
    assert config["runner"]["magicEnabled"] is False
    assert config["browser"]["gatherUsageStats"] is False
