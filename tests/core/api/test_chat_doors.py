"""The original system's doors: each in its own dialect, for whoever holds a token, whatever other headers say."""

from datetime import datetime
from typing import Any

import pytest

from tests.core.api.programs import Program, somebody, token_for
from tests.core.api.sse.reading import read_events

DOORS = ("/chat", "/chat/stream", "/mcp/chat/stream")
NAME = "Everyday Assistant"


def ask(program: Program, door: str, text: str, **body: Any) -> Any:
    return program.http.post(door, json={"message": text, **body})


def test_chat_gives_one_reply_and_goes_on_with_the_conversations_agent(program: Program) -> None:
    first = ask(program, "/chat", "[[say: One.]]", agent=NAME.upper()).json()
    second = ask(program, "/chat", "[[say: Two.]]", chat_id=first["chat_id"]).json()
    known = {"task_trace_id", "stop_reason", "basis"}
    assert first.keys() == {"chat_id", "message_id", "reply", "created_at", *known}
    assert (first["stop_reason"], first["basis"]) == ("end_turn", "computed")
    assert (first["reply"], second["reply"], second["chat_id"]) == ("One.", "Two.", first["chat_id"])
    assert datetime.fromisoformat(first["created_at"]).tzinfo
    said = program.services.conversations.transcript(program.services.me, first["chat_id"])
    assert [said[1].id, said[3].id] == [first["message_id"], second["message_id"]]


def test_the_streams_speak_their_dialects(program: Program) -> None:
    tokens = read_events(ask(program, "/chat/stream", "[[say: Two cats]]", agent=NAME).content)
    *pieces, last = [event.data for event in tokens]
    assert pieces == [{"token": "Two", "done": False}, {"token": " cats", "done": False}]
    assert {"token": "", "done": True, "fullText": "Two cats", "stopReason": "end_turn"}.items() <= last.items()
    typed = read_events(ask(program, "/mcp/chat/stream", "[[say: Two cats]]", agentId=program.agent_id).content)
    kinds = [event.data["type"] for event in typed]
    assert kinds == ["session_start", "iteration_start", "text_chunk", "text_chunk", "complete"]
    assert typed[3].data.items() >= {"chunk": " cats", "accumulated": "Two cats"}.items()


def test_a_failure_is_told_in_the_dialect_of_the_door(program: Program) -> None:
    text = "[[tokens: 20]] [[fault: overloaded after 3]]"
    assert ask(program, "/chat", text, agent=NAME).json()["errorType"] == "overloaded_error"
    assert read_events(ask(program, "/chat/stream", text, agent=NAME).content)[-1].data["error"] == "overloaded_error"
    last = read_events(ask(program, "/mcp/chat/stream", text, agent=NAME).content)[-1].data
    assert (last["type"], last["code"]) == ("error", "overloaded_error")


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"messages": []}, 400),
        ({"agent": "Nobody"}, 404),
        ({"agentId": "x"}, 404),
        ({"chat_id": "x"}, 404),
        ({"model": "m"}, 400),
    ],
)
def test_t7_a_door_refuses_what_it_cannot_answer(
    program: Program, door: str, body: dict[str, str], status: int
) -> None:
    answer = ask(program, door, "Hello", **body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert program.services.traces.count(program.services.me) == 0


def test_who_asks_is_told_by_the_token_alone(program: Program) -> None:
    services = program.services
    ada = somebody(services)
    theirs = program.with_token(token_for(services, ada).secret)
    headers = {"x-org-id": "another", "x-user-id": services.me.id}
    answer = theirs.http.post("/chat", json={"agent": NAME, "message": "Hello"}, headers=headers)
    assert answer.status_code == 200
    assert services.traces.page(services.me)[0].person == ada.name
    mine = ask(program, "/chat", "Hello", chat_id=answer.json()["chat_id"])
    assert mine.status_code == 404
    nobody = program.with_token("cct_wrong").http.post("/chat", json={"agent": NAME, "message": "Hello"})
    assert (nobody.status_code, nobody.headers["www-authenticate"]) == (401, "Bearer")
