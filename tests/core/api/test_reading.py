"""Reading over HTTP: exact money, whole lists, one's own things alone, and problems that name what is wrong."""

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import update

from core.clock import now
from core.store.tables import Message, TraceSpan
from tests.core.api.doors import Doors, Headers, bearer
from tests.core.books.in_store import rows
from tests.core.chat.test_database_faults import wait_until
from tests.core.rows import Rows


@pytest.fixture
def admin(doors: Doors) -> Headers:
    return bearer(doors.admin().cookie)


def data(doors: Doors, headers: Headers, path: str, **parameters: Any) -> Any:
    answer = doors.get(path, headers, **parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def fields(doors: Doors, headers: Headers, path: str, **parameters: Any) -> list[str]:
    """Those that a refusal names."""
    answer = doors.get(path, headers, **parameters)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    return [each["field"] for each in answer.json()["errors"]]


def person(doors: Doors, headers: Headers) -> Any:
    return doors.services.access.bearer(headers["Authorization"].removeprefix("Bearer "))


def talk(doors: Doors, headers: Headers, *texts: str) -> str:
    """A conversation in which that was said."""
    conversation: str | None = None
    for text in texts:
        conversation = doors.say(person(doors, headers), text, conversation_id=conversation).conversation_id
    assert conversation is not None
    return conversation


def test_costs_are_the_sum_of_the_ledger_by_whatever_they_are_grouped(doors: Doors, admin: Headers) -> None:
    talk(doors, admin, "Hello", "And?")
    traces = data(doors, admin, "/api/traces")
    lines = [line for each in traces for line in data(doors, admin, f"/api/traces/{each['id']}")["ledger"]]
    spent = sum(line["amount"]["nanos"] for line in lines)
    assert spent > 0
    for by in ("model", "agent", "user", "day", "hour"):
        answer = doors.get("/api/costs", admin, by=by, zone="Asia/Kathmandu").json()
        assert sum(row["cost"]["nanos"] for row in answer["data"]) == spent
        assert answer["total"]["cost"] == {"nanos": spent, "usd": f"{Decimal(spent) / 10**9:.9f}"}
        assert (answer["total"]["turns"], answer["total"]["calls"], answer["by"]) == (2, 2, by)
        assert "." not in str([row["cost"]["nanos"] for row in answer["data"]])


def test_what_has_no_price_is_null_and_counted_and_never_zero(doors: Doors, admin: Headers) -> None:
    conversation = talk(doors, admin, "Hello")
    spent = data(doors, admin, f"/api/conversations/{conversation}")["cost"]
    agent = data(doors, admin, "/api/agents")[0]["id"]
    unpriced: dict[str, Any] = {"cost_nanos": None, "cost_basis": "unpriced", "started_at": now()}
    Rows(doors.services.store).trace(person(doors, admin).id, agent, conversation, **unpriced)
    [row] = data(doors, admin, "/api/costs")
    assert (row["cost"], row["unpricedCalls"], row["knownCost"], row["calls"]) == (None, 1, spent, 2)
    [trace] = data(doors, admin, "/api/traces", basis="unpriced")
    assert trace["cost"] is None
    assert data(doors, admin, f"/api/conversations/{conversation}")["cost"] is None


def test_pages_of_traces_hold_each_once_and_in_order(doors: Doors, admin: Headers) -> None:
    talk(doors, admin, *"abcde")
    whole = [each["id"] for each in data(doors, admin, "/api/traces")]
    assert len(whole) == 5
    paged, after = list[str](), ""
    while True:
        page = doors.get("/api/traces", admin, limit=2, after=after).json()
        paged += [each["id"] for each in page["data"]]
        if page["next"] is None:
            break
        after = page["next"]
    assert paged == whole


@pytest.mark.each_database
def test_filters_choose_and_find(doors: Doors, admin: Headers) -> None:
    talk(doors, admin, "The heron stands still", "[[fault: cut after 5]] The crane flies")
    agent = data(doors, admin, "/api/agents")[0]["id"]
    assert len(data(doors, admin, "/api/traces", agent=agent, model="claude-sonnet-5-5", zone="Asia/Tokyo")) == 2
    assert [each["status"] for each in data(doors, admin, "/api/traces", status="failed")] == ["failed"]
    assert len(data(doors, admin, "/api/traces", q="heron")) == 1
    assert data(doors, admin, "/api/traces", to="2020-01-01") == []


WRONG: list[tuple[str, dict[str, Any], list[str]]] = [
    ("/api/traces", {"limit": 201}, ["limit"]),
    ("/api/traces", {"after": "bm90IG9uZQ"}, ["after"]),
    ("/api/traces", {"from": "2026-02-30"}, ["from"]),
    ("/api/traces", {"from": "2026-02-03", "to": "2026-02-02"}, ["from"]),
    ("/api/traces", {"zone": "Mars/Olympus"}, ["zone"]),
    ("/api/traces", {"agent": "nobody"}, ["agent"]),
    ("/api/traces", {"status": "done"}, ["status.0"]),
    ("/api/traces", {"agents": "x"}, ["agents"]),
    ("/api/costs", {"by": "month"}, ["by"]),
    ("/api/costs", {"by": "hour", "from": "2026-01-01", "to": "2026-02-01"}, ["by"]),
    ("/api/costs", {"q": "words"}, ["q"]),
    ("/api/conversations", {"archived": "perhaps", "limit": 0}, ["archived", "limit"]),
    ("/api/traces", {"first": "2026-01-01"}, ["first"]),
]


def test_a_wrong_parameter_is_named(accounts: Doors) -> None:
    admin = bearer(accounts.admin().cookie)
    for path, parameters, named in WRONG:
        assert fields(accounts, admin, path, **parameters) == named


def test_a_conversation_is_read_renamed_archived_and_forgotten(doors: Doors, admin: Headers) -> None:
    conversation = talk(doors, admin, "Hello", "And?")
    address = f"/api/conversations/{conversation}"
    messages = data(doors, admin, f"{address}/messages")
    assert [each["role"] for each in messages] == ["user", "assistant"] * 2
    assert (
        messages[1]["turn"]["cost"]["nanos"] + messages[3]["turn"]["cost"]["nanos"]
        == (data(doors, admin, address)["cost"]["nanos"])
    )
    changed = doors.client.patch(address, headers=admin, json={"title": "Herons", "archived": True}).json()["data"]
    assert (changed["title"], changed["archived"], changed["turns"]) == ("Herons", True, 2)
    assert data(doors, admin, "/api/conversations") == []
    assert [each["title"] for each in data(doors, admin, "/api/conversations", archived=True, search="ero")] == [
        "Herons"
    ]
    assert doors.client.patch(address, headers=admin, json={}).status_code == 400
    assert doors.client.delete(address, headers=admin).status_code == 204
    assert doors.get(address, admin).status_code == 404
    assert len(data(doors, admin, "/api/traces")) == 2


def test_b2_what_is_to_be_reconciled_tells_the_most_it_can_have_cost(doors: Doors, admin: Headers) -> None:
    by, services = person(doors, admin), doors.services
    talk(doors, admin, "Hello")
    turn = services.turns.send(owner=by, agent_id=services.agents.list(by)[0].id, text="[[fault: unanswered]]")
    wait_until(lambda: rows(services.store, TraceSpan, task_trace_id=turn.id)[0]["sent_at"] is not None)
    turn.stop()
    wait_until(lambda: turn.ended)
    [call] = data(doors, admin, "/api/traces/unconfirmed")
    [span] = rows(services.store, TraceSpan, task_trace_id=turn.id)
    assert (call["traceId"], call["spanId"], call["reason"]) == (turn.id, span["id"], span["cost_reason"])
    assert call["atMost"]["nanos"] == span["most_nanos"] > 0 == span["cost_nanos"]
    assert call["sentAt"] is not None


@pytest.mark.each_database
def test_words_of_any_kind_arrive(doors: Doors, admin: Headers) -> None:
    """Also those that no encoding takes, which a model may well write."""
    conversation = talk(doors, admin, "Hello")
    odd = [{"type": "text", "text": "half \ud800 \0"}]
    change = update(Message.__table__).values(content=odd)
    doors.services.store.write(lambda connection: connection.execute(change).close()).result()
    [message, _] = data(doors, admin, f"/api/conversations/{conversation}/messages")
    assert message["content"] == [{"type": "text", "text": "half \ufffd \ufffd"}]


def test_everybody_reads_what_is_theirs_and_finance_reads_no_words(doors: Doors, admin: Headers) -> None:
    boss = person(doors, admin)
    ada, fin = (bearer(doors.join(boss, name, role).cookie) for name, role in (("Ada", "operator"), ("Fin", "finance")))
    conversation = talk(doors, admin, '[[call: calculator {"expression": "1+1"}]] Sum')
    [trace] = data(doors, admin, "/api/traces")
    address = f"/api/traces/{trace['id']}"
    assert data(doors, admin, address)["asked"].endswith("Sum")
    assert data(doors, fin, address)["asked"] is None
    assert data(doors, fin, "/api/costs") == data(doors, admin, "/api/costs")
    assert (data(doors, ada, "/api/traces"), data(doors, ada, "/api/costs")) == ([], [])
    for path in (address, f"/api/conversations/{conversation}", f"/api/conversations/{conversation}/messages"):
        assert doors.get(path, ada).status_code == 404
    assert doors.client.delete(f"/api/conversations/{conversation}", headers=ada).status_code == 404


def test_a_file_is_ordered_and_fetched_by_its_link_alone(doors: Doors, admin: Headers) -> None:
    talk(doors, admin, "Hello")
    files = {each["file"]: each for each in data(doors, admin, "/api/exports")}
    asked = {"file": "traces", "filters": {"status": ["completed"], "zone": "Europe/Berlin"}}
    answer = doors.client.post("/api/exports", headers=admin, json=asked)
    links = answer.json()["data"]
    assert answer.status_code == 201
    head, row = doors.get(links["url"]).text.splitlines()
    assert head.split(",") == [column["name"] for column in files["traces"]["columns"]]
    assert doors.get(links["progressUrl"]).json()["state"] == "finished"
    assert doors.get(links["manifestUrl"]).json()["rows"] == 1
    assert row.startswith(data(doors, admin, "/api/traces")[0]["id"])
    operator = doors.token(person(doors, admin), "operator")
    assert doors.client.post("/api/exports", headers=operator, json=asked).status_code == 403
