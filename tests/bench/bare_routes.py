"""The baselines of the route, in a server of their own: two ways to hand a provider's stream on that keep nothing.

``/sdk`` takes the SDK's raw events, ``/wire`` reads the wire by hand; BENCH_URL is the provider's address.
"""

import json
import os
from collections.abc import AsyncIterator, Iterator
from functools import cache
from typing import Any

import anthropic
import httpx2
import streamlit as st
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

_MODEL = "claude-sonnet-5-5"


@cache
def _sdk() -> anthropic.AsyncAnthropic:
    limits = httpx2.Limits(max_connections=1_000, max_keepalive_connections=100)
    http = anthropic.DefaultAsyncHttpxClient(limits=limits)
    return anthropic.AsyncAnthropic(api_key="bench", base_url=os.environ["BENCH_URL"], max_retries=0, http_client=http)


@cache
def _http() -> httpx2.AsyncClient:
    limits = httpx2.Limits(max_connections=1_000, max_keepalive_connections=100)
    return httpx2.AsyncClient(base_url=os.environ["BENCH_URL"], limits=limits, timeout=60)


async def _by_sdk(text: str) -> AsyncIterator[bytes]:
    message: Any = {"role": "user", "content": text}
    async for event in await _sdk().messages.create(model=_MODEL, max_tokens=4_000, messages=[message], stream=True):
        if event.type == "content_block_delta" and event.delta.type == "text_delta":
            yield _told(event.delta.text)


async def _by_hand(text: str) -> AsyncIterator[bytes]:
    asked = {
        "model": _MODEL,
        "max_tokens": 4_000,
        "messages": [{"role": "user", "content": text}],
        "stream": True,
    }
    headers = {"x-api-key": "bench", "anthropic-version": "2023-06-01"}
    async with _http().stream("POST", "/v1/messages", json=asked, headers=headers) as response:
        left = b""
        async for data in response.aiter_raw():
            *events, left = (left + data).split(b"\n\n")
            for text in _texts(events):
                yield _told(text)


def _texts(events: list[bytes]) -> Iterator[str]:
    for each in events:
        event = json.loads(each.partition(b"data: ")[2])
        if event["type"] == "content_block_delta":
            yield event["delta"]["text"]


def _told(text: str) -> bytes:
    return f"event: chunk\ndata: {json.dumps({'text': text})}\n\n".encode()


async def _sdk_route(request: Request) -> StreamingResponse:
    return StreamingResponse(_by_sdk((await request.json())["message"]), media_type="text/event-stream")


async def _wire_route(request: Request) -> StreamingResponse:
    return StreamingResponse(_by_hand((await request.json())["message"]), media_type="text/event-stream")


if __name__ == "__main__":
    st.write("These are baselines of a benchmark.")
else:
    app = st.App(
        __file__,
        routes=[Route("/sdk", _sdk_route, methods=["POST"]), Route("/wire", _wire_route, methods=["POST"])],
    )
