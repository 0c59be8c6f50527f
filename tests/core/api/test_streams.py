"""Streams that break off: readers leave, sleep and come back, to an answer that goes on without them."""

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from core.api.sse import response
from core.chat import engine
from tests.core.api.programs import MESSAGE, SLOW, Program
from tests.core.api.sse.reading import read_events, text_of
from tests.core.api.test_exports import eventually
from tests.core.chat.conftest import ended

SHORT = "[[say: One two three four five six.]]"


def test_a_reader_who_left_at_any_event_finds_exactly_the_rest(program: Program) -> None:
    whole = program.events(SHORT)
    trace = whole[0].data["taskTraceId"]
    for place, event in enumerate(whole):
        if event.id:
            assert read_events(program.resume(trace, event.id).content) == whole[place + 1 :]
            assert read_events(program.resume(trace, after=event.id).content) == whole[place + 1 :]
    assert read_events(program.resume(trace).content) == whole


def test_readers_who_leave_after_any_event_change_nothing(program: Program) -> None:
    for events in range(1, 8):
        trace = _hear_and_leave(program, events)
        turn = program.services.engine.turn(trace)
        assert turn is not None
        assert ended(turn).status == "completed"
        eventually(lambda turn=turn: turn.log._readers == 0)  # type: ignore[misc]
        assert text_of(read_events(program.resume(trace).content)) == "One two three four five six."


def _hear_and_leave(program: Program, events: int) -> str:
    with program.stream(f"{SHORT} [[pace: 1]] [[first: 0]] [[rate: 100]]") as stream:
        pieces, heard = stream.iter_bytes(), b""
        while heard.count(b"\n\n") < events:
            heard += next(pieces)
        return stream.headers["x-task-trace-id"]


def test_what_is_no_place_is_refused(program: Program) -> None:
    trace = program.events(SHORT)[0].data["taskTraceId"]
    for garbage in ("x", "-1", "1.5", "1" * 30):
        answer = program.resume(trace, garbage)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_input")


def test_when_the_log_is_gone_the_books_tell_the_answer(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = program.events(SHORT)
    monkeypatch.setattr(engine, "ENDED_KEPT_SECONDS", 0)
    trace = whole[0].data["taskTraceId"]
    eventually(lambda: program.services.engine.turn(trace) is None)
    fresh, resumed = (read_events(program.resume(trace, after).content) for after in ("", "4"))
    assert text_of(fresh) == text_of(whole) == text_of(resumed)
    assert [event.name for event in fresh] == ["session_start", "chunk", "cost", "done"]
    assert [(event.name, event.data) for event in resumed] == [
        ("chunk", {"text": text_of(whole), "replace": True}),
        ("cost", whole[-2].data),
        ("done", whole[-1].data),
    ]
    assert read_events(program.resume(trace, str(fresh[1].id)).content) == resumed
    assert program.resume(trace, str(fresh[-1].id)).status_code == 204


def test_an_answer_that_another_process_writes_is_followed_and_stopped(
    make_program: Callable[..., Program], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = make_program(), make_program()
    with there.stream(SLOW) as stream:
        trace = stream.headers["x-task-trace-id"]
        next(stream.iter_bytes())
        with here.http.stream("GET", f"/api/command-center/streams/{trace}") as followed:
            body = followed.iter_bytes()
            first = b""
            while first.count(b"event: chunk") < 2:
                first += next(body)
            assert here.http.post(f"/api/command-center/{trace}/stop").status_code == 200
            read = read_events(first + b"".join(body))
    assert (read[-1].name, read[-1].data["code"]) == ("error", "stopped")
    [turn] = [there.services.engine.turn(trace)]
    assert turn is not None
    [said] = [
        message.text
        for message in here.services.conversations.transcript(here.services.me, turn.conversation_id)
        if message.role == "assistant"
    ]
    assert text_of(read) == said


def test_a_silent_stream_says_that_it_is_still_there_and_counts_as_watched(
    make_program: Callable[..., Program], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(response, "KEEPALIVE_SECONDS", 0.1)
    monkeypatch.setattr(response, "_LOOK_SECONDS", 0.1)
    monkeypatch.setattr(engine, "UNWATCHED_AFTER_SECONDS", 0.2)
    program = make_program(grace_seconds=0)
    with program.stream("[[fault: silence after 3]]") as stream:
        body, heard = stream.iter_bytes(), b""
        began = time.monotonic()
        while heard.count(b": still here") < 5 or time.monotonic() - began < 1.5:
            heard += next(body)
    [turn] = program.services.engine.live()
    assert ended(turn).error_type == "unwatched"
    assert len(heard.split(b": still here")) > 5


def test_t18_a_reader_who_takes_nothing_is_cut_and_holds_nobody_up(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(response, "PATIENCE_SECONDS", 0.5)
    port = program.http.base_url.port
    assert port
    body = f'{{"agentId": "{program.agent_id}", "message": "[[tokens: 4000]]"}}'
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        reader.connect(("127.0.0.1", port))
        head = f"POST {MESSAGE} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        reader.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        eventually(lambda: program.services.traces.count(program.services.me) == 1)
        eventually(lambda: [row.status for row in program.services.traces.page(program.services.me)] == ["completed"])
        [turn] = program.services.engine._turns.values()
        eventually(lambda: turn.log._readers == 0)
        got = b""
        with suppress(ConnectionResetError):
            while piece := reader.recv(65_536):
                got += piece
    assert got.startswith(b"HTTP/1.1 200")
    assert not got.endswith(b"0\r\n\r\n"), "nobody takes a part for the whole"


def test_many_readers_of_one_answer_take_no_threads(program: Program) -> None:
    def threads() -> int:
        return threading.active_count()

    with program.stream(SLOW) as stream:
        trace = stream.headers["x-task-trace-id"]
        next(stream.iter_bytes())
        before = threads()
        readers = [program.http.stream("GET", f"/api/command-center/streams/{trace}") for _ in range(12)]
        for reader in readers:
            next(reader.__enter__().iter_bytes())
        assert threads() - before < 6
        program.http.post(f"/api/command-center/{trace}/stop")
        for reader in readers:
            reader.__exit__(None, None, None)
