"""T12: SQL written into anything that a caller may write."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import func, select

from core.store.database import Store
from core.store.tables import Row
from tests.core.api.doors import PASSWORD, Doors, Headers, bearer
from tests.core.api.test_document import DOCUMENT

PAYLOADS = (
    "'",
    '"',
    "''",
    "' OR '1'='1",
    "' OR 1=1 --",
    '" OR ""="',
    "') OR ('1'='1",
    "') OR 1=1 --",
    "1 OR 1=1",
    "1; DROP TABLE users",
    "'; DROP TABLE users; --",
    "'; DELETE FROM task_trace; COMMIT; --",
    "'; UPDATE users SET role='admin'; --",
    "' UNION SELECT * FROM users --",
    "' UNION ALL SELECT NULL,NULL,NULL --",
    "' AND (SELECT pg_sleep(9)) IS NULL --",
    "'; SELECT pg_sleep(9); --",
    "' || (SELECT pg_sleep(9)) || '",
    "' AND randomblob(900000000) --",
    "'; ATTACH DATABASE '/dev/shm/t12.db' AS x; --",
    "' AND 1=CAST((SELECT version()) AS int) --",
    "\\' OR 1=1 --",
    "%' OR '%'='",
    "%",
    "_%",
    "\\",
    "a\0' OR 1=1",
    "' OR '1'='1' /*",
    "$1",
    ":name",
    "{}%s%(x)s",
    '* OR "',
    "text:* NEAR(a b)",
    "a & ! | <-> :*",
    "\ud7ff' OR 1=1",
)
_NOT_ASKED = {
    "/api/command-center/message",
    "/chat",
    "/chat/stream",
    "/mcp/chat/stream",
    "/api/auth/logout",
    "/metrics",
}
_COUNTED = ("users", "agents", "conversations", "messages", "task_trace", "ledger_lines", "api_tokens")


@pytest.mark.each_database
def test_t12_sql_in_a_parameter_finds_and_changes_nothing(doors: Doors) -> None:
    admin = doors.admin().session.person
    ada = doors.join(admin, "Ada")
    doors.say(admin, "The secret of the admin")
    own = doors.say(ada.session.person, "Something of Ada's")
    before, mine = _rows(doors.services.store), bearer(ada.cookie)
    known = {own.id, own.conversation_id}
    for method, path, parameters in _requests():
        answer = doors.client.request(method, path, headers=mine, params=parameters or None, json=_body(method))
        assert answer.status_code < 500, (path, parameters, answer.text)
        assert "secret" not in answer.text
        rows = answer.json().get("data", []) if answer.status_code == 200 else []
        assert not path.startswith(("/api/traces", "/api/conv")) or {each["id"] for each in rows} <= known, path
    assert _rows(doors.services.store) == before


@pytest.mark.each_database
def test_t12_sql_in_a_token_or_a_sign_in_lets_nobody_in(doors: Doors) -> None:
    doors.admin()
    for payload in PAYLOADS:
        for token in (payload, f"ccs_{payload}", f"cct_{payload}".ljust(47, "x")):
            headers: Any = {b"authorization": f"Bearer {token}".encode("latin-1", "replace").replace(b"\0", b"")}
            assert doors.get("/api/auth/me", headers).status_code == 401
    for payload in PAYLOADS[:6]:
        for who in ({"email": payload, "password": PASSWORD}, {"email": "root@example.org", "password": payload}):
            assert doors.client.post("/api/auth/login", json=who).status_code in (401, 429)


def _requests() -> Iterator[tuple[str, str, Headers]]:
    """Every parameter of every operation; with every payload where a text of that name is met first."""
    met = set[str]()
    for method, path, parameter in _parameters():
        is_new = _is_text(parameter) and parameter["name"] not in met
        met.add(parameter["name"])
        for payload in PAYLOADS if is_new else PAYLOADS[3:20:6]:
            yield method, *_with(path, parameter, payload)


def _parameters() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items() if path not in _NOT_ASKED else ():
            yield from ((method.upper(), path, parameter) for parameter in operation.get("parameters", ()))


def _with(path: str, parameter: dict[str, Any], payload: str) -> tuple[str, Headers]:
    """Other parts of the path are ids of nothing."""
    name, written = parameter["name"], payload.replace("\0", "%00").replace("/", "%2F").replace("?", "%3F")
    inside = {"file": "traces", name: written} if parameter["in"] == "path" else {"file": "traces"}
    address = re.sub(r"{(\w+)}", lambda part: inside.get(part[1], "none"), path)
    return address, {name: payload} if parameter["in"] == "query" else {}


def _is_text(parameter: dict[str, Any]) -> bool:
    shape = str(parameter["schema"])
    return "'string'" in shape and "enum" not in shape and "format" not in shape


def _body(method: str) -> dict[str, Any] | None:
    return {"title": "Mine now", "approved": True} if method in ("POST", "PATCH") else None


def _rows(store: Store) -> dict[str, int]:
    tables = Row.metadata.tables
    with store.read() as connection:
        return {
            name: connection.execute(select(func.count()).select_from(tables[name])).scalar_one() for name in _COUNTED
        }
