"""What people are told when a call fails."""

import anthropic
import httpx2
import pytest

from core.errors import ProviderError
from core.provider.anthropic.failures import provider_error
from core.provider.simulator.scripted import Script, failed
from core.provider.simulator.wire import Chunk, WireResponse
from tests.core.provider.wiring import ask, in_process, question

pytestmark = pytest.mark.anyio


async def told(status: int, kind: str, message: str, **extra: str) -> ProviderError:
    async with in_process(Script(failed(status, kind, message, headers=extra)), attempts=1) as provider:
        outcome = await ask(provider, question(model="claude-opus-5"))
    assert outcome.error is not None
    return outcome.error


@pytest.mark.parametrize(
    ("status", "kind", "message", "words"),
    [
        (401, "authentication_error", "invalid x-api-key", "valid key into ANTHROPIC_API_KEY"),
        (402, "billing_error", "payment", "Add credit"),
        (400, "invalid_request_error", "Your credit balance is too low to access the API", "Add credit"),
        (403, "permission_error", "no", "may not use the model claude-opus-5"),
        (404, "not_found_error", "model: claude-opus-5", "does not know the model claude-opus-5"),
        (413, "request_too_large", "too big", "Start a new conversation"),
        (
            400,
            "invalid_request_error",
            "prompt is too long: 2 tokens > 1 maximum",
            "longer than claude-opus-5 can read",
        ),
        (400, "invalid_request_error", "messages.0: {odd}", "It said: messages.0: {odd}"),
        (429, "rate_limit_error", "slow", "rate limit is reached. Your message is kept; send it again in a minute"),
        (529, "overloaded_error", "Overloaded", "overloaded at the moment"),
        (500, "api_error", "Internal", "problem of its own"),
        (504, "timeout_error", "late", "took too long to answer"),
    ],
)
async def test_every_failure_says_what_to_do(status: int, kind: str, message: str, words: str) -> None:
    error = await told(status, kind, message)
    assert words in error.for_user
    assert error.detail == message
    assert error.http_status == status


async def test_a_rate_limit_names_the_wait() -> None:
    error = await told(429, "rate_limit_error", "slow", **{"retry-after": "6.2"})
    assert "wait 7 s" in error.for_user
    assert error.retry_after == 6.2


async def test_the_wait_of_a_date_is_counted_from_now() -> None:
    error = await told(429, "rate_limit_error", "slow", **{"retry-after": "Fri, 01 Jan 2100 00:00:00 GMT"})
    assert error.retry_after is not None
    assert error.retry_after > 10**9


@pytest.mark.parametrize(
    ("status", "kind", "message", "code"),
    [
        (400, "prompt_too_long", "prompt is too long: 2 > 1", None),
        (400, "billing_error", "Your credit balance is too low", None),
        (429, "spend_limit_reached", "limit", "contract_spend_limit_reached"),
        (429, "spend_limit_reached", "limit", "linked_organization_spend_limit_reached"),
        (429, "rate_limit_error", "limit", "ramp_limit_exceeded"),
    ],
)
async def test_kinds_that_the_status_alone_does_not_tell(
    status: int, kind: str, message: str, code: str | None
) -> None:
    type_on_the_wire = "rate_limit_error" if status == 429 else "invalid_request_error"
    script = Script(failed(status, type_on_the_wire, message, code=code))
    async with in_process(script, attempts=1) as provider:
        outcome = await ask(provider)
    assert outcome.error is not None
    assert outcome.error.kind == kind


@pytest.mark.parametrize(
    ("error", "started", "kind"),
    [
        (httpx2.ConnectError("x"), False, "connection_error"),
        (httpx2.ConnectTimeout("x"), False, "connect_timeout"),
        (httpx2.PoolTimeout("x"), False, "connect_timeout"),
        (httpx2.ReadTimeout("x"), False, "timeout_error"),
        (httpx2.ReadTimeout("x"), True, "stream_silent"),
        (httpx2.WriteError("x"), False, "connection_error"),
        (httpx2.ReadError("x"), True, "stream_cut"),
        (httpx2.RemoteProtocolError("x"), True, "stream_cut"),
        (TimeoutError(), True, "turn_timeout"),
    ],
)
def test_failures_of_the_connection(error: Exception, started: bool, kind: str) -> None:
    plain = provider_error(error, model="m", started=started)
    assert (plain.kind, plain.http_status) == (kind, None)
    wrapped = anthropic.APIConnectionError(request=httpx2.Request("POST", "http://x"))
    wrapped.__cause__ = error
    assert provider_error(wrapped, model="m", started=started).kind == kind


async def test_a_gateways_page_is_a_passing_trouble_and_kept_short() -> None:
    page = WireResponse(502, {"content-type": "text/html"}, [Chunk(b"<html>" + b"x" * 5_000)])
    async with in_process(Script(page), attempts=1) as provider:
        outcome = await ask(provider)
    assert outcome.error is not None
    assert (outcome.error.kind, outcome.error.code) == ("http_502", "provider_busy")
    assert len(outcome.error.detail) == 500


async def test_a_page_in_place_of_the_api_points_to_the_address() -> None:
    page = WireResponse(200, {"content-type": "text/html"}, [Chunk(b"<html>Log in</html>")])
    async with in_process(Script(page), attempts=1) as provider:
        outcome = await ask(provider)
    assert outcome.error is not None
    assert (outcome.error.kind, outcome.error.code) == ("stream_incomplete", "provider_broken")
    assert "Check ANTHROPIC_BASE_URL" in outcome.error.for_user
