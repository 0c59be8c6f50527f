"""Programs that talk to a served API, and the people behind them."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeAlias

import httpx2

from core.access.roles import Person
from core.access.tokens import NewToken, TokenDraft
from core.clock import now
from core.wiring import Services
from tests.core.api.sse.reading import Read, read_events
from tests.core.rows import Rows

Answer: TypeAlias = httpx2.Response

MESSAGE = "/api/command-center/message"
SLOW = "[[tokens: 2000]] [[pace: 1]] [[first: 0]] [[rate: 200]]"


@dataclass(frozen=True)
class Program:
    """One that holds a token or, without sign-in, needs none."""

    services: Services
    http: httpx2.Client
    agent_id: str
    open: ExitStack

    def post(self, text: str, door: str = MESSAGE, *, key: str = "", json: bool = False, **body: Any) -> Answer:
        headers = {"Idempotency-Key": key} if key else {}
        if json:
            headers["Accept"] = "application/json"
        agent = {} if "agent" in body or "agentId" in body else {"agentId": self.agent_id}
        return self.http.post(door, json={**agent, "message": text, **body}, headers=headers)

    def events(self, text: str, door: str = MESSAGE, **more: Any) -> list[Read]:
        answer = self.post(text, door, **more)
        assert answer.status_code == 200, answer.text
        return read_events(answer.content)

    @contextmanager
    def stream(self, text: str, **body: Any) -> Iterator[httpx2.Response]:
        given = {"agentId": self.agent_id, "message": text, **body}
        with self.http.stream("POST", MESSAGE, json=given) as answer:
            assert answer.status_code == 200
            yield answer

    def resume(self, task_trace_id: str, after: str = "", **query: str) -> httpx2.Response:
        headers = {"Last-Event-ID": after} if after else {}
        return self.http.get(f"/api/command-center/streams/{task_trace_id}", headers=headers, params=query)

    def with_token(self, secret: str) -> "Program":
        http = httpx2.Client(base_url=self.http.base_url, timeout=20, headers={"Authorization": f"Bearer {secret}"})
        return replace(self, http=self.open.enter_context(http))


def token_for(services: Services, person: Person, *agents: str, consents: bool = False) -> NewToken:
    draft = TokenDraft("A program", person.role, now() + timedelta(days=1), agents or None, consents)
    return services.access.tokens.create(person, draft)


def somebody(services: Services, name: str = "Ada") -> Person:
    return Person(Rows(services.store).person(name), name, "operator")
