"""The simulator on a port."""

import asyncio
import subprocess
import sys

import httpx2
import pytest

from core.errors import ProviderBroken
from core.place import PROJECT
from core.provider.anthropic.client import open_provider
from core.provider.simulator.scripted import Script, failed, streamed
from core.provider.simulator.server import SimulatorServer
from core.provider.simulator.wire import WireResponse
from core.provider.stream import ReplyEnded, ReplyStarted
from tests.core.provider.simulator.requests import HEADERS, body
from tests.core.provider.wiring import WHOLE, ask, question, settings

pytestmark = pytest.mark.anyio


async def test_a_request_arrives_whole() -> None:
    script = Script(failed(404, "not_found_error", "nothing here"))
    async with SimulatorServer(script) as server, httpx2.AsyncClient() as client:
        response = await client.post(f"{server.url}/v1/messages?beta=true", json=body("x" * 200_000), headers=HEADERS)
    assert (response.status_code, response.json()["error"]["message"]) == (404, "nothing here")
    request = script.requests[0]
    assert (request.method, request.path, request.json()) == ("POST", "/v1/messages", body("x" * 200_000))
    assert request.headers["authorization"] == "Bearer test"


@pytest.mark.parametrize("response", [WireResponse(None), streamed(WHOLE[:3], end="cut")])
async def test_a_broken_connection_is_a_real_reset(response: WireResponse) -> None:
    async with SimulatorServer(Script(response)) as server:
        host, port = server.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}")
        with pytest.raises(ConnectionResetError):
            await reader.read(-1)
        writer.close()


async def test_what_is_not_http_is_reset() -> None:
    async with SimulatorServer(Script()) as server:
        host, port = server.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"\x00\x01 hello\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            await reader.read(-1)
        writer.close()


async def test_a_reader_that_stops_reading_holds_the_answer_back() -> None:
    flood = streamed([b"data: " + b"x" * 10_000 + b"\n\n"] * 5_000)
    async with SimulatorServer(Script(flood)) as server:
        host, port = server.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=1_000)
        writer.write(b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}")
        await reader.readline()
        await asyncio.sleep(0.3)
        assert server.open_streams == 1
        writer.transport.abort()


async def test_leaving_the_context_ends_open_streams() -> None:
    async with SimulatorServer(Script(streamed(WHOLE[:3], end="hang"))) as server:
        provider = open_provider(settings(anthropic_base_url=server.url))
        stream = provider.stream(question())
        while not isinstance(await anext(stream), ReplyStarted):
            pass
    with pytest.raises(ProviderBroken) as broken:
        await anext(event async for event in stream if isinstance(event, ReplyEnded))
    await provider.close()
    assert broken.value.kind == "stream_cut"
    assert server.open_streams == 0


async def test_it_runs_as_a_program() -> None:
    command = [sys.executable, "-m", "core.provider.simulator", "--port", "0", "--pace", "0"]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as program:  # noqa: ASYNC220
        assert program.stdout is not None
        address = program.stdout.readline().split()[-1]
        provider = open_provider(settings(anthropic_base_url=address))
        outcome = await ask(provider, question("[[say: hello]]"))
        await provider.close()
        program.terminate()
    assert outcome.shown == "hello"
