"""What programs send counts once for each key, and nobody gets more than their share, on each database."""

import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import time_machine

from core.access.roles import Person
from core.errors import ConversationBusy, KeyReused, TooManyRequests
from core.store.database import Store
from core.store.programs import IdempotencyKey
from core.store.tables import TraceSpan
from core.tracing.terms import KEPT
from core.wiring import Services
from tests.core.access.conftest import at_once
from tests.core.chat import crashing
from tests.core.chat.conftest import ended
from tests.core.chat.test_turns import SLOW
from tests.core.rows import Rows
from tests.core.tracing.in_store import rows
from tests.forked import forked

Make = Callable[..., Services]


def post(services: Services, text: str = "Hello", key: str | None = "k", **more: Any) -> str:
    given = {"owner": services.me, "agent_id": services.agents.list(services.me)[0].id, **more}
    return services.turns.post(text=text, key=key, **given)


def finish(services: Services, task_trace_id: str) -> None:
    turn = services.engine.turn(task_trace_id)
    assert turn is not None
    turn.stop()
    ended(turn)


@pytest.mark.parametrize("begun", [False, True])
def test_fifty_posts_of_one_key_at_once_are_one_message(store: Store, services: Services, begun: bool) -> None:
    conversation = None
    if begun:
        finish(services, post(services, key=None))
        conversation = services.traces.page(services.me)[0].conversation_id
    with ThreadPoolExecutor(50) as pool:
        ids = set(pool.map(lambda _: post(services, SLOW, conversation_id=conversation), range(50)))
    assert len(ids) == 1
    trace = services.traces.page(services.me)[0]
    assert trace.id in ids
    finish(services, trace.id)
    assert post(services, SLOW, conversation_id=conversation) == trace.id
    assert len(rows(store, TraceSpan)) == 1 + begun


def test_a_key_holds_for_its_message_and_its_owner_alone(services: Services) -> None:
    first = post(services)
    with pytest.raises(KeyReused):
        post(services, "Another")
    with pytest.raises(KeyReused):
        post(services, agent_id=services.agents.list(services.me)[1].id)
    ada = Person(Rows(services.store).person("Ada"), "Ada", "operator")
    assert len({first, post(services, owner=ada), post(services, key="other"), post(services, key=None)}) == 4


def test_after_a_day_a_key_is_new_and_old_ones_are_tidied(store: Store, services: Services) -> None:
    with time_machine.travel(datetime.now(UTC), tick=False) as clock:
        first, gone = post(services), post(services, key="gone")
        clock.shift(KEPT - timedelta(seconds=1))
        assert post(services) == first
        clock.shift(2)
        assert post(services) not in {first, gone}
        assert [row["key"] for row in rows(store, IdempotencyKey)] == ["k"]


def test_what_was_refused_keeps_no_key(store: Store, services: Services) -> None:
    first = post(services, SLOW, key=None)
    conversation = services.traces.page(services.me)[0].conversation_id
    for text in ("Something else", SLOW):
        with pytest.raises(ConversationBusy):
            post(services, text, conversation_id=conversation)
    assert rows(store, IdempotencyKey) == []
    finish(services, first)
    assert post(services, conversation_id=conversation) != first


def test_i3_a_program_that_asks_again_after_a_crash_is_answered(
    store: Store, tmp_path: Path, make_services: Make
) -> None:
    with forked(partial(crashing.main, commits=1, key="k"), store.url, tmp_path, SLOW) as process:
        assert process.ended() == -signal.SIGKILL
    services = make_services()
    [trace] = services.traces.page(services.me)
    again = post(services, SLOW)
    assert (trace.status, services.traces.count(services.me)) == ("interrupted", 2)
    assert post(services, SLOW) == again
    finish(services, again)


def test_t16_of_many_messages_at_once_exactly_as_many_run_as_may(make_services: Make) -> None:
    services = make_services(answers_at_once=3)
    outcomes = at_once([lambda n=n: post(services, f"{SLOW} {n}", key=None) for n in range(12)])  # type: ignore[misc]
    admitted = [each for each in outcomes if isinstance(each, str)]
    refused = [each for each in outcomes if isinstance(each, TooManyRequests)]
    assert (len(admitted), len(refused), services.traces.count(services.me)) == (3, 9, 3)
    assert {each.retry_after for each in refused} == {5}
    ada = Person(Rows(services.store).person("Ada"), "Ada", "operator")
    finish(services, post(services, SLOW, key=None, owner=ada))
    finish(services, admitted[0])
    finish(services, post(services, SLOW, key=None))
    for each in admitted[1:]:
        finish(services, each)


def test_t16_a_day_has_so_many_messages_and_ends_at_midnight_in_the_zone(make_services: Make) -> None:
    services = make_services(messages_per_day=2, time_zone="Pacific/Auckland")
    with time_machine.travel(datetime(2026, 11, 21, 10, 58, 59, tzinfo=UTC), tick=False) as clock:
        for _ in range(2):
            post(services, key=None)
        with pytest.raises(TooManyRequests, match="2 messages") as refused:
            services.turns.send(owner=services.me, agent_id=services.agents.list(services.me)[0].id, text="On the page")
        assert refused.value.retry_after == 61
        clock.shift(61)
        post(services, key=None)
