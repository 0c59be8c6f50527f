"""Every door tells that consent is waited for, also through another process; tokens consent if made for it."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from core.access.tokens import TokenDraft
from core.api.app import api
from core.clock import now
from core.settings import Settings
from core.store.database import Store
from core.wiring import open_services
from tests.core.agent.toolkit import asks, says
from tests.core.api.conftest import serving
from tests.core.api.doors import HOME, PASSWORD, Doors, Headers, Open, bearer
from tests.core.api.programs import MESSAGE
from tests.core.api.sse.reading import read_events
from tests.core.chat.tooling import Workshop, workshop

WAITS = {
    MESSAGE: b"awaiting_approval",
    "/chat/stream": b'"waiting":',
    "/mcp/chat/stream": b"awaiting_approval",
    "/chat": b"\n",
    "/api/command-center/reply": b"\n",
}

THINKING_SECONDS = 0.5
"""How long the person thinks who is asked."""


@contextmanager
def client_of(services: Any) -> Iterator[httpx2.Client]:
    with (
        serving(api(lambda: services)) as port,
        httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as http,
    ):
        yield http


@pytest.fixture
def shop(store: Store, tmp_path: Path) -> Iterator[Workshop]:
    answers = (asks(("a", "echo", {"say": "Hi"})), says("Done."))
    shop = workshop(store, tmp_path, answers, ask_first=("echo",))
    yield shop
    shop.services.close()


def own_time(stream: bytes) -> int:
    """Milliseconds that the one tool is said to have taken."""
    [took] = [each["executionTime"] for each in (event.data for event in read_events(stream)) if is_over(each)]
    return int(str(took).removesuffix("ms"))


def is_over(told: dict[str, Any]) -> bool:
    return told.get("status") == "completed" and "executionTime" in told


def consent(shop: Workshop, http: httpx2.Client, approved: bool) -> None:
    [turn] = shop.services.engine.live()
    address = f"/api/command-center/{turn.id}/approvals"
    [waiting] = http.get(address).json()["data"]
    assert http.post(f"{address}/{waiting['spanId']}", json={"approved": approved}).status_code == 204


@pytest.mark.parametrize("door", WAITS)
def test_i4_e6_each_door_tells_that_consent_is_waited_for_and_not_as_the_tool_s_time(shop: Workshop, door: str) -> None:
    with client_of(shop.services) as http:
        body = {"agentId": shop.agent_id, "message": "Go."}
        with http.stream("POST", door, json=body) as answer:
            pieces, heard = answer.iter_bytes(), b""
            while WAITS[door] not in heard:
                heard += next(pieces)
            time.sleep(THINKING_SECONDS)
            [turn] = shop.services.engine.live()
            if door in ("/chat", "/api/command-center/reply"):
                assert answer.headers["x-waiting-for"] == f"/api/command-center/{turn.id}/approvals"
            consent(shop, http, approved=True)
            whole = heard + b"".join(pieces)
        if "x-waiting-for" in answer.headers:
            assert json.loads(whole)["reply"] == "Done."
        else:
            last = read_events(whole)[-1].data
            if door != "/chat/stream":  # it tells no tools
                assert own_time(whole) < THINKING_SECONDS * 1000
            assert last["stopReason"] == "end_turn"
            assert (last["taskTraceId"], last["basis"] != "") == (turn.id, True)


@pytest.mark.each_database
def test_i4_a_reader_through_another_process_sees_tools_and_consent(shop: Workshop, tmp_path: Path) -> None:
    chosen: dict[str, Any] = {
        "data_dir": tmp_path,
        "database_url": shop.services.settings.database_url,
        "simulator_pace": 0,
    }
    elsewhere = open_services(Settings(_env_file=None, drain_seconds=0, **chosen))
    with ExitStack() as stack:
        stack.callback(elsewhere.close)
        here, there = (stack.enter_context(client_of(each)) for each in (shop.services, elsewhere))
        body = {"agentId": shop.agent_id, "message": "Go."}
        first = stack.enter_context(here.stream("POST", MESSAGE, json=body))
        trace = first.headers["x-task-trace-id"]
        heard = b""
        own = first.iter_bytes()
        while b"awaiting_approval" not in heard:
            heard += next(own)
        with there.stream("GET", f"/api/command-center/streams/{trace}") as followed:
            pieces, seen = followed.iter_bytes(), b""
            while b"awaiting_approval" not in seen:
                seen += next(pieces)
            time.sleep(THINKING_SECONDS)
            consent(shop, there, approved=True)
            whole = seen + b"".join(pieces)
    read = read_events(whole)
    assert own_time(whole) < THINKING_SECONDS * 1000
    tools = [(event.name, event.data["tool"]) for event in read if event.name in ("tool_detected", "tool_progress")]
    states = [event.data["status"] for event in read if event.name == "tool_progress"]
    assert tools[0] == ("tool_detected", "echo")
    assert (states[0], states[-1]) == ("awaiting_approval", "completed")
    assert (read[-1].name, read[-1].data["stopReason"]) == ("done", "end_turn")


def test_f3_a_token_consents_only_if_it_was_made_for_that(shop: Workshop) -> None:
    services, me = shop.services, shop.services.me
    tokens = {
        consents: services.access.tokens.create(
            me, TokenDraft("t", "admin", now() + timedelta(days=1), consents=consents)
        ).secret
        for consents in (False, True)
    }
    with client_of(services) as http:
        turn = services.turns.send(owner=me, agent_id=shop.agent_id, text="Go.")
        address, data = f"/api/command-center/{turn.id}/approvals", list[Any]()
        while not data:
            turn.get(0, 1)
            data = http.get(address).json()["data"]
        decide = f"{address}/{data[0]['spanId']}"
        for approved in (True, False):
            refused = http.post(decide, json={"approved": approved}, headers=bearer(tokens[False]))
            assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")
        assert http.get("/api/auth/me", headers=bearer(tokens[False])).json()["consents"] is False
        assert http.get("/api/auth/me", headers=bearer(tokens[True])).json()["consents"] is True
        assert http.post(decide, json={"approved": True}, headers=bearer(tokens[True])).status_code == 204


@pytest.mark.parametrize("revoke", [False, True])
def test_f3_changing_a_password_offers_to_revoke_tokens(doors: Doors, revoke: bool) -> None:
    signed_in = doors.admin()
    token = doors.token(signed_in.session.person)
    body: dict[str, Any] = {"old": PASSWORD, "new": "five loud green parrots", "revokeTokens": revoke}
    by_token = doors.client.post("/api/auth/password", json=body, headers=token)
    assert by_token.status_code == 403
    changed = doors.client.post("/api/auth/password", json=body, headers=bearer(signed_in.cookie))
    assert (changed.status_code, changed.json()) == (200, {"tokensRevoked": int(revoke)})
    assert doors.get("/api/auth/me", token).status_code == (401 if revoke else 200)
    assert doors.services.access.sign_in.sign_in("root@example.org", body["new"], HOME)


def _amounts(data: Any) -> Iterator[int]:
    """Every amount of money in JSON, in nano-dollars."""
    if isinstance(data, dict):
        if isinstance(data.get("nanos"), int):
            yield data["nanos"]
        for part in data.values():
            yield from _amounts(part)
    elif isinstance(data, list):
        for part in data:
            yield from _amounts(part)


def test_f2_an_agents_token_gets_from_no_route_what_other_agents_cost(open_api: Open) -> None:
    doors = open_api(auth="accounts")
    admin = doors.admin().session.person
    _, second, *_ = doors.services.agents.list(admin)
    foreign = doors.say(admin, "With the first agent, at some length.")
    conversation = foreign.conversation_id
    own = doors.services.turns.send(owner=admin, agent_id=second.id, text="Short", conversation_id=conversation)
    seen = 0
    while not own.ended:
        seen += len(own.get(seen, 10))
    rows = {row.id: row.total for row in doors.services.traces.page(admin)}
    mine, others = rows[own.id], rows[foreign.id]
    assert mine
    assert others
    assert mine != others
    headers = doors.token(admin, agents=(second.id,))
    answers = _readable(doors, headers, conversation, own.id)
    assert "/metrics" not in answers
    for path, data in answers.items():
        amounts = set(_amounts(data))
        assert not amounts & {others, mine + others}, path
    assert answers[f"/api/conversations/{conversation}"]["data"]["cost"]["nanos"] == mine
    figures = [each["turn"] for each in answers[f"/api/conversations/{conversation}/messages"]["data"] if each["turn"]]
    assert [each["taskTraceId"] for each in figures] == [own.id]


def _readable(doors: Doors, headers: Headers, conversation: str, trace: str) -> dict[str, Any]:
    """The JSON of every GET that lets the token in."""
    ids = {"agent_id": "none", "task_trace_id": trace, "trace_id": trace, "conversation_id": conversation, "file": "x"}
    found = {}
    for path, methods in doors.get("/api/openapi.json").json()["paths"].items():
        if "get" not in methods or path in ("/chat/stream", "/api/command-center/streams/{task_trace_id}"):
            continue
        answer = doors.get(path.format(**ids), headers)
        assert answer.status_code in (200, 403, 404), path
        if answer.status_code == 200 and path not in ("/healthz", "/readyz"):
            found[path.format(**ids)] = answer.json() if "json" in answer.headers["content-type"] else answer.text
    return found
