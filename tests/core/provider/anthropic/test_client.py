"""Tries and waits, and what stops the start."""

import asyncio
import time

import pytest
from pydantic import SecretStr

from core.errors import ProviderBroken, ProviderBusy, ProviderRefused, SetupError
from core.provider.anthropic.client import open_provider
from core.provider.request import CallKey
from core.provider.simulator.messages_api import Simulator
from core.provider.simulator.scripted import Script, failed, streamed
from core.provider.simulator.server import SimulatorServer
from core.provider.simulator.wire import Chunk, WireResponse
from core.provider.stream import AttemptStarting
from tests.core.provider.wiring import CALL_KEY, KEY, PATIENCE, WHOLE, Connect, ask, question, settings

pytestmark = pytest.mark.anyio


async def test_the_call_is_made_only_when_the_consumer_goes_on(connect: Connect) -> None:
    script = Script(streamed(WHOLE))
    async with connect(script) as provider:
        stream = provider.stream(question())
        assert await anext(stream) == AttemptStarting(1)
        await asyncio.sleep(0.02)
        assert script.requests == []
        await anext(stream)
        assert len(script.requests) == 1
        await stream.aclose()


BUSY = [
    (408, "timeout_error"),
    (409, "conflict_error"),
    (429, "rate_limit_error"),
    (500, "api_error"),
    (503, "api_error"),
    (504, "timeout_error"),
    (529, "overloaded_error"),
]
REFUSED = [
    (400, "invalid_request_error"),
    (401, "authentication_error"),
    (402, "billing_error"),
    (403, "permission_error"),
    (404, "not_found_error"),
    (413, "request_too_large"),
    (422, "invalid_request_error"),
]


@pytest.mark.parametrize(("status", "kind"), BUSY)
async def test_a_passing_trouble_is_told_and_tried_again(connect: Connect, status: int, kind: str) -> None:
    script = Script(failed(status, kind, "not now"), streamed(WHOLE))
    async with connect(script) as provider:
        outcome = await ask(provider)
    assert outcome.kinds[:3] == ["AttemptStarting", "AttemptFailed", "AttemptStarting"]
    assert outcome.attempts == [1, 2]
    assert (outcome.failures[0].attempt, outcome.failures[0].error.kind) == (1, kind)
    assert isinstance(outcome.failures[0].error, ProviderBusy)
    assert outcome.shown == "Hello!"
    assert len(script.requests) == 2


@pytest.mark.parametrize(("status", "kind"), REFUSED)
async def test_what_no_retry_mends_is_not_retried(connect: Connect, status: int, kind: str) -> None:
    script = Script(failed(status, kind, "no"), streamed(WHOLE))
    async with connect(script) as provider:
        outcome = await ask(provider)
    assert isinstance(outcome.error, ProviderRefused)
    assert (outcome.error.kind, outcome.error.http_status, outcome.error.detail) == (kind, status, "no")
    assert outcome.error.request_id == "req_scripted"
    assert len(script.requests) == 1


async def test_a_spend_limit_is_a_429_that_is_not_retried(connect: Connect) -> None:
    script = Script(failed(429, "rate_limit_error", "limit reached", code="enforced_spend_limit_reached"))
    async with connect(script) as provider:
        outcome = await ask(provider)
    assert isinstance(outcome.error, ProviderRefused)
    assert outcome.error.kind == "spend_limit_reached"
    assert len(script.requests) == 1


async def test_the_last_failure_is_raised_when_all_attempts_are_used(connect: Connect) -> None:
    script = Script(*(failed(529, "overloaded_error", "Overloaded") for _ in range(4)))
    async with connect(script, attempts=3) as provider:
        outcome = await ask(provider)
    assert outcome.attempts == [1, 2, 3]
    assert [failure.attempt for failure in outcome.failures] == [1, 2]
    assert isinstance(outcome.error, ProviderBusy)
    assert len(script.requests) == 3


@pytest.mark.parametrize(
    ("headers", "cap", "waited"),
    [
        ({"retry-after": "0.05"}, 20, 0.05),
        ({"retry-after-ms": "30", "retry-after": "9"}, 20, 0.03),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 20, 0.0),
    ],
    ids=["seconds", "milliseconds", "a date"],
)
async def test_retry_after_is_obeyed_within_the_cap(
    connect: Connect, headers: dict[str, str], cap: float, waited: float
) -> None:
    script = Script(failed(429, "rate_limit_error", "slow down", headers=headers), streamed(WHOLE))
    async with connect(script, retry_after_cap_seconds=cap) as provider:
        started = time.monotonic()
        outcome = await ask(provider)
    assert outcome.failures[0].wait_seconds == waited
    assert time.monotonic() - started >= waited
    assert outcome.ended


@pytest.mark.parametrize("value", ["soon", "nan", "inf", ""])
async def test_a_retry_after_that_is_no_time_counts_as_none(connect: Connect, value: str) -> None:
    script = Script(failed(429, "rate_limit_error", "slow down", headers={"retry-after": value}), streamed(WHOLE))
    async with connect(script) as provider:
        outcome = await ask(provider)
    assert outcome.failures[0].error.retry_after is None
    assert outcome.ended


async def test_without_retry_after_the_waits_grow(connect: Connect) -> None:
    script = Script(*(failed(500, "api_error", "oops") for _ in range(3)))
    async with connect(script, retry_after_cap_seconds=20) as provider:
        outcome = await ask(provider)
    first, second = (failure.wait_seconds for failure in outcome.failures)
    assert 0.5 <= first <= 1.0 <= second <= 1.5


@pytest.mark.parametrize(("word", "requests"), [("false", 1), ("true", 2)])
async def test_the_api_has_the_last_word_on_retrying(connect: Connect, word: str, requests: int) -> None:
    status = 529 if word == "false" else 400
    script = Script(failed(status, "api_error", "?", headers={"x-should-retry": word}), streamed(WHOLE))
    async with connect(script) as provider:
        await ask(provider)
    assert len(script.requests) == requests


BEFORE_THE_FIRST_EVENT = {
    "refused": WireResponse(None),
    "cut": streamed([], end="cut"),
    "eof": streamed([]),
    "silence": streamed([], end="hang"),
    "unanswered": WireResponse(None, end="hang"),
    "garbled": streamed([b"event: message_start\ndata: {{{\n\n"]),
    "error event": streamed([b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error"}}\n\n']),
    "html": WireResponse(502, {"content-type": "text/html"}, [Chunk(b"<html>Bad Gateway</html>")]),
    "html with 200": WireResponse(200, {"content-type": "text/html"}, [Chunk(b"<html>Log in</html>")]),
    "disorder": streamed(WHOLE[1:]),
}


@pytest.mark.parametrize("fault", BEFORE_THE_FIRST_EVENT)
async def test_anything_that_fails_before_the_first_event_is_tried_again(connect: Connect, fault: str) -> None:
    script = Script(BEFORE_THE_FIRST_EVENT[fault], streamed(WHOLE))
    async with connect(script, read_seconds=PATIENCE if fault in ("silence", "unanswered") else 60) as provider:
        outcome = await ask(provider)
    assert outcome.attempts == [1, 2]
    assert outcome.shown == "Hello!"


async def test_the_cap_holds_before_the_first_event_and_is_not_retried(connect: Connect) -> None:
    script = Script(WireResponse(None, end="hang"), streamed(WHOLE))
    async with connect(script, turn_seconds=0.5) as provider:
        outcome = await ask(provider)
    assert outcome.error is not None
    assert outcome.error.kind == "turn_timeout"
    assert outcome.attempts == [1]


async def test_no_wait_goes_beyond_the_cap(connect: Connect) -> None:
    busy = failed(429, "rate_limit_error", "slow down", headers={"retry-after": "30"})
    async with connect(Script(busy, streamed(WHOLE)), turn_seconds=5, retry_after_cap_seconds=20) as provider:
        outcome = await ask(provider)
    assert outcome.attempts == [1]
    assert isinstance(outcome.error, ProviderBusy)
    assert outcome.error.retry_after == 30


@pytest.mark.parametrize("where", ["before headers", "between tries"])
async def test_cancelling_ends_the_attempts_too(connect: Connect, where: str) -> None:
    first = WireResponse(None, end="hang") if where == "before headers" else failed(500, "api_error", "oops")
    script = Script(first, streamed(WHOLE))
    async with connect(script, retry_after_cap_seconds=20) as provider:
        task = asyncio.create_task(ask(provider))
        for _ in range(1_000):
            if script.requests:
                break
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert len(script.requests) == 1


async def test_a_port_where_nobody_listens_is_told_as_never_sent() -> None:
    async with SimulatorServer(Script()) as server:
        dead = server.url
    provider = open_provider(settings(anthropic_base_url=dead, attempts=2))
    outcome = await ask(provider)
    await provider.close()
    assert isinstance(outcome.error, ProviderBusy)
    assert (outcome.error.kind, outcome.passages[0].sent_at) == ("connection_error", None)
    assert outcome.attempts == [1, 2]


async def test_the_key_is_sent_but_never_told(connect: Connect) -> None:
    script = Script(failed(401, "authentication_error", f"invalid key {KEY}"))
    async with connect(script) as provider:
        outcome = await ask(provider)
    assert script.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert outcome.error is not None
    assert KEY not in f"{outcome.error.detail} {outcome.error.for_user} {outcome.error!r}"
    assert "ANTHROPIC_API_KEY" in outcome.error.for_user


async def test_calls_with_different_keys_share_one_connection() -> None:
    async with SimulatorServer(Script(streamed(WHOLE), streamed(WHOLE), streamed(WHOLE))) as server:
        provider = open_provider(settings(anthropic_base_url=server.url))
        for secret in ("sk-ant-one", "sk-ant-two", "sk-ant-one"):
            assert (await ask(provider, question(key=CallKey(SecretStr(secret), "own")))).ended
        assert len(server.connections) == 1
        assert isinstance(server.answers, Script)
        sent = [request.headers["authorization"] for request in server.answers.requests]
        assert sent == [f"Bearer sk-ant-{name}" for name in ("one", "two", "one")]
        await provider.close()


async def test_a_key_is_checked_by_a_call_that_costs_nothing(connect: Connect) -> None:
    async with connect(Simulator()) as provider:
        await provider.check(CALL_KEY)
        with pytest.raises(ProviderRefused) as refusal:
            await provider.check(CallKey(SecretStr("sk-ant-wrong"), "own"))
    assert (refusal.value.kind, "sk-ant-wrong" in repr(refusal.value)) == ("authentication_error", False)


async def test_what_answers_a_check_without_a_list_of_models_is_no_api(connect: Connect) -> None:
    for body in (b"<html>Log in</html>", b"[]", b"{}", b""):
        async with connect(Script(WireResponse(200, {"content-type": "text/html"}, [Chunk(body)]))) as provider:
            with pytest.raises(ProviderBroken):
                await provider.check(CALL_KEY)


def test_a_key_is_never_shown_by_what_carries_it() -> None:
    assert KEY not in f"{CALL_KEY} {question()!r}"


@pytest.mark.parametrize("key", ["sk ant", "schlüssel", "a\nb"])
def test_a_key_that_cannot_be_one_stops_the_start(key: str) -> None:
    with pytest.raises(SetupError, match="ANTHROPIC_API_KEY"):
        open_provider(settings(anthropic_api_key=key))


@pytest.mark.parametrize("address", ["localhost", "ftp://host", "http://", "http://host:port"])
def test_an_address_that_is_none_stops_the_start(address: str) -> None:
    with pytest.raises(SetupError, match="ANTHROPIC_BASE_URL"):
        open_provider(settings(anthropic_base_url=address))


async def test_without_a_key_the_simulator_answers() -> None:
    provider = open_provider(settings(simulator_pace=0))
    outcome = await ask(provider, question("What is tea?", key=None))
    await provider.close()
    assert "tea" in outcome.reply.text
    assert outcome.reply.complete


async def test_a_text_that_no_encoding_takes_is_refused_unsent(connect: Connect) -> None:
    script = Script()
    async with connect(script) as provider:
        outcome = await ask(provider, question("\ud800"))
    assert isinstance(outcome.error, ProviderRefused)
    assert (outcome.error.kind, outcome.passages[0].sent_at) == ("unsendable_text", None)
    assert script.requests == []


async def test_a_model_about_to_retire_still_answers(connect: Connect) -> None:
    async with connect(Script(streamed(WHOLE))) as provider:
        outcome = await ask(provider, question(model="claude-sonnet-4-5"))
    assert outcome.ended
