"""The OpenAPI document: complete, and true of whatever is sent, right or wrong; and the page of it."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi.routing import iter_route_contexts
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from core.api.app import api
from core.api.docs.document import operations
from core.api.docs.page import page as draw
from core.store.database import Store
from core.wiring import Services
from tests.core.api.doors import Doors, Headers, open_doors

PUBLIC = {"/healthz", "/readyz", "/api/auth/login"}
BY_LINK = {f"/api/exports/{{file}}.csv{part}" for part in ("", "/progress", "/manifest")}


def unasked() -> Any:
    raise AssertionError("the document is of the code alone")


STREAMS = ("/api/command-center/message", "/chat/stream", "/mcp/chat/stream")
DOCUMENT = api(unasked).openapi()
OPERATIONS = list(operations(DOCUMENT))
ROUTES = list(iter_route_contexts(api(unasked).routes))
OF_ITSELF = {("/api/openapi.json", "GET"), ("/api/openapi.json", "HEAD"), ("/api/docs", "GET")}
OF_ITSELF |= {("/api/exports/{file}.csv", "HEAD"), *((path, "HEAD") for path in STREAMS)}


def test_every_route_is_in_it_once() -> None:
    said = {(path, method.upper()) for path, methods in DOCUMENT["paths"].items() for method in methods}
    assert said == {(route.path, method) for route in ROUTES for method in route.methods or ()} - OF_ITSELF
    names = [operation["operationId"] for _, operation in OPERATIONS]
    assert len(set(names)) == len(names)


def test_each_says_what_it_is_who_may_ask_and_how_it_fails() -> None:
    tags = {tag["name"] for tag in DOCUMENT["tags"]}
    for path, operation in OPERATIONS:
        assert operation["summary"].endswith("."), path
        assert set(operation["tags"]) <= tags, path
        assert ("security" in operation) == (path not in PUBLIC | BY_LINK), path
        assert ("401" in operation["responses"]) >= ("security" in operation), path
    assert "HTTPValidationError" not in str(DOCUMENT)


CHECKS = (
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
)


@pytest.mark.parametrize("known", [True, False], ids=["admin", "nobody"])
def test_whatever_is_sent_is_answered_as_the_document_says_and_never_by_a_fault(
    sqlite_store: Store, tmp_path: Path, known: bool
) -> None:
    doors = open_doors(sqlite_store, tmp_path, auth="accounts")
    try:
        admin = doors.admin().session.person
        headers = doors.token(admin) if known else {}
        turn = doors.say(admin, "Hello")
        agent = doors.services.agents.list(admin)[0].id
        ids = {"conversation_id": turn.conversation_id, "trace_id": turn.id, "agent_id": agent, "file": "traces"}
        for found in schemathesis.openapi.from_asgi("/api/openapi.json", doors.app).get_all_operations():
            operation: Any = found
            _try_out(operation.ok(), headers, ids)
    finally:
        doors.close()


def _try_out(operation: Any, headers: Headers, ids: dict[str, str]) -> None:
    """With what fits its schema and with what does not; with ids of nothing, and of something."""

    @settings(max_examples=6, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def run(case: Any) -> None:
        for path in (case.path_parameters, {name: ids.get(name, "x") for name in case.path_parameters}):
            case.path_parameters = path
            answer = case.call(headers=headers)
            assert answer.status_code < 500 or answer.status_code == 503, answer.text
            case.validate_response(answer, checks=CHECKS)

    run()


class Seen(HTMLParser):
    """What a page consists of, and what it would load."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append(tag)
        self.ids += [given["id"] or ""] if "id" in given else []
        self.addresses += [str(value) for name, value in attrs if name in ("href", "src", "action", "style")]


def test_the_page_shows_every_operation_and_loads_nothing(accounts: Doors) -> None:
    answer = accounts.get("/api/docs")
    page = Seen(answer.text)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert not {"script", "link", "img", "iframe", "form", "object"} & set(page.tags)
    assert "@import" not in answer.text
    assert "url(" not in answer.text
    assert {operation["operationId"] for _, operation in OPERATIONS} <= set(page.ids)
    assert set(page.addresses) == {"/api/openapi.json", *(f"#{each}" for each in page.ids)}


def test_the_page_writes_what_is_in_the_document_as_text(doors: Doors) -> None:

    text = json.dumps(DOCUMENT).replace("Whether the process answers", "<script>alert(1)</script> `<b>`")
    assert "<script" not in draw(text, "http://localhost")


_MONEY = re.compile(r"(total|known)?cost(_usd|_nanos)?|amount|spent", re.IGNORECASE)
_SUMS = {"Row", "Total"}
"""Beside their money they count calls without a price and name what is estimated."""
_NO_COSTS = {"AgentDetail": "a limit", "Budget": "sums of a budget, with its lines without a price"}
_OF_A_FILE = {"Manifest": "counts rows of unknown cost; the rows themselves tell their basis"}


def test_a8_whatever_tells_a_cost_tells_how_sure_it_is() -> None:
    """A census of all that the API says: a field of money beside which nothing says what it is worth fails."""
    schemas = api(_no_services).openapi()["components"]["schemas"]
    own = {name: schema.get("properties", {}) for name, schema in schemas.items()}
    telling = {
        name: set(fields)
        for name, fields in own.items()
        if any(_MONEY.fullmatch(each) and "schemas/Cost'" not in str(of) for each, of in fields.items())
    }
    assert {"Trace", "Span", "Turn", "LedgerLine", *_SUMS} <= set(telling)
    for name, fields in telling.items():
        if name in _SUMS:
            assert {"unpricedCalls", "estimatedCost"} <= fields
        elif name not in {*_NO_COSTS, *_OF_A_FILE}:
            assert fields & {"basis", "estimated"}, name


def _no_services() -> Services:
    raise AssertionError("nothing is asked for here")
