"""What is sure to fail is not tried, and a ping is not life."""

import asyncio

import pytest

from core.errors import ProviderBroken, ProviderBusy, ProviderRefused
from core.provider.simulator.scripted import Script, failed, streamed
from tests.core.provider.wiring import PATIENCE, WHOLE, Connect, ask, question

pytestmark = pytest.mark.anyio

PING = b'event: ping\ndata: {"type": "ping"}\n\n'
COMMENT = b": keep-alive\n\n"
STRANGER = b'event: weather\ndata: {"type": "weather"}\n\n'
EMPTY = (
    b"event: content_block_delta\n"
    b'data: {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": ""}}\n\n'
)


async def test_c10_a_wait_longer_than_the_cap_is_not_cut_short_in_vain(connect: Connect) -> None:
    script = Script(failed(429, "rate_limit_error", "slow", headers={"retry-after": "3600"}), streamed(WHOLE))
    async with connect(script, retry_after_cap_seconds=20) as provider:
        outcome = await ask(provider)
    assert isinstance(outcome.error, ProviderBusy)
    assert (outcome.attempts, len(script.requests), outcome.error.retry_after) == ([1], 1, 3600)
    assert "3600 s" in outcome.error.for_user


async def test_c10_a_wait_beyond_what_is_left_of_the_answers_time_is_not_begun(connect: Connect) -> None:
    script = Script(failed(429, "rate_limit_error", "slow", headers={"retry-after": "15"}), streamed(WHOLE))
    async with connect(script, retry_after_cap_seconds=20) as provider:
        with pytest.raises(ProviderBusy):
            [event async for event in provider.stream(question(), 10)]
    assert len(script.requests) == 1


SURE = [
    failed(413, "request_too_large", "too large"),
    failed(429, "rate_limit_error", "You have reached your specified API usage limits."),
    failed(429, "insufficient_quota", "You exceeded your current quota, please check your plan and billing."),
    failed(403, "permission_error", "Your credit balance is too low to access the API."),
    failed(400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"),
]


@pytest.mark.parametrize("answer", SURE, ids=range(len(SURE)))
async def test_c10_what_is_sure_to_fail_is_not_tried_again(connect: Connect, answer) -> None:  # type: ignore[no-untyped-def]
    script = Script(answer, streamed(WHOLE))
    async with connect(script) as provider:
        outcome = await ask(provider)
    assert isinstance(outcome.error, ProviderRefused)
    assert len(script.requests) == 1


@pytest.mark.parametrize("sign", [PING, COMMENT, STRANGER, EMPTY], ids=["ping", "comment", "stranger", "empty"])
@pytest.mark.parametrize("begun", [True, False], ids=["begun", "not begun"])
async def test_c10_signs_of_life_without_content_do_not_keep_an_answer_alive(
    connect: Connect, sign: bytes, begun: bool
) -> None:
    if sign is EMPTY and not begun:
        return
    first = [*WHOLE[:3]] if begun else []
    script = Script(streamed([*first, *[sign] * 400], gap=0.02, end="hang"))
    async with connect(script, read_seconds=PATIENCE, attempts=1) as provider:
        outcome = await asyncio.wait_for(ask(provider), 7)
    assert outcome.error is not None
    assert outcome.error.kind == ("stream_silent" if begun else "timeout_error")
    assert isinstance(outcome.error, ProviderBroken if begun else ProviderBusy)


async def test_c10_content_that_comes_slowly_is_life(connect: Connect) -> None:
    script = Script(streamed([event for each in WHOLE for event in (each, PING)], gap=0.15))
    async with connect(script, read_seconds=1.5) as provider:
        assert (await ask(provider)).ended
