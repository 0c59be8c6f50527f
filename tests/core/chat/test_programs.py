"""What programs send counts once for each key, and nobody gets more than their share, on each database."""

import re
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import time_machine

from core.access.roles import Person
from core.chat.admission import KEPT
from core.chat.message_request import MessageRequest
from core.chat.turn import _STOPPED
from core.chat.turns import Turns
from core.clock import now
from core.errors import TRY_AGAIN, ConversationBusy, KeyReused, TooManyRequests
from core.provider.anthropic.failures import _TEXT
from core.store.database import Store
from core.store.programs import IdempotencyKey
from core.store.tables import TraceSpan
from core.wiring import Services
from tests.core.access.conftest import at_once
from tests.core.books.in_store import rows
from tests.core.books.test_sources import Elsewhere, a_trace
from tests.core.chat import crashing
from tests.core.chat.conftest import ended
from tests.core.chat.test_turns import SLOW
from tests.core.rows import Rows
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


@pytest.mark.each_database
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


@pytest.mark.each_database
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


@pytest.mark.each_database
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


def test_what_ran_elsewhere_is_no_message_of_the_day(make_services: Make) -> None:
    services = make_services(messages_per_day=1)
    for _ in range(3):
        Elsewhere(services.books).tell(a_trace(owner_id=services.me.id, started_at=now()))
    finish(services, post(services, key=None))


def failed(services: Services, text: str, key: str = "k") -> str:
    task_trace_id = post(services, text, key)
    turn = services.engine.turn(task_trace_id)
    assert turn is not None
    assert ended(turn).status == "failed"
    return task_trace_id


@pytest.mark.parametrize("fault", ["overloaded 1 times", "rate_limit 1 times", "cut after 3 1 times"])
def test_i3_a_failure_that_a_later_try_may_mend_frees_its_key(make_services: Make, fault: str) -> None:
    services = make_services(attempts=1)
    text = f"[[tokens: 20]] [[fault: {fault}]]"
    first = failed(services, text)
    again = post(services, text)
    assert again != first
    turn = services.engine.turn(again)
    assert turn is not None
    assert ended(turn).status == "completed"
    assert post(services, text) == again, "what succeeded is kept"


def test_i3_a_failure_that_no_try_mends_keeps_its_key(make_services: Make) -> None:
    services = make_services(attempts=1)
    text = "[[fault: authentication]]"
    assert failed(services, text) == post(services, text)


@pytest.mark.each_database
def test_i3_of_many_retries_at_once_one_runs_and_all_get_it(store: Store, make_services: Make) -> None:
    services = make_services(attempts=1)
    text = f"{SLOW} [[fault: overloaded 1 times]]"
    first = failed(services, text)
    with ThreadPoolExecutor(20) as pool:
        ids = set(pool.map(lambda _: post(services, text), range(20)))
    assert len(ids) == 1
    assert first not in ids
    assert services.traces.count(services.me) == 2
    finish(services, ids.pop())


@pytest.mark.each_database
def test_i3_two_that_read_the_same_failure_cannot_both_take_its_key(
    store: Store, make_services: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = make_services(attempts=1)
    text = f"{SLOW} [[fault: overloaded 1 times]]"
    failed(services, text)
    both_read, read = threading.Barrier(2), Turns._with_key

    def with_key(turns: Turns, wanted: MessageRequest) -> MessageRequest:
        found = read(turns, wanted)
        if found.once and found.once.instead_of:
            with suppress(threading.BrokenBarrierError):
                both_read.wait(2)
        return found

    monkeypatch.setattr(Turns, "_with_key", with_key)
    ids = at_once([lambda: post(services, text)] * 2)
    assert len(set(map(str, ids))) == 1
    assert services.traces.count(services.me) == 2
    finish(services, str(ids[0]))


def test_i3_what_people_are_told_to_send_again_programs_may_send_again() -> None:
    told = {kind for kind, words in _TEXT.items() if re.search(r"again|\{wait\}", words)}
    mended_elsewhere = {"billing_error", "spend_limit_reached", "unsendable_text", "not_begun"}
    assert told - mended_elsewhere <= TRY_AGAIN
    assert {kind for _, kind, words in _STOPPED.values() if "Press Retry" in words} <= TRY_AGAIN
