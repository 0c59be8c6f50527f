"""How often programs may call."""

from datetime import UTC, datetime, timedelta

import time_machine

from core.api.guard.rates import Rates
from tests.core.api.guard.asking import Answer, Echo, ask

_START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def _call(app: Rates, token: str = "", host: str = "192.0.2.1", path: str = "/api/agents") -> Answer:
    return ask(app, path, headers={"authorization": f"Bearer {token}"} if token else {}, client=(host, 1))


def test_t16_a_flood_is_stopped_until_its_minute_is_over() -> None:
    app = Rates(Echo(), per_minute=5)
    with time_machine.travel(_START, tick=False) as clock:
        assert [_call(app, "a").status for _ in range(7)] == [200] * 5 + [429] * 2
        answer = _call(app, "a", path="/mcp/chat/stream")
        assert (answer.status, answer.headers["content-type"]) == (429, "application/problem+json")
        wait = int(answer.headers["retry-after"])
        assert wait == 60
        clock.shift(timedelta(seconds=wait))
        assert _call(app, "a").status == 200


def test_callers_do_not_spend_each_others_share() -> None:
    app = Rates(Echo(), per_minute=2)
    with time_machine.travel(_START, tick=False):
        for whose in ({"token": "a"}, {"token": "b"}, {"host": "192.0.2.2"}, {"host": "192.0.2.3"}):
            assert [_call(app, **whose).status for _ in range(3)] == [200, 200, 429]


def test_t16_a_new_token_each_time_does_not_help() -> None:
    app = Rates(Echo(), per_minute=2)
    with time_machine.travel(_START, tick=False):
        assert [_call(app, f"t{number}").status for number in range(21)] == [200] * 20 + [429]
        assert _call(app, "t0", host="192.0.2.2").status == 200


def test_pages_and_their_files_are_not_counted() -> None:
    app = Rates(Echo(), per_minute=1)
    assert {_call(app, path=path).status for path in ("/", "/static/a.js", "/apix", "/") * 3} == {200}
