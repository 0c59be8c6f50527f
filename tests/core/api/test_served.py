"""Streams of the product as it is served: beside the pages, and to a last word when it is told to go."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
from sqlalchemy import create_engine, text

from tests.core.api.programs import MESSAGE
from tests.core.api.sse.reading import read_events
from tests.served import Served, served_at_once


def test_fault_4_told_to_go_it_ends_every_stream_and_every_turn_in_time(tmp_path: Path) -> None:
    with served_at_once(tmp_path / "data", DRAIN_SECONDS="1", ANSWERS_AT_ONCE="30") as server:
        page = httpx2.get(f"{server.url}/chat", headers={"Accept": "text/html"}, timeout=30)
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        with httpx2.Client(base_url=server.url, timeout=30) as http:
            [agent, *_] = http.get("/api/agents").json()["data"]
            assert http.post("/chat", json={"agentId": agent["id"], "message": "[[say: Hi]]"}).json()["reply"] == "Hi"
        with ThreadPoolExecutor(20) as pool:
            readers = [pool.submit(_read, server, agent["id"], n) for n in range(20)]
            _await_running(server, 20)
            began = time.monotonic()
            assert server.stop() == 0
            took = time.monotonic() - began
            lasts = [reader.result() for reader in readers]
    assert lasts == [("error", "shutdown")] * 20
    assert took < 20
    assert _count(server, "running") == 0


def _read(server: Served, agent_id: str, n: int) -> tuple[str | None, str]:
    body = {"agentId": agent_id, "message": f"[[tokens: 5000]] [[first: 0]] [[rate: 50]] {n}"}
    read = read_events(httpx2.post(f"{server.url}{MESSAGE}", json=body, timeout=60).content)
    return read[-1].name, read[-1].data["code"]


def _await_running(server: Served, turns: int) -> None:
    deadline = time.monotonic() + 30
    while _count(server, "running") < turns:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _count(server: Served, status: str) -> int:
    engine = create_engine(f"sqlite:///{server.data_dir / 'app.db'}")
    with engine.connect() as connection:
        counted = text("SELECT count(*) FROM task_trace WHERE status = :status")
        found = int(connection.execute(counted, {"status": status}).scalar_one())
    engine.dispose()
    return found
