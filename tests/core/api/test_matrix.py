"""Every address that is served, and every page, against every role; and one person against another's ids."""

from typing import Any

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from httpx2 import Response
from sqlalchemy import select

from core.access.roles import ROLES, Permission, Person, may
from core.api.app import api, api_routes
from core.clock import new_id
from core.store.tables import Conversation, Message, TaskTrace
from pages.parts.places import PLACES
from tests.core.api.doors import Doors, Headers, Open, bearer

ANYBODY, SIGNED_IN, HOLDER = "anybody", "signed in", "holder of a link"
CHAT, OWN = Permission.CHAT, Permission.OWN_TRACES
ROUTES: dict[str, str | Permission] = {
    "GET /healthz": ANYBODY,
    "GET /readyz": ANYBODY,
    "GET /metrics": Permission.OPERATIONS,
    "GET /api/openapi.json": ANYBODY,
    "GET /api/docs": ANYBODY,
    "POST /api/auth/login": ANYBODY,
    "POST /api/auth/logout": SIGNED_IN,
    "GET /api/auth/me": SIGNED_IN,
    "POST /api/auth/password": SIGNED_IN,
    "GET /api/agents": CHAT,
    "GET /api/agents/{agent_id}": CHAT,
    "POST /api/command-center/message": CHAT,
    "POST /api/command-center/reply": CHAT,
    "GET /api/command-center/streams/{task_trace_id}": CHAT,
    "POST /api/command-center/{task_trace_id}/stop": CHAT,
    "GET /api/command-center/{task_trace_id}/approvals": CHAT,
    "POST /api/command-center/{task_trace_id}/approvals/{span_id}": Permission.CONSENT,
    "POST /chat": CHAT,
    "POST /chat/stream": CHAT,
    "GET /chat/stream": CHAT,
    "POST /mcp/chat/stream": CHAT,
    "GET /api/conversations": CHAT,
    "GET /api/conversations/{conversation_id}": CHAT,
    "PATCH /api/conversations/{conversation_id}": CHAT,
    "DELETE /api/conversations/{conversation_id}": CHAT,
    "GET /api/conversations/{conversation_id}/messages": CHAT,
    "GET /api/traces": OWN,
    "GET /api/traces/unconfirmed": OWN,
    "GET /api/traces/{trace_id}": OWN,
    "GET /api/costs": OWN,
    "GET /api/budgets": OWN,
    "GET /api/exports": SIGNED_IN,
    "POST /api/exports": Permission.EXPORTS,
    "GET /api/exports/{file}.csv": HOLDER,
    "GET /api/exports/{file}.csv/progress": HOLDER,
    "GET /api/exports/{file}.csv/manifest": HOLDER,
    "GET /sign-in": ANYBODY,
    "POST /sign-in": ANYBODY,
    "GET /join": ANYBODY,
    "POST /join": ANYBODY,
    "GET /sign-out": ANYBODY,
    "POST /sign-out": ANYBODY,
}
BODIES: dict[str, Any] = {
    "POST /api/exports": {"file": "traces"},
    "POST /api/command-center/message": {"agentId": "none", "message": "Hello"},
    "POST /api/command-center/reply": {"agentId": "none", "message": "Hello"},
    "POST /chat": {"agent_id": "none", "message": "Hello"},
    "POST /chat/stream": {"agent_id": "none", "message": "Hello"},
    "POST /mcp/chat/stream": {"agent_id": "none", "message": "Hello"},
    "POST /api/command-center/{task_trace_id}/approvals/{span_id}": {"approved": True},
    "PATCH /api/conversations/{conversation_id}": {"title": "Taken over"},
}
BODIES["POST /api/auth/password"] = {"old": "not it", "new": "five loud green parrots"}
ADDED = {"GET /chat/stream": "?message=Hello&agent_id=none"}
_NOT_LET_IN = ("not_signed_in", "not_allowed")
PAGES = {
    "chat": CHAT,
    "agents": CHAT,
    "tools": Permission.AGENTS,
    "costs": OWN,
    "budgets": OWN,
    "traces": OWN,
    "people": Permission.PEOPLE,
    "audit": Permission.AUDIT,
    "settings": Permission.KEYS,
    "account": Permission.OWN_ACCESS,
}


def _served() -> set[str]:
    """What the live table of routes has: the API's own, and the plain ones beside it."""
    own = {(route.path, method) for route in iter_route_contexts(api(_nobody).routes) for method in route.methods or ()}
    plain = [route for route in api_routes(_nobody) if not isinstance(route.endpoint, FastAPI)]
    beside = {(route.path, method) for route in plain for method in route.methods or ()}
    return {f"{method} {path}" for path, method in own | beside if method != "HEAD"}


def _nobody() -> Any:
    raise AssertionError


def test_every_route_and_every_page_is_listed_with_who_may() -> None:
    assert _served() == set(ROUTES), "each route needs a line in ROUTES above, with who may call it"
    assert {place.name: place.needs for place in PLACES} == PAGES, "each page needs a line in PAGES above"


def _ask(doors: Doors, route: str, headers: Headers, **ids: str) -> Response:
    method, path = route.split(" ")
    names = {"agent_id": "none", "task_trace_id": "none", "span_id": "none", "trace_id": "none", "file": "traces"}
    address = path.format(**{**names, "conversation_id": "none", **ids}) + ADDED.get(route, "")
    return doors.client.request(method, address, headers=headers, json=BODIES.get(route), follow_redirects=False)


def _refused(answer: Response) -> bool:
    assert answer.status_code < 500, answer.text
    return answer.headers.get("content-type") == "application/problem+json" and answer.json()["code"] in _NOT_LET_IN


def test_t11_every_route_lets_in_who_may_and_nobody_else(accounts: Doors) -> None:
    admin = accounts.admin().session.person
    callers = {role: bearer(accounts.join(admin, role.title(), role).cookie) for role in ROLES}
    for route, needed in ROUTES.items():
        if needed == HOLDER:
            assert [_ask(accounts, route, each).status_code for each in ({}, *callers.values())] == [403] * 4, route
            continue
        assert _refused(_ask(accounts, route, {})) == (needed != ANYBODY), route
        for role, headers in callers.items():
            if route.endswith("logout"):
                continue  # it would end what the others are asked with
            may_call = needed in (ANYBODY, SIGNED_IN) or may(Person("", "", role), Permission(needed))
            assert _refused(_ask(accounts, route, headers)) == (not may_call), (route, role)


def test_t11_ids_of_others_are_answered_like_ids_of_nothing_and_change_nothing(accounts: Doors) -> None:
    admin = accounts.admin().session.person
    ada, bob = accounts.join(admin, "Ada"), accounts.join(admin, "Bob")
    turn = accounts.say(ada.session.person, "My own secret")
    of_ada = {"task_trace_id": turn.id, "trace_id": turn.id, "conversation_id": turn.conversation_id}
    before = _rows(accounts)
    routes = [route for route in ROUTES if any(f"{{{name}}}" in route for name in of_ada)]
    assert len(routes) >= 9
    for route in routes:
        hers, unknown = _ask(accounts, route, bearer(bob.cookie), **of_ada), _unknown(accounts, route, bob.cookie)
        assert (hers.status_code, _without(hers, of_ada)) == (404, unknown), route
    assert _rows(accounts) == before
    assert _ask(accounts, "GET /api/conversations/{conversation_id}", bearer(ada.cookie), **of_ada).status_code == 200


def _rows(doors: Doors) -> list[Any]:
    with doors.services.store.read() as connection:
        tables = (Conversation.__table__, Message.__table__, TaskTrace.__table__)
        return [connection.execute(select(table)).all() for table in tables]


def _unknown(doors: Doors, route: str, cookie: str) -> str:
    ids = {name: new_id() for name in ("task_trace_id", "trace_id", "conversation_id")}
    return _without(_ask(doors, route, bearer(cookie), **ids), ids)


def _without(answer: Response, ids: dict[str, str]) -> str:
    text = answer.text
    for each in ids.values():
        text = text.replace(each, "ID")
    return text


def test_t11_a_token_for_one_agent_reaches_nothing_of_the_others(open_api: Open) -> None:
    doors = open_api(auth="accounts")
    admin = doors.admin().session.person
    turn = doors.say(admin, "With the first agent")
    others = [agent.id for agent in doors.services.agents.list(admin)][1:]
    headers = doors.token(admin, agents=(others[0],))
    ids = {"task_trace_id": turn.id, "trace_id": turn.id, "conversation_id": turn.conversation_id}
    for route in ROUTES:
        if any(f"{{{name}}}" in route for name in ids):
            assert _ask(doors, route, headers, **ids).status_code == 404, route
    assert [agent["id"] for agent in doors.get("/api/agents", headers).json()["data"]] == [others[0]]
    assert doors.get("/api/conversations", headers).json()["data"] == []
    assert doors.get("/api/traces", headers).json()["data"] == []
