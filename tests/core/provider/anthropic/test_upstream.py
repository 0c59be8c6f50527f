"""The stream itself: whole, failing after any event, endless, abandoned, and many at once."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from core.errors import ProviderBroken, ProviderBusy, ProviderRefused
from core.events import TextDelta
from core.provider.anthropic.client import open_provider
from core.provider.simulator.messages_api import Simulator
from core.provider.simulator.scripted import Script, ending, message_start, streamed
from core.provider.simulator.server import SimulatorServer
from core.provider.simulator.transport import WireTransport
from core.provider.simulator.wire import WireRequest, WireResponse
from tests.core.provider.wiring import PATIENCE, WHOLE, Connect, ask, question, settings

pytestmark = pytest.mark.anyio


async def test_an_answer_arrives_in_order_and_complete(connect: Connect) -> None:
    async with connect(Script(streamed(WHOLE))) as provider:
        outcome = await ask(provider)
    assert outcome.kinds == ["AttemptStarting", "ReplyStarted", "TextDelta", "ReplyEnded"]
    assert outcome.shown == outcome.reply.text == "Hello!"
    assert outcome.reply.complete
    assert outcome.reply.stop_reason == "end_turn"
    assert outcome.reply.request_id == "req_scripted"
    assert outcome.reply.usage == {"input_tokens": 10, "output_tokens": 3}


ENDS: dict[str, tuple[Any, str]] = {
    "cut": ("cut", "stream_cut"),
    "eof": ("clean", "stream_incomplete"),
    "silence": ("hang", "stream_silent"),
}


@pytest.mark.parametrize("fault", ENDS)
@pytest.mark.parametrize("after", range(1, len(WHOLE)))
async def test_a_stream_that_fails_after_any_event_keeps_what_came(connect: Connect, fault: str, after: int) -> None:
    end, kind = ENDS[fault]
    script = Script(streamed(WHOLE[:after], end=end, gap=0.001), streamed(WHOLE))
    async with connect(script, read_seconds=PATIENCE if fault == "silence" else 60) as provider:
        outcome = await ask(provider)
    texts = [event["delta"]["text"] for event in WHOLE[:after] if event["type"] == "content_block_delta"]
    assert isinstance(outcome.error, ProviderBroken)
    assert outcome.error.kind == kind
    assert outcome.error.request_id == "req_scripted"
    assert outcome.reply.text == outcome.shown == "".join(texts)
    assert outcome.reply.usage["input_tokens"] == 10
    assert outcome.reply.usage["output_tokens"] == (3 if after == len(WHOLE) - 1 else 1)
    assert not outcome.reply.complete
    assert len(script.requests) == 1


@pytest.mark.parametrize(
    ("spoilt", "kind"),
    [
        (b'event: content_block_delta\ndata: {"type":"content_bl\n\n', "stream_garbled"),
        (b'event: content_block_delta\ndata: "text"\n\n', "stream_garbled"),
        (b"event: content_block_delta\ndata: \xff\xfe\n\n", "stream_garbled"),
        (
            b'event: content_block_delta\ndata: {"type":"content_block_delta","index":7,"delta":{}}\n\n',
            "stream_garbled",
        ),
        (b'event: message_start\ndata: {"type":"message_start","message":{"model":"x"}}\n\n', "stream_garbled"),
        (b'event: message_stop\ndata: {"type":"message_stop"}\n\n', "stream_garbled"),
    ],
    ids=["half JSON", "no object", "no UTF-8", "unknown block", "second start", "stop without a reason"],
)
async def test_what_cannot_be_read_breaks_the_stream(connect: Connect, spoilt: bytes, kind: str) -> None:
    script = Script(streamed([*WHOLE[:4], spoilt, *WHOLE[4:]]))
    async with connect(script) as provider:
        outcome = await ask(provider)
    assert isinstance(outcome.error, ProviderBroken)
    assert outcome.error.kind == kind
    assert outcome.reply.text == "Hello"


@pytest.mark.parametrize(
    ("kind", "error_class"),
    [
        ("overloaded_error", ProviderBusy),
        ("api_error", ProviderBusy),
        ("rate_limit_error", ProviderBusy),
        ("invalid_request_error", ProviderRefused),
        ("permission_error", ProviderRefused),
    ],
)
async def test_an_error_event_in_a_stream_counts_by_its_type(
    connect: Connect, kind: str, error_class: type[Exception]
) -> None:
    event = {"type": "error", "error": {"type": kind, "message": "sorry"}, "request_id": "req_inside"}
    script = Script(streamed([*WHOLE[:3], event]))
    async with connect(script) as provider:
        outcome = await ask(provider)
    assert type(outcome.error) is error_class
    assert outcome.error is not None
    assert (outcome.error.kind, outcome.error.detail) == (kind, "sorry")
    assert outcome.reply.text == "Hel"
    assert len(script.requests) == 1


async def test_pings_comments_and_unknown_kinds_are_let_pass(connect: Connect) -> None:
    odd: list[dict[str, Any] | bytes] = [
        {"type": "ping"},
        b": keep-alive\n\n",
        {"type": "weather_report", "sky": "clear"},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "hologram_delta", "light": 1}},
    ]
    script = Script(streamed([{"type": "prelude"}, *WHOLE[:3], *odd, *WHOLE[3:]]))
    async with connect(script) as provider:
        outcome = await ask(provider)
    assert outcome.error is None
    assert outcome.shown == "Hello!"


async def test_a_stream_that_never_ends_is_ended_by_the_cap(connect: Connect) -> None:
    pings: list[dict[str, Any]] = [{"type": "ping"}] * 1_000
    script = Script(streamed([*WHOLE[:3], *pings], gap=0.02))
    async with connect(script, turn_seconds=2) as provider:
        started = time.monotonic()
        outcome = await ask(provider)
    assert time.monotonic() - started < 18
    assert isinstance(outcome.error, ProviderBroken)
    assert outcome.error.kind == "turn_timeout"
    assert outcome.reply.text == "Hel"


async def test_closing_or_cancelling_hangs_up_at_once() -> None:
    async with SimulatorServer(Script(streamed(WHOLE[:3], end="hang"), streamed(WHOLE[:3], end="hang"))) as server:
        provider = open_provider(settings(anthropic_base_url=server.url))
        stream = provider.stream(question())
        while not isinstance(await anext(stream), TextDelta):
            assert server.open_streams <= 1
        await stream.aclose()
        await _until(lambda: server.open_streams == 0)
        task = asyncio.create_task(ask(provider))
        await _until(lambda: server.open_streams == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await _until(lambda: server.open_streams == 0)
        await provider.close()


async def _until(condition: Callable[[], bool]) -> None:
    for _ in range(2_000):
        if condition():
            return
        await asyncio.sleep(0.005)
    pytest.fail("what was waited for did not happen within ten seconds")


async def test_a_finished_stream_leaves_its_connection_to_the_next() -> None:
    async with SimulatorServer(Script(streamed(WHOLE), streamed(WHOLE))) as server:
        provider = open_provider(settings(anthropic_base_url=server.url))
        await ask(provider)
        first = set(server.connections)
        await ask(provider)
        assert server.connections == first
        assert len(first) == 1
        await provider.close()


async def test_two_hundred_streams_run_at_once(connect: Connect) -> None:
    class Counting:
        def __init__(self) -> None:
            self.simulator, self.requests = Simulator(pace=1), 0

        def answer(self, request: WireRequest) -> WireResponse:
            self.requests += 1
            return self.simulator.answer(request)

    counting = Counting()
    async with connect(counting) as provider:
        started = time.monotonic()
        asked = (ask(provider, question(f"[[tokens: 40]] [[rate: 50]] [[first: 0.2]] {n}")) for n in range(200))
        outcomes = await asyncio.gather(*asked)
        elapsed = time.monotonic() - started
    assert all(outcome.ended and outcome.reply.usage["output_tokens"] == 40 for outcome in outcomes)
    assert counting.requests == 200
    # One alone takes 1 s; one after another they would take 200.
    assert 1.0 <= elapsed < 100


async def test_what_streams_are_open_is_known_in_process_too() -> None:
    transport = WireTransport(Script(streamed(WHOLE[:3], end="hang")))
    provider = open_provider(settings(), transport)
    stream = provider.stream(question())
    while not isinstance(await anext(stream), TextDelta):
        pass
    assert transport.open_streams == 1
    await stream.aclose()
    assert transport.open_streams == 0
    await provider.close()


async def test_the_last_of_several_cumulative_figures_counts(connect: Connect) -> None:
    usage = {"input_tokens": 10, "cache_read_input_tokens": 7, "output_tokens": 1}
    deltas = [
        {"type": "message_delta", "delta": {"stop_reason": None}, "usage": {"output_tokens": 5}},
        *ending({"input_tokens": 30, "output_tokens": 9, "iterations": [{"type": "message"}]}),
    ]
    async with connect(Script(streamed([message_start("claude-sonnet-5-5", usage), *deltas]))) as provider:
        outcome = await ask(provider)
    assert outcome.reply.usage == {
        "input_tokens": 30,
        "cache_read_input_tokens": 7,
        "output_tokens": 9,
        "iterations": [{"type": "message"}],
    }
