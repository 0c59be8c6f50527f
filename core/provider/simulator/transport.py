"""The simulator inside the process: an httpx2 transport below the unmodified SDK."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator

import httpx2

from core.provider.simulator.messages_api import Simulator
from core.provider.simulator.wire import Answers, Chunk, WireRequest, WireResponse, paced


class WireTransport(httpx2.AsyncBaseTransport):
    """Carries out planned answers without a socket, time-outs and broken connections included.

    ``open_streams`` is how many answers are being sent now.
    """

    def __init__(self, answers: Answers) -> None:
        self.open_streams = 0
        self._answers = answers

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        body = await request.aread()
        headers = {name.lower(): value for name, value in request.headers.items()}
        planned = self._answers.answer(WireRequest(request.method, request.url.path, headers, body))
        silence = request.extensions.get("timeout", {}).get("read")
        if planned.status is not None or planned.end == "hang":
            await _tell_sent(request)
        if planned.status is None:
            await _refuse(planned, silence)
            raise AssertionError("a refusal raises")
        return httpx2.Response(
            planned.status, headers=dict(planned.headers), stream=_PlannedBody(self, planned, silence), request=request
        )


class SimulatorTransport(WireTransport):
    """The simulated provider; ``pace`` 1 is realistic, 0 answers without pauses."""

    def __init__(self, *, pace: float = 1.0, seed: int = 0) -> None:
        super().__init__(Simulator(pace=pace, seed=seed))


async def _tell_sent(request: httpx2.Request) -> None:
    """As a connection does to whoever follows it."""
    if (told := request.extensions.get("trace")) is not None:
        await told("simulator.send_request_body.started", {"request": request})


async def _refuse(planned: WireResponse, silence: float | None) -> None:
    if planned.end == "hang":
        await _stay_silent(silence)
    raise httpx2.ConnectError("connection refused by the simulator")


async def _stay_silent(silence: float | None) -> None:
    """Until the client's patience ends, as a socket would."""
    await (asyncio.Event().wait() if silence is None else asyncio.sleep(silence))
    raise httpx2.ReadTimeout("the simulator stays silent")


class _PlannedBody(httpx2.AsyncByteStream):
    def __init__(self, transport: WireTransport, planned: WireResponse, silence: float | None) -> None:
        self._transport: WireTransport | None = transport
        self._planned = planned
        self._silence = silence
        transport.open_streams += 1

    async def __aiter__(self) -> AsyncIterator[bytes]:
        bearable = _Bearable(self._planned.chunks, self._silence)
        async for data in paced(bearable):
            yield data
        if self._planned.end == "hang" or bearable.too_long:
            await _stay_silent(self._silence)
        if self._planned.end == "cut":
            raise httpx2.RemoteProtocolError("connection cut by the simulator")

    async def aclose(self) -> None:
        if self._transport is not None:
            self._transport.open_streams -= 1
            self._transport = None


class _Bearable:
    """The chunks up to the first pause that is longer than the client waits."""

    def __init__(self, chunks: Iterable[Chunk], silence: float | None) -> None:
        self.too_long = False
        self._chunks = chunks
        self._silence = silence

    def __iter__(self) -> Iterator[Chunk]:
        for chunk in self._chunks:
            if self._silence is not None and chunk.after > self._silence:
                self.too_long = True
                return
            yield chunk
