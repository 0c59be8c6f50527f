"""Every request of the first system's documents, as it stands there, from the file that holds them as data."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import Connection, create_engine, text

from core.store.database import Store
from tests.core.api.doors import PASSWORD, Doors, Open
from tests.core.api.sse.reading import Read, read_events
from tests.core.rows import Rows
from tests.house_rules import PROJECT
from tests.served import Served, served_at_once

GOLDEN: list[dict[str, Any]] = json.loads((PROJECT / "tests/golden/first_system_requests.json").read_text("utf-8"))
REQUESTS = {case["id"]: case["request"] for case in GOLDEN}
STREAM = {
    "cache-control": "no-cache, no-transform",
    "connection": "keep-alive",
    "x-accel-buffering": "no",
    "transfer-encoding": "chunked",
}
Ask = Callable[..., httpx2.Response]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("first")
    with served_at_once(folder / "data", SIMULATOR_PACE="0", DEFAULT_AGENT="People") as server:
        yield server


@pytest.fixture
def ask(server: Served) -> Iterator[Ask]:
    """Send a request of the file, with what its capitals stand for."""
    with httpx2.Client(base_url=server.url, timeout=60) as http:
        [first, *_] = http.get("/api/agents").json()["data"]

        def send(case: str, **names: str) -> httpx2.Response:
            return http.request(**prepared(case, AGENT=first["id"], **names))

        yield send


def prepared(case: str, **names: str) -> dict[str, Any]:
    """Method, address, headers and body, in which only names in capitals are replaced."""
    written = json.dumps(REQUESTS[case])
    for name, value in names.items():
        written = re.sub(rf"\b{name}\b", lambda _, value=value: json.dumps(value)[1:-1], written)  # type: ignore[misc]
    request = json.loads(written)
    body = json.dumps(request["body"]) if "body" in request else None
    return {"method": request["method"], "url": request["path"], "headers": request.get("headers"), "content": body}


def data_of(answer: httpx2.Response) -> list[Any]:
    assert answer.status_code == 200, answer.text
    return [event.data for event in read_events(answer.content)]


def named(answer: httpx2.Response) -> list[Read]:
    assert answer.status_code == 200, answer.text
    return read_events(answer.content)


def whole_reply(events: list[Any]) -> None:
    *tokens, last = events
    assert all(event["done"] is False for event in tokens)
    assert (last["token"], last["done"]) == ("", True)
    assert "".join(event["token"] for event in tokens) == last["fullText"] != ""


def message_events(answer: httpx2.Response) -> None:
    events = named(answer)
    assert "".join(event.data["text"] for event in events if event.name == "chunk")
    assert [event.name for event in events[-2:]] == ["cost", "done"]
    assert events[-2].data.keys() >= {"inputTokens", "outputTokens", "totalCost"}


TESTED = {
    *("login", "login-none", "agents", "message", "message-fetch", "message-400", "message-404", "message-inactive"),
    *("message-403", "chat", "chat-stream", "chat-eventsource", "chat-error", "mcp-stream", "mcp-stream-many"),
    *("headers", "one-call", "sql-trace", "sql-session", "logs", "terminal"),
}


def test_i1_every_request_of_the_first_system_is_tried_here() -> None:
    assert REQUESTS.keys() == TESTED


def test_i1_signing_in_gives_the_token_that_the_next_requests_carry(accounts: Doors) -> None:
    accounts.admin()
    login = accounts.client.request(**prepared("login", EMAIL="root@example.org", PASSWORD=PASSWORD))
    token = login.json()["accessToken"]
    agents = accounts.client.request(**prepared("agents", TOKEN=token)).json()["data"]
    sent = prepared("message", TOKEN=token, AGENT=agents[0]["id"])
    message_events(accounts.client.request(**sent))


@pytest.mark.parametrize("token", ["null", "undefined", "", "anything"])
def test_i1_without_sign_in_any_bearer_is_taken(ask: Ask, server: Served, token: str) -> None:
    assert {"id", "name"} <= ask("login-none").json()["data"][0].keys()
    answer = httpx2.get(f"{server.url}/api/agents", headers={"Authorization": f"Bearer {token}".strip()})
    assert answer.status_code == 200
    ended = httpx2.get(f"{server.url}/api/agents", headers={"Authorization": f"Bearer cct_{'x' * 43}"})
    assert ended.status_code == 401, "a token of ours that has ended does not become more than it was"


def test_i1_a_message_streams_chunks_cost_and_done(ask: Ask, server: Served) -> None:
    message_events(ask("message", TOKEN="null"))
    message_events(ask("message-fetch"))
    without = prepared("message-fetch", AGENT=httpx2.get(f"{server.url}/api/agents").json()["data"][0]["id"])
    message_events(httpx2.post(server.url + without["url"], content=without["content"], timeout=60))


def test_i1_what_is_wrong_is_said_in_the_first_systems_words(ask: Ask, open_api: Open) -> None:
    missing = ask("message-400")
    assert (missing.status_code, len(missing.json()["errors"])) == (400, 2)
    unknown = ask("message-404")
    assert (unknown.status_code, "Agent with ID nobody not found" in unknown.json()["message"]) == (404, True)
    doors = open_api(provider="anthropic")
    me, agents = doors.services.me, doors.services.agents.list(doors.services.me)
    no_key = doors.client.request(**prepared("message-403", AGENT=agents[0].id))
    assert (no_key.status_code, "No Anthropic API key configured" in no_key.json()["message"]) == (403, True)
    doors.services.agents.set_active(me, agents[0].id, False)
    inactive = doors.client.request(**prepared("message-inactive", INACTIVE=agents[0].id))
    assert inactive.status_code == 400
    assert f"Agent {agents[0].name} is not active" in inactive.json()["message"]


def test_i1_chat_and_its_stream_answer_who_names_no_agent(ask: Ask) -> None:
    who = {"ORG": "00000000-0000-0000-0000-000000000001", "USER": "somebody"}
    assert ask("chat", **who).json().keys() >= {"chat_id", "message_id", "reply", "created_at"}
    whole_reply(data_of(ask("chat-stream", **who)))
    assert data_of(ask("chat-error"))[-1].keys() >= {"error", "message"}


def test_i1_event_source_asks_once_and_is_told_when_to_stop(ask: Ask, server: Served) -> None:
    answer = ask("chat-eventsource")
    whole_reply(data_of(answer))
    trace, last = answer.headers["x-task-trace-id"], read_events(answer.content)[-1].id
    assert re.findall(r"^id: (.*)$", answer.text, re.M)[0] == f"{trace}:0", "there is a place before any event"
    request = prepared("chat-eventsource")
    headers = {**request["headers"], "Last-Event-ID": last}
    again = httpx2.get(server.url + request["url"], headers=headers, timeout=60)
    assert (again.status_code, again.content) == (204, b"")
    events = [*enumerate(read_events(answer.content))]
    # Some places of many: what has ended is gone from memory after a minute, also where a machine is slow.
    for n, event in (*events[:: max(1, len(events) // 8)], events[-1]):
        headers["Last-Event-ID"] = str(event.id)
        rest = httpx2.get(server.url + request["url"], headers=headers, timeout=60)
        assert rest.headers.get("x-task-trace-id", trace) == trace
        assert [each.data for each in read_events(rest.content)] == data_of(answer)[n + 1 :]


def test_i1_tools_are_told_with_names_times_and_places(ask: Ask) -> None:
    events = data_of(ask("mcp-stream"))
    assert all({"type", "timestamp"} <= event.keys() for event in events)
    kinds = [event["type"] for event in events]
    assert (kinds[0], kinds[-1]) == ("session_start", "complete")
    assert set(kinds) >= {"text_chunk", "tool_detected", "tools_executing", "tool_progress", "iteration_start"}
    of = {kind: [event for event in events if event["type"] == kind] for kind in kinds}
    [tool] = {event["tool"] for event in of["tool_detected"]}
    assert tool in of["tool_detected"][0]["message"]
    assert (of["tools_executing"][0]["tools"], of["tools_executing"][0]["count"]) == ([tool], 1)
    executing, completed = of["tool_progress"]
    assert (executing["status"], completed["status"], completed["progress"]) == ("executing", "completed", "1/1")
    assert re.fullmatch(r"\d+ms", completed["executionTime"])
    assert of["text_chunk"][-1]["accumulated"].endswith(of["text_chunk"][-1]["chunk"])


def test_i1_what_was_said_before_becomes_the_conversations_history(ask: Ask, server: Served) -> None:
    answer = ask("mcp-stream-many")
    said = [message["content"] for message in REQUESTS["mcp-stream-many"]["body"]["messages"]]
    conversation = answer.headers["x-conversation-id"]
    kept = httpx2.get(f"{server.url}/api/conversations/{conversation}/messages").json()["data"]
    assert [(message["role"], message["text"]) for message in kept[:3]] == [
        ("user", said[0]),
        ("assistant", said[1]),
        ("user", said[2]),
    ]
    assert data_of(answer)[-1]["inputTokens"] > data_of(ask("headers"))[-1]["inputTokens"]


def test_i1_every_stream_has_the_headers_that_keep_proxies_from_holding_it_back(ask: Ask, server: Served) -> None:
    told = ask("headers").headers
    assert told["content-type"].startswith("text/event-stream")
    assert told.items() >= STREAM.items()
    for door in ("/mcp/chat/stream", "/chat/stream", "/api/command-center/message"):
        shown = subprocess.run(["curl", "-sI", server.url + door], capture_output=True, text=True, check=True).stdout
        lines = dict(line.lower().split(": ", 1) for line in shown.splitlines() if ": " in line)
        assert lines["content-type"].startswith("text/event-stream"), door
        assert lines.items() >= STREAM.items(), door


def test_i1_a_plain_message_is_one_call_of_the_provider(ask: Ask, server: Served) -> None:
    trace = ask("message", TOKEN="null").headers["x-task-trace-id"]
    with _database(server) as connection:
        calls = text("SELECT count(*) FROM trace_spans WHERE kind = 'model_call' AND task_trace_id = :trace")
        assert connection.execute(calls, {"trace": trace}).scalar() == 1


def _database(server: Served) -> Connection:
    return create_engine(f"sqlite:///{server.data_dir / 'app.db'}").connect()


@pytest.mark.each_database
def test_i1_sql_of_the_first_system_reads_its_columns_on_each_database(doors: Doors) -> None:
    admin = doors.admin().session.person
    turn = doors.say(admin, "Hello")
    [row] = doors.services.traces.page(admin)
    with doors.services.store.read() as connection:
        [trace] = connection.execute(text(REQUESTS["sql-trace"]["sql"])).mappings()
        [session] = connection.execute(text(REQUESTS["sql-session"]["sql"])).mappings()
        [more] = connection.execute(text("SELECT * FROM trace_sessions_v1")).mappings()
    assert row.total
    assert (trace["id"], trace["instruction"], trace["status"]) == (turn.id, "Hello", "completed")
    assert [round(float(cost) * 10**9) for cost in (trace["totalCost"], session["cost"])] == [row.total] * 2
    assert trace["totalTokens"] == session["tokensIn"] + session["tokensOut"] > 0
    assert None not in (trace["completedAt"], session["durationMs"], session["modelUsed"], session["agentId"])
    assert (more["sessionType"], more["taskTraceId"], more["status"]) == ("command-center", turn.id, "success")
    assert more.keys() >= {"instruction", "startedAt", "completedAt", "createdAt"}


@pytest.mark.each_database
def test_i1_sql_says_running_failed_and_unknown_as_the_first_system_did(store: Store) -> None:
    rows = Rows(store)
    owner = rows.person()
    agent = rows.agent(owner)
    for status in ("running", "completed", "failed", "stopped", "interrupted"):
        rows.trace(owner, agent, rows.conversation(owner, agent), status=status, cost_nanos=None)
    with store.read() as connection:
        seen = connection.execute(text('SELECT status, "totalCost" FROM task_trace_v1')).all()
    assert sorted(status for status, _ in seen) == ["completed", "failed", "failed", "failed", "running"]
    assert {cost for _, cost in seen} == {None}


def test_i1_the_log_tells_of_streams_that_begin_end_and_lose_their_reader(ask: Ask, server: Served) -> None:
    whole = ask("chat-stream", ORG="o", USER="u").headers["x-task-trace-id"]
    slow = {"message": "[[tokens: 4000]] [[pace: 1]] [[first: 0]] [[rate: 100]]", "agent": "Everyday Assistant"}
    with httpx2.stream("POST", f"{server.url}/chat/stream", json=slow, headers={"X-Request-Id": "mine"}) as stream:
        left = stream.headers["x-task-trace-id"]
        next(stream.iter_bytes())
    lines = _log_of(server, left, "client_left")
    assert [line["event"] for line in lines] == ["stream_started", "client_left"]
    assert {line["request_id"] for line in lines} == {"mine"}
    assert lines[-1]["tokens_streamed"] >= 1
    httpx2.post(f"{server.url}/api/command-center/{left}/stop")
    lines = _log_of(server, whole, "stream_completed")
    assert [line["event"] for line in lines] == ["stream_started", "stream_completed"]
    assert lines[-1]["tokens_streamed"] >= 1
    assert lines[-1]["text_length"] >= 1


def _log_of(server: Served, task_trace_id: str, until: str) -> list[dict[str, Any]]:
    for _ in range(200):
        lines = [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith("{")]
        found = [line for line in lines if line.get("task_trace_id") == task_trace_id and "request_id" in line]
        if any(line["event"] == until for line in found):
            return found
        time.sleep(0.05)
    raise AssertionError(found)


def test_i1_the_terminal_client_shows_times_tools_and_totals(server: Served, tmp_path: Path) -> None:
    command = REQUESTS["terminal"]["command"]
    said = re.search(r'"(.+)" --agent (\w+)', command)
    assert said
    run = [sys.executable, "-m", "core.api.watch", said[1], "--agent", said[2], "--url", server.url]
    shown = subprocess.run(run, capture_output=True, text=True, timeout=120, cwd=PROJECT, check=True).stdout
    assert "get_employees" in shown
    assert re.search(r"\[ *\d+\.\d+ ?s\]|\d+\.\d+ s", shown), shown
