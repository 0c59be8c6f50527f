"""What a request may bring: size, form, depth and pace."""

import asyncio

import pytest
from starlette.types import Message

from core.api.guard.bodies import DEEPEST, FORM_BYTES, MESSAGE_BYTES, Bodies, Patience
from tests.core.api.guard.asking import Echo, ask, sending

_SOON = Patience(silence=0.05, whole=0.15)


def test_a_body_arrives_as_it_was_sent() -> None:
    pieces = [b'{"a": ', b'"\xc3\xa4"', b"}"]
    assert ask(Bodies(Echo()), "/api/agents", method="POST", pieces=pieces).body == b"".join(pieces)


def test_without_a_body_nothing_is_waited_for() -> None:
    echo = Echo()
    assert ask(Bodies(echo, patience=_SOON), "/api/agents").status == 200
    assert ask(Bodies(echo), type="websocket").status == 101


@pytest.mark.parametrize(
    ("path", "most"),
    [("/api/x", MESSAGE_BYTES), ("/chat", MESSAGE_BYTES), ("/mcp/x", MESSAGE_BYTES), ("/x", FORM_BYTES)],
)
def test_t17_a_large_body_is_refused_whether_it_says_so_or_not(path: str, most: int) -> None:
    echo = Echo()
    fits, large = b" " * most, b" " * (most + 1)
    assert ask(Bodies(echo), path, method="POST", pieces=[fits]).status == 200
    assert ask(Bodies(echo), path, method="POST", pieces=[fits, b"x"]).status == 413
    declared = ask(Bodies(echo), path, method="POST", headers={"content-length": str(len(large))})
    assert (declared.status, declared.headers["connection"]) == (413, "close")
    assert echo.reached == 1


def test_t17_a_packed_body_is_refused() -> None:
    for encoding, status in (("gzip", 415), ("identity, br", 415), ("identity", 200)):
        asked = ask(Bodies(Echo()), "/api/x", method="POST", pieces=[b"1"], headers={"content-encoding": encoding})
        assert asked.status == status


def test_t17_deep_json_is_refused_before_it_is_read_as_json() -> None:
    def status(body: bytes, **headers: str) -> int:
        return ask(Bodies(Echo()), "/api/x", method="POST", pieces=[body], headers=headers).status

    deep = b"[" * 1_000_000
    assert status(deep) == 400
    assert status(deep.decode().encode("utf-16")) == 400
    assert status(b"[" * DEEPEST + b"]" * DEEPEST) == 200
    assert status(b'{"message": "' + deep + b'"}') == 200
    assert status(deep, **{"content-type": "multipart/form-data; boundary=x"}) == 200


def test_t18_a_body_that_stops_or_trickles_is_cut() -> None:
    async def stops() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def trickles() -> Message:
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b" ", "more_body": True}

    for path, receive in (("/api/x", stops), ("/api/x", trickles), ("/_stcore/upload_file/a/b", stops)):
        answer = ask(
            Bodies(Echo(), patience=_SOON), path, method="PUT", headers={"content-length": "9"}, receive=receive
        )
        assert (answer.status, answer.headers["connection"]) == (408, "close"), path


def test_who_leaves_in_the_middle_reaches_nothing() -> None:
    async def leaves() -> Message:
        return {"type": "http.disconnect"}

    echo = Echo()
    ask(Bodies(echo), "/api/x", method="POST", headers={"content-length": "9"}, receive=leaves)
    assert echo.reached == 0


def test_a_file_that_is_uploaded_passes_piece_by_piece() -> None:
    pieces = [b"x" * 1_000_000] * 8
    answer = ask(Bodies(Echo()), "/_stcore/upload_file/session/file", method="PUT", receive=sending(pieces))
    assert len(answer.body) == 8_000_000
