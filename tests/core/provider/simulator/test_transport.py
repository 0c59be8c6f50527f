"""The transport inside the process keeps to time as a socket would."""

import time

import httpx2
import pytest

from core.provider.anthropic.client import open_provider
from core.provider.simulator.messages_api import Simulator
from core.provider.simulator.scripted import Script, streamed
from core.provider.simulator.transport import SimulatorTransport, WireTransport
from core.provider.simulator.wire import WireResponse
from tests.core.provider.wiring import PATIENCE, WHOLE, Connect, ask, question, settings

pytestmark = pytest.mark.anyio


async def test_a_pause_longer_than_the_clients_patience_is_a_time_out(connect: Connect) -> None:
    async with connect(Script(streamed(WHOLE, gap=30)), read_seconds=PATIENCE) as provider:
        started = time.monotonic()
        outcome = await ask(provider)
    assert outcome.error is not None
    assert outcome.error.kind == "stream_silent"
    assert time.monotonic() - started < 20


async def test_tokens_come_at_the_ordered_rate(connect: Connect) -> None:
    async with connect(Simulator(pace=0)) as provider:
        started = time.monotonic()
        outcome = await ask(provider, question("[[tokens: 50]] [[rate: 100]]"))
        elapsed = time.monotonic() - started
    assert len(outcome.events) == 53
    assert elapsed >= 0.5


async def test_a_refused_connection_is_one() -> None:
    async with httpx2.AsyncClient(transport=WireTransport(Script(WireResponse(None)))) as client:
        with pytest.raises(httpx2.ConnectError):
            await client.post("http://x/v1/messages", json={})


async def test_without_pauses_an_answer_is_there_at_once() -> None:
    provider = open_provider(settings(), SimulatorTransport(pace=0))
    started = time.monotonic()
    outcome = await ask(provider, question("[[tokens: 2000]]"))
    await provider.close()
    assert outcome.reply.usage["output_tokens"] == 2_000
    assert time.monotonic() - started < 20
