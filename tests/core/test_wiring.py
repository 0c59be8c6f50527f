"""The process's services: opened once, the same ones until they are closed, and then new ones."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.chat.turn import Turn
from core.errors import ShuttingDown
from core.settings import Settings, settings
from core.wiring import Services, drain, services, start


@pytest.fixture(autouse=True)
def _own_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setitem(Settings.model_config, "env_file", None)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setenv("DRAIN_SECONDS", "2")
    settings.cache_clear()
    yield
    drain()
    settings.cache_clear()


def _say(to: Services, text: str) -> Turn:
    return to.turns.send(owner=to.me, agent_id=to.agents.list(to.me)[0].id, text=text)


def test_many_that_ask_at_once_get_the_same_services() -> None:
    got: list[Services] = []
    threads = [threading.Thread(target=lambda: got.append(services())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    start()
    assert {id(one) for one in got} == {id(services())}
    assert len(got) == 8


def test_a_page_drawn_while_the_server_drains_takes_no_turn_from_those_that_end() -> None:
    before = services()
    turn = _say(before, "Tell me everything [[tokens: 3000]]")
    turn.get(after=1, timeout=10)
    draining = threading.Thread(target=drain)
    draining.start()
    draining.join(0.5)
    assert services() is before
    with pytest.raises(ShuttingDown):
        _say(before, "And me?")
    draining.join()
    assert turn.ended
    after = services()
    assert after is not before
    [row] = after.traces.page(after.me)
    assert (row.id, row.status) == (turn.id, "interrupted")


def test_draining_twice_waits_for_the_one_end() -> None:
    turn = _say(services(), "Tell me everything [[tokens: 3000]]")
    threads = [threading.Thread(target=drain) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
        assert turn.ended
