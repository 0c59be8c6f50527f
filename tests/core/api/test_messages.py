"""Programs send messages: answered as events or whole, refused with what is wrong, and never for somebody else."""

from collections.abc import Callable
from typing import Any

import pytest

from core.api.sse import response
from core.budgets.budgets import BudgetDraft
from core.money import NANOS_PER_USD
from tests.core.api.doors import Open
from tests.core.api.programs import MESSAGE, SLOW, Program, somebody, token_for
from tests.core.api.sse.reading import read_events, text_of

Make = Callable[..., Program]


def test_a_message_is_answered_with_events_that_are_sent_as_they_are_not_to_be_kept(program: Program) -> None:
    answer = program.post("[[say: Good\nday “to” you.]]")
    read = read_events(answer.content)
    assert text_of(read) == "Good\nday “to” you."
    assert [event.name for event in read[-2:]] == ["cost", "done"]
    assert answer.headers.items() >= {
        ("content-type", "text/event-stream; charset=utf-8"),
        ("cache-control", "no-cache, no-transform"),
        ("x-accel-buffering", "no"),
    }
    [row] = program.services.traces.page(program.services.me)
    assert (row.id, row.source) == (read[0].data["taskTraceId"], "api")
    assert answer.headers["x-task-trace-id"] == row.id
    assert read[-2].data["totalCost"] * 10**9 == row.total


def test_on_request_the_answer_is_one_reply_and_the_conversation_goes_on(program: Program) -> None:
    first = program.post("[[say: One.]]", json=True).json()
    second = program.post("[[say: Two.]]", json=True, conversationId=first["conversationId"]).json()
    assert (first["reply"], second["reply"], second["status"]) == ("One.", "Two.", "completed")
    assert second["conversationId"] == first["conversationId"]
    said = program.services.conversations.transcript(program.services.me, first["conversationId"])
    assert [message.id for message in said if message.role == "assistant"] == [first["messageId"], second["messageId"]]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"base_url": "http://evil.example"}, "base_url"),
        ({"api_key": "sk"}, "api_key"),
        ({"model": "claude-opus-5-5"}, "model"),
        ({"agentId": 7}, "agentId"),
        ({"message": None}, "message"),
    ],
)
def test_t7_a_caller_can_set_nothing_but_agent_conversation_and_words(
    program: Program, body: dict[str, Any], field: str
) -> None:
    answer = program.http.post(MESSAGE, json={"agentId": program.agent_id, "message": "Hello", **body})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_input")
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert program.services.traces.count(program.services.me) == 0


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"agentId": "nobody"}, 404, "Agent with ID nobody not found"),
        ({"conversationId": "not-there"}, 404, "no such conversation"),
        ({"message": " "}, 400, "empty"),
        ({"message": "x" * 400_001}, 413, "400,001 characters"),
    ],
)
def test_what_cannot_be_answered_is_refused_before_the_stream(
    program: Program, body: dict[str, Any], status: int, said: str
) -> None:
    answer = program.http.post(MESSAGE, json={"agentId": program.agent_id, "message": "Hello", **body})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert said in answer.json()["detail"]
    assert program.services.traces.count(program.services.me) == 0


def test_an_agent_that_is_not_active_answers_no_program(program: Program) -> None:
    program.services.agents.set_active(program.services.me, program.agent_id, False)
    answer = program.post("Hello")
    assert (answer.status_code, answer.json()["code"]) == (400, "agent_inactive")
    assert "Agent Everyday Assistant is not active" in answer.json()["detail"]


@pytest.mark.parametrize("fault", ["overloaded", "overloaded after 3"])
def test_a_failure_of_the_provider_is_told_with_its_type(make_program: Make, fault: str) -> None:
    program = make_program(attempts=1)
    text = f"[[tokens: 20]] [[fault: {fault}]]"
    whole = program.post(text, json=True)
    assert (whole.status_code, whole.json()["errorType"]) == (503, "overloaded_error")
    *_, cost, error = program.events(text)
    assert (cost.name, error.name, error.data["code"]) == ("cost", "error", "overloaded_error")


def test_an_answer_is_stopped_by_its_own_people_alone(program: Program) -> None:
    other = program.with_token(token_for(program.services, somebody(program.services)).secret)
    with program.stream(SLOW) as stream:
        stop = f"/api/command-center/{stream.headers['x-task-trace-id']}/stop"
        body = stream.iter_bytes()
        first = next(body)
        assert other.http.post(stop).status_code == 404
        assert program.http.post(stop).json()["status"] == "stopping"
        read = read_events(first + b"".join(body))
    assert (read[-1].name, read[-1].data["code"]) == ("error", "stopped")
    assert program.http.post(stop).status_code == 200


def test_while_a_conversation_is_answered_another_message_is_refused(program: Program) -> None:
    with program.stream(SLOW) as stream:
        conversation = stream.headers["x-conversation-id"]
        refused = program.post("And this?", conversationId=conversation)
        program.http.post(f"/api/command-center/{stream.headers['x-task-trace-id']}/stop")
    assert (refused.status_code, refused.json()["code"]) == (409, "conversation_busy")


def test_t11_streams_approvals_and_agents_of_others_are_not_there(program: Program) -> None:
    services = program.services
    theirs = program.with_token(token_for(services, somebody(services)).secret)
    limited = program.with_token(token_for(services, services.me, services.agents.list(services.me)[1].id).secret)
    trace = program.events("Hello")[0].data["taskTraceId"]
    unknown = program.resume("not-there")
    for stranger in (theirs, limited):
        for answer in (stranger.resume(trace), stranger.http.get(f"/api/command-center/{trace}/approvals")):
            assert (answer.status_code, answer.content) == (unknown.status_code, unknown.content)
    refused, nowhere = limited.post("Hello"), limited.post("Hello", agentId="x" * len(program.agent_id))
    assert refused.status_code == nowhere.status_code == 404
    assert refused.json()["detail"].replace(program.agent_id, "") == nowhere.json()["detail"].replace("x" * 36, "")


def test_t10_a_stream_ends_when_its_token_is_revoked(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(response, "CHECK_SECONDS", 0.05)
    services = program.services
    token = token_for(services, services.me)
    with program.with_token(token.secret).stream(SLOW) as stream:
        body = stream.iter_bytes()
        first = next(body)
        services.access.tokens.revoke(services.me, token.view.id)
        read = read_events(first + b"".join(body))
    assert (read[-1].name, read[-1].data["code"]) == ("error", "not_signed_in")
    [turn] = services.engine.live()
    turn.stop()


def test_a_message_that_no_budget_has_room_for_is_told_so_and_its_key_may_be_used_again(program: Program) -> None:
    services = program.services
    budget = services.budgets.create(services.me, BudgetDraft("person", services.me.id, "day", 1))
    refused = program.post("[[say: Yes.]]", key="one", json=True)
    assert (refused.status_code, refused.json()["code"]) == (402, "budget_spent")
    assert refused.json()["detail"].startswith("Your budget for this day has no room")
    services.budgets.change(services.me, budget, 10 * NANOS_PER_USD, blocks=True)
    assert program.post("[[say: Yes.]]", key="one", json=True).json()["reply"] == "Yes."


@pytest.mark.parametrize("door", [MESSAGE, "/chat", "/chat/stream", "/mcp/chat/stream"])
def test_without_a_provider_key_each_door_says_so_as_the_document_does(open_api: Open, door: str) -> None:
    doors = open_api(provider="anthropic")
    agent_id = doors.services.agents.list(doors.services.me)[0].id
    answer = doors.client.post(door, json={"agentId": agent_id, "message": "Hello"})
    assert (answer.status_code, answer.json()["code"]) == (403, "no_provider_key")
    assert (
        "no_provider_key" in doors.get("/api/openapi.json").json()["paths"][door]["post"]["responses"]["403"]["x-codes"]
    )
