"""The simulator inside the process: an httpx2 transport below the unmodified SDK."""

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

import httpx2

from core.provider.simulator.messages_api import Simulator
from core.provider.simulator.wire import WireRequest, WireResponse


class Answers(Protocol):
    """Whatever answers requests: the simulator, or a script."""

    def answer(self, request: WireRequest) -> WireResponse: ...


class WireTransport(httpx2.AsyncBaseTransport):
    """Carries out planned answers without a socket, time-outs and broken connections included."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        body = await request.aread()
        planned = self._answers.answer(
            WireRequest(request.method, request.url.path, dict(request.headers.items()), body)
        )
        silence = request.extensions.get("timeout", {}).get("read")
        if planned.status is None:
            await _refuse(planned, silence)
        return httpx2.Response(
            planned.status or 0, headers=dict(planned.headers), stream=_PlannedBody(planned, silence), request=request
        )


class SimulatorTransport(WireTransport):
    """The simulated provider; ``pace`` 1 is realistic, 0 answers without pauses."""

    def __init__(self, *, pace: float = 1.0, seed: int = 0) -> None:
        super().__init__(Simulator(pace=pace, seed=seed))


async def _refuse(planned: WireResponse, silence: float | None) -> None:
    if planned.end == "hang":
        await _stay_silent(silence)
    raise httpx2.ConnectError("connection refused by the simulator")


async def _stay_silent(silence: float | None) -> None:
    await (asyncio.Event().wait() if silence is None else asyncio.sleep(silence))
    raise httpx2.ReadTimeout("the simulator stays silent")


class _PlannedBody(httpx2.AsyncByteStream):
    def __init__(self, planned: WireResponse, silence: float | None) -> None:
        self._planned = planned
        self._silence = silence

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for data in paced(self._planned, self._silence):
            yield data
        if self._planned.end == "hang":
            await _stay_silent(self._silence)
        if self._planned.end == "cut":
            raise httpx2.RemoteProtocolError("connection cut by the simulator")


async def paced(planned: WireResponse, silence: float | None = None) -> AsyncIterator[bytes]:
    """The planned bytes at their times. Late ones do not shift those after them, so the rate holds."""
    loop = asyncio.get_running_loop()
    due = loop.time()
    for chunk in planned.chunks:
        if silence is not None and chunk.after > silence:
            await _stay_silent(silence)
        due += chunk.after
        # A pause of nothing still lets other streams, and a cancellation, have their turn.
        await asyncio.sleep(max(0.0, due - loop.time()))
        yield chunk.data
