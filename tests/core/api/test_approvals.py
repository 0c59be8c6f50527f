"""Programs see which tools wait for consent, and give it."""

from pathlib import Path

import httpx2

from core.api.app import api
from core.store.database import Store
from tests.core.agent.toolkit import asks, says
from tests.core.api.conftest import serving
from tests.core.api.programs import MESSAGE
from tests.core.api.sse.reading import read_events
from tests.core.chat.tooling import workshop


def test_a_stream_says_what_waits_and_goes_on_when_it_is_allowed(sqlite_store: Store, tmp_path: Path) -> None:
    answers = (asks(("a", "echo", {"say": "Hi"})), says("Other."), says("Done."))
    shop = workshop(sqlite_store, tmp_path, answers, ask_first=("echo",))
    body = {"agentId": shop.agent_id, "message": "Go."}
    with (
        serving(api(lambda: shop.services)) as port,
        httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as http,
    ):
        with http.stream("POST", MESSAGE, json=body) as stream:
            pieces, heard = stream.iter_bytes(), b""
            while b"awaiting_approval" not in heard:
                heard += next(pieces)
            address = f"/api/command-center/{stream.headers['x-task-trace-id']}/approvals"
            [waiting] = http.get(address).json()["data"]
            assert (waiting["tool"], waiting["input"]) == ("echo", '{"say": "Hi"}')
            elsewhere = _other_turn(http, body)
            decision = f"{elsewhere}/{waiting['spanId']}"
            assert http.post(decision, json={"approved": True}).status_code == 404
            assert http.post(f"{address}/{waiting['spanId']}", json={"approved": True, "by": "x"}).status_code == 400
            assert http.post(f"{address}/{waiting['spanId']}", json={"approved": True}).status_code == 204
            read = read_events(heard + b"".join(pieces))
        assert http.get(address).json() == {"data": []}
    shop.services.close()
    states = [event.data["status"] for event in read if event.name == "tool_progress"]
    assert states == ["executing", "awaiting_approval", "completed"]
    assert read[-1].name == "done"


def _other_turn(http: httpx2.Client, body: dict[str, str]) -> str:
    """Where consents of another turn of the same person are decided."""
    trace = http.post(MESSAGE, json=body).headers["x-task-trace-id"]
    return f"/api/command-center/{trace}/approvals"
