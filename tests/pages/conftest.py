"""The app on data of its own, answered by the simulator without pauses."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from core import wiring
from core.settings import Settings, settings


@pytest.fixture(autouse=True)
def own_data(monkeypatch: pytest.MonkeyPatch, sqlite_url: str, tmp_path: Path) -> Iterator[Path]:
    """The folder with the database; one failed attempt ends a turn."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setitem(Settings.model_config, "env_file", None)
    chosen = {"DATA_DIR": tmp_path, "DATABASE_URL": sqlite_url, "SIMULATOR_PACE": 0, "ATTEMPTS": 1, "DRAIN_SECONDS": 0}
    for name, value in chosen.items():
        monkeypatch.setenv(name, str(value))
    settings.cache_clear()
    yield tmp_path
    wiring.drain()
    settings.cache_clear()
