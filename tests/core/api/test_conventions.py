"""What holds at every address: HEAD, OPTIONS, Allow, problems as JSON, and never a page for a program."""

import json
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi.routing import iter_route_contexts
from pydantic import ValidationError

from core.api.app import api
from core.api.docs.document import operations
from core.settings import Settings
from pages.parts.places import PLACES
from tests.core.api.doors import Doors, Open
from tests.core.api.test_document import DOCUMENT, OPERATIONS, unasked
from tests.served import Served, served_at_once

ROUTES = list(iter_route_contexts(api(unasked).routes))
PATHS = sorted({str(route.path) for route in ROUTES})
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
PROBLEM = "application/problem+json"
STREAMS = ("/chat/stream", "/mcp/chat/stream", "/api/command-center/message")


def taken(path: str) -> set[str]:
    return {method for route in ROUTES if route.path == path for method in route.methods or ()}


def address(path: str) -> str:
    return re.sub(r"\{\w+\}", "nothing", path)


@pytest.mark.parametrize("path", PATHS)
def test_i5_each_address_keeps_to_conventions(open_api: Open, path: str) -> None:
    doors, methods = open_api(), taken(path)
    told = {*methods, "OPTIONS", *({"HEAD"} if "GET" in methods else ())}
    options = doors.client.options(address(path))
    assert (options.status_code, set(options.headers["allow"].split(", "))) == (204, told)
    for method in METHODS:
        if method not in methods:
            answer = doors.client.request(method, address(path))
            assert (answer.status_code, answer.headers["content-type"]) == (405, PROBLEM), method
            assert set(answer.headers["allow"].split(", ")) == told, method
    head = doors.client.head(address(path))
    assert head.content == b""
    if path in STREAMS:
        assert (head.status_code, head.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    elif "GET" in methods:
        got = doors.client.get(address(path))
        assert (head.status_code, head.headers["content-type"]) == (got.status_code, got.headers["content-type"])
    else:
        assert (head.status_code, head.headers["content-type"]) == (405, PROBLEM)


def test_i5_asking_for_the_head_asks_no_agent(open_api: Open) -> None:
    doors = open_api()
    for path in ("/chat", *STREAMS):
        doors.client.head(f"{path}?message=Hello")
    assert doors.services.traces.count(doors.services.me) == 0


def test_i5_the_document_has_one_kind_of_answer_a_status_and_one_model_a_name() -> None:
    for path, operation in OPERATIONS:
        for status, response in operation["responses"].items():
            assert len(response.get("content", ())) <= 1, (path, status)
    titles = [schema.get("title", name) for name, schema in DOCUMENT["components"]["schemas"].items()]
    assert len(titles) == len(set(titles))
    assert all(re.fullmatch(r"\w+", name) for name in DOCUMENT["components"]["schemas"])
    assert not re.findall(r"core__", json.dumps(DOCUMENT))
    assert list(operations(DOCUMENT)) == OPERATIONS


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    origins = "https://app.example.org, http://localhost:3000"
    folder = tmp_path_factory.mktemp("conventions")
    with served_at_once(folder / "data", SIMULATOR_PACE="0", CORS_ORIGINS=origins) as server:
        yield server


NOWHERE = ("/v1/models", "/v1/messages", "/nothing", "/chat/nothing", "/mcp", "/api/nothing", "/index", "/robots.txt")


def test_i5_a_program_never_gets_a_page(server: Served) -> None:
    with httpx2.Client(base_url=server.url, timeout=30) as http:
        paths = (*NOWHERE, *(f"/{place.name}" for place in PLACES))
        for path, method, accept in product(paths, ("GET", "HEAD", "POST"), ("*/*", "application/json")):
            answer = http.request(method, path, headers={"Accept": accept})
            assert answer.status_code in (400, 404, 405, 406), (method, path)
            assert answer.headers["content-type"] == PROBLEM, (method, path)
        assert http.head("/healthz").status_code == 200
        assert http.head("/readyz").status_code == 200
        assert http.head("/chat").headers["allow"] == "OPTIONS, POST"
        for place in PLACES:
            page = http.get(f"/{place.name}", headers={"Accept": "text/html,*/*;q=0.8"})
            assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert http.get("/").status_code == 200, "tells whoever looks that we are up"


def test_i1_pages_of_named_origins_may_call_and_of_others_not(server: Served) -> None:
    with httpx2.Client(base_url=server.url, timeout=30) as http:
        wanted = {
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type,authorization",
        }
        for origin, may in (
            ("https://app.example.org", True),
            ("http://localhost:3000", True),
            ("https://evil", False),
        ):
            preflight = http.options("/chat/stream", headers={"Origin": origin, **wanted})
            assert (preflight.headers.get("access-control-allow-origin") == origin) == may
            asked = {"Origin": origin, "Sec-Fetch-Site": "cross-site"}
            answer = http.post("/chat/stream", json={"message": "Hi"}, headers=asked)
            assert answer.status_code == (200 if may else 403)
            assert (answer.headers.get("access-control-allow-origin") == origin) == may
            assert "access-control-allow-credentials" not in answer.headers
        page = http.post("/sign-in", headers={"Origin": "https://app.example.org"})
        assert page.status_code == 403, "what is for people stays closed"


@pytest.mark.parametrize("value", ["*", "null", "https://a.example/path", "example.org", "file://x"])
def test_i1_only_origins_can_be_named(value: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="not origins"):
        Settings(_env_file=None, cors_origins=value, data_dir=tmp_path)


HALF = ("\\ud800", "a\\udfffb", "\\u0000", "\\udc00\\ud800")


@pytest.mark.each_database
@pytest.mark.parametrize("half", HALF)
def test_h3_what_no_provider_or_database_takes_is_refused_before_it_is_booked(doors: Doors, half: str) -> None:
    admin = doors.admin().session.person
    headers = {**doors.token(admin), "Content-Type": "application/json"}
    agent = doors.services.agents.list(admin)[0].id
    talk = doors.say(admin, "Hello").conversation_id
    history = f'[{{"role": "user", "content": "{half}"}}, {{"role": "user", "content": "x"}}]'
    blocks = f'[{{"role": "user", "content": [{{"type": "text", "text": "{half}"}}]}}]'
    bodies = [
        ("POST", "/api/command-center/message", f'{{"agentId": "{agent}", "message": "{half}"}}', "message"),
        ("POST", "/api/command-center/reply", f'{{"agentId": "{half}", "message": "x"}}', "agentId"),
        *(("POST", door, f'{{"message": "{half}"}}', "message") for door in ("/chat", *STREAMS[:2])),
        *(("POST", door, f'{{"messages": {said}}}', "messages") for door in STREAMS[:2] for said in (history, blocks)),
        ("POST", "/chat", f'{{"message": "x", "agent": "{half}"}}', "agent"),
        ("PATCH", f"/api/conversations/{talk}", f'{{"title": "{half}"}}', "title"),
        ("POST", f"/api/command-center/{talk}/approvals/x", f'{{"approved": true, "reason": "{half}"}}', "reason"),
        ("POST", "/api/command-center/message", f'{{"{half}": 1}}', None),
        ("POST", "/api/auth/login", f'{{"email": "{half}", "password": "{half}"}}', None),
    ]
    before = doors.services.traces.count(admin)
    for method, path, body, field in bodies:
        answer: Any = doors.client.request(method, path, content=body, headers=headers)
        assert answer.status_code in (400, 401), (path, body, answer.text)
        if field:
            found = {error["field"].split(".")[0]: error["problem"] for error in answer.json()["errors"]}
            assert "which cannot be sent" in found[field], path
    assert doors.services.traces.count(admin) == before
