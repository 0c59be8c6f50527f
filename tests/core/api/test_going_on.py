"""Readers who come back by the request they sent: the answer goes on, and nobody is asked twice."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from core.api.sse.dialects import Tokens
from core.chat import engine
from core.chat.following import Followed, WholeText
from core.events import TextDelta
from tests.core.api.doors import Doors, Open
from tests.core.api.programs import MESSAGE, SLOW, Program, somebody, token_for
from tests.core.api.sse.reading import read_events, text_of
from tests.core.api.sse.test_dialects import END
from tests.core.api.test_exports import eventually

Make = Callable[..., Program]
DOORS = (MESSAGE, "/chat/stream", "/mcp/chat/stream")
SHORT = "[[say: One two three four.]]"


def sent_again(program: Program, door: str, text: str, last: str, **headers: str) -> httpx2.Response:
    body = {"agentId": program.agent_id, "message": text}
    return program.http.post(door, json=body, headers={"Last-Event-ID": last, **headers})


def turns(program: Program) -> int:
    return program.services.traces.count(program.services.me)


@pytest.mark.parametrize("door", DOORS)
def test_i2_a_post_that_names_its_place_gets_exactly_the_rest(program: Program, door: str) -> None:
    whole = read_events(sent_again(program, door, SHORT, "").content)
    for place, event in enumerate(whole):
        if event.id:
            rest = sent_again(program, door, SHORT, event.id)
            assert read_events(rest.content) == whole[place + 1 :]
    assert sent_again(program, door, SHORT, str(whole[-1].id)).status_code == 204
    assert turns(program) == 1


@pytest.mark.parametrize("door", DOORS)
def test_i2_it_goes_on_while_the_first_reader_still_reads_and_both_hear_all(program: Program, door: str) -> None:
    body = {"agentId": program.agent_id, "message": SLOW}
    with program.http.stream("POST", door, json=body) as first:
        pieces, heard = first.iter_bytes(), b""
        while heard.count(b"\nid: ") + heard.startswith(b"id: ") < 3:
            heard += next(pieces)
        begun = read_events(heard[: heard.rindex(b"\n\n") + 2])
        place = next(n for n, event in enumerate(begun) if event.id)
        with ThreadPoolExecutor(2) as pool:
            second = [pool.submit(sent_again, program, door, SLOW, str(begun[place].id)) for _ in range(2)]
            eventually(lambda: program.services.engine.live()[0].log._readers == 3)
            program.http.post(f"/api/command-center/{first.headers['x-task-trace-id']}/stop")
            whole = read_events(heard + b"".join(pieces))
            rests = [read_events(each.result().content) for each in second]
    assert rests == [whole[place + 1 :]] * 2
    assert turns(program) == 1


def test_i2_with_a_key_the_bare_number_is_enough_and_alone_it_is_refused(program: Program) -> None:
    whole = read_events(sent_again(program, MESSAGE, SHORT, "", **{"Idempotency-Key": "k"}).content)
    trace, number = str(whole[0].id).split(":")
    rest = sent_again(program, MESSAGE, SHORT, number, **{"Idempotency-Key": "k"})
    assert read_events(rest.content) == whole[1:]
    assert read_events(program.resume(trace, number).content) == whole[1:]
    refused = sent_again(program, MESSAGE, SHORT, number)
    assert (refused.status_code, turns(program)) == (400, 1)


@pytest.mark.parametrize("last", ["x", ":1", "1:", "a:b", "a b:1", "1" * 30, "-1", "a:1:1", "a:-1"])
def test_i2_what_names_no_place_asks_nobody(program: Program, last: str) -> None:
    for door in DOORS:
        assert sent_again(program, door, SHORT, last).status_code in (400, 404)
    assert turns(program) == 0


def test_i2_a_place_is_of_its_own_message_and_of_its_own_people(program: Program) -> None:
    last = str(read_events(sent_again(program, MESSAGE, SHORT, "").content)[0].id)
    other = sent_again(program, MESSAGE, "Something else", last)
    assert (other.status_code, "another message" in other.json()["detail"]) == (400, True)
    theirs = program.with_token(token_for(program.services, somebody(program.services)).secret)
    assert sent_again(theirs, MESSAGE, SHORT, last).status_code == 404
    elsewhere = program.resume(
        str(read_events(sent_again(program, MESSAGE, SHORT, "").content)[0].data["taskTraceId"]), last
    )
    assert elsewhere.status_code == 400
    assert turns(program) == 2


@pytest.mark.parametrize("door", DOORS)
def test_i2_after_the_log_is_gone_no_text_is_told_twice(
    program: Program, monkeypatch: pytest.MonkeyPatch, door: str
) -> None:
    whole = read_events(sent_again(program, door, SHORT, "").content)
    monkeypatch.setattr(engine, "ENDED_KEPT_SECONDS", 0)
    eventually(lambda: not program.services.engine._turns)
    middle = [event for event in whole if event.id][2]
    rest = read_events(sent_again(program, door, SHORT, str(middle.id)).content)
    had = whole[: whole.index(middle) + 1]
    assert _text(door, had + rest) == "One two three four."
    assert sent_again(program, door, SHORT, str(whole[-1].id)).status_code == 204
    assert turns(program) == 1


def _text(door: str, events: list[Any]) -> str:
    if door == MESSAGE:
        return text_of(events)
    if door == "/chat/stream":
        *tokens, last = events
        assert "".join(event.data["token"] for event in tokens) in last.data["fullText"]
        return str(last.data["fullText"])
    return str([event.data for event in events if event.data["type"] == "text_chunk"][-1]["accumulated"])


def test_i2_whose_place_is_lost_hears_no_token_before_the_whole() -> None:
    dialect = Tokens()
    events: list[Any] = [WholeText("One two"), TextDelta(" three"), END]
    told = [wire.data for event in events for wire in dialect.encode(Followed(event, 0, "saved"))]
    assert [each["fullText"] for each in told] == ["One two three"]


ASK = "/chat/stream?message=Hello&orgId=o&userId=u"
FROM_OURS = {"Accept": "text/event-stream", "Sec-Fetch-Site": "same-origin"}


def test_i1_a_browser_that_lost_the_connection_before_any_id_asks_only_once(program: Program) -> None:
    slow = {"message": SLOW, "agent_id": program.agent_id}
    with program.http.stream("GET", "/chat/stream", params=slow, headers=FROM_OURS) as first:
        trace = first.headers["x-task-trace-id"]
        with program.http.stream("GET", "/chat/stream", params=slow, headers=FROM_OURS) as second:
            assert second.headers["x-task-trace-id"] == trace
        program.http.post(f"/api/command-center/{trace}/stop")
    assert turns(program) == 1
    again = {program.http.get(ASK, headers=FROM_OURS).headers["x-task-trace-id"] for _ in range(2)}
    assert len(again) == 2, "who has heard the whole and asks the same again is answered again"


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Accept": "text/html,*/*;q=0.8", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example"},
        {"Referer": "https://evil.example/page"},
    ],
)
def test_i1_no_other_page_and_no_link_can_ask_by_address(
    accounts: Doors, open_api: Open, headers: dict[str, str]
) -> None:
    cookie = accounts.admin().cookie
    for sent in (headers, {**headers, "Cookie": f"command_center_session={cookie}"}):
        answer = accounts.client.get(ASK, headers=sent)
        assert answer.status_code in (403, 404), answer.text
    assert accounts.services.traces.count(accounts.services.access.sessions.check(cookie).person) == 0


def test_i1_a_page_of_ours_asks_with_its_cookie_and_nobody_without(accounts: Doors) -> None:
    cookie = {"Cookie": f"command_center_session={accounts.admin().cookie}"}
    assert accounts.client.get(ASK, headers={**FROM_OURS, **cookie}).status_code == 200
    own = {"Referer": "http://testserver/costs", "Accept": "text/event-stream"}
    assert accounts.client.get(ASK, headers={**own, **cookie}).status_code == 200
    assert accounts.client.get(ASK, headers={"Accept": "text/event-stream", **cookie}).status_code == 403
    assert accounts.client.get(ASK, headers=FROM_OURS).status_code == 401
