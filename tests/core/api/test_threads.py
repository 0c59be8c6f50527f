"""What asking takes of threads: each is a wait for the interpreter behind all who stream."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import routing
from fastapi.dependencies import utils

from core.api import caller
from core.chat.engine import Engine
from tests.core.api.programs import Program


@pytest.fixture
def in_threads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the functions that requests have threads run for them."""
    names = list[str]()
    for module in (utils, routing, caller):
        if (real := getattr(module, "run_in_threadpool", None)) is not None:

            async def noted(work: Callable[..., Any], /, *given: Any, _real: Any = real, **more: Any) -> Any:
                names.append(getattr(work, "__name__", str(work)))
                return await _real(work, *given, **more)

            monkeypatch.setattr(module, "run_in_threadpool", noted)
    return names


def test_a_message_takes_one_thread_and_no_way_to_the_engine_and_back(
    program: Program, in_threads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise AssertionError("nobody has to be asked there")

    monkeypatch.setattr(Engine, "call", refused)
    assert program.events("Hello [[say: Hi.]]")[-1].name == "done"
    assert len(in_threads) <= 1, in_threads


def test_who_shows_a_token_is_looked_up_in_a_thread(program: Program, in_threads: list[str]) -> None:
    """Only the database knows."""
    token = "cct_" + "x" * 43
    answer = program.http.get("/api/agents", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401
    assert "caller" in in_threads
