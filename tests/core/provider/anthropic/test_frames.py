"""The provider's stream of events is read as the SDK reads it, however it is cut into pieces."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from itertools import pairwise
from typing import Any

import anthropic
import pytest
from anthropic._streaming import SSEDecoder
from hypothesis import example, given
from hypothesis import strategies as st

from core.provider.anthropic.frames import Frames, read_json

_ENDS = st.sampled_from(["\n", "\r\n", "\r"])
_TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), max_size=8)
_LINES = st.one_of(
    st.builds("event: {}".format, st.sampled_from(["content_block_delta", "ping", "error", ""])),
    st.builds("data: {}".format, _TEXTS),
    st.builds("data:{}".format, _TEXTS),
    st.builds(": {}".format, _TEXTS),
    st.builds("id: {}".format, st.sampled_from(["1", "2"])),
    st.sampled_from(["data", "event", "stranger: 1"]),
)


@st.composite
def _streams(draw: st.DrawFn) -> bytes:
    """Frames as servers write them: each with one kind of line end, and closed by an empty line."""
    frames = []
    for lines in draw(st.lists(st.lists(_LINES, min_size=1, max_size=4), max_size=4)):
        end = draw(_ENDS)
        frames.append("".join(line + end for line in lines) + end)
    return "".join(frames).encode()


def _cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


async def _by_the_sdk(pieces: list[bytes]) -> list[tuple[str, str]]:
    async def given_pieces() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    told = [each async for each in SSEDecoder().aiter_bytes(given_pieces())]
    return [(each.event, each.data) for each in told if each.event and (each.data or each.event == "error")]


@given(_streams(), st.lists(st.integers(0, 10_000), max_size=6))
@example(b"event: a\r\ndata: 1\r\n\r\n", [11, 21])
def test_any_cut_gives_what_the_sdk_reads_of_the_whole(data: bytes, places: list[int]) -> None:
    frames = Frames()
    read = [(name.decode(), text.decode()) for piece in _cut(data, places) for name, text in frames.feed(piece)]
    assert read == asyncio.run(_by_the_sdk([data]))


def test_what_the_stream_breaks_off_in_is_no_event() -> None:
    frames = Frames()
    assert frames.feed(b"event: a\ndata: 1\n\nevent: a\ndata: 2\n") == [(b"a", b"1")]
    assert frames.feed(b"") == []


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=True) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(_JSON, st.booleans())
def test_json_is_read_as_pythons_own_reader_does(value: Any, ascii_only: bool) -> None:
    data = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    try:
        own = json.loads(data.decode())
    except ValueError:
        with pytest.raises(ValueError):
            read_json(data)
    else:
        assert repr(read_json(data)) == repr(own)


@pytest.mark.parametrize("bad", [b"", b"{", b'"\xff"', b"[1,]"])
def test_what_is_no_json_is_a_value_error(bad: bytes) -> None:
    with pytest.raises(ValueError):
        read_json(bad)


def test_the_sdk_is_the_one_that_is_compared_with() -> None:
    """Its reader moved once before; a stream of the SDK has to have one, or the comparison compares nothing."""
    assert isinstance(anthropic.AsyncAnthropic(api_key="x")._make_sse_decoder(), SSEDecoder)
