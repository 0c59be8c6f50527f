"""The whole API over a database of its own, asked in process by whom a test likes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from httpx2 import Response
from starlette.applications import Starlette
from starlette.testclient import TestClient

from core.access.roles import Person
from core.access.sessions import SignedIn
from core.access.tokens import TokenDraft
from core.access.visit import Visit
from core.api.app import api_routes
from core.chat.turn import Turn
from core.clock import now
from core.settings import Settings
from core.store.database import Store
from core.wiring import Services, open_services

PASSWORD = "four quiet grey herons"
HOME = Visit("192.0.2.7", "Firefox")
Headers = dict[str, str]


@dataclass(frozen=True)
class Doors:
    services: Services
    app: Starlette
    client: TestClient

    def close(self) -> None:
        self.client.__exit__()
        self.services.close()

    def get(self, path: str, headers: Headers | None = None, **parameters: Any) -> Response:
        return self.client.get(path, headers=headers, params=parameters or None)

    def admin(self) -> SignedIn:
        """Set up as the first one."""
        link = self.services.access.people.set_up_link()
        assert link is not None
        return self.services.access.sign_in.set_up(link.secret, "root@example.org", "Root", PASSWORD, HOME)

    def join(self, by: Person, name: str, role: str = "operator") -> SignedIn:
        link = self.services.access.people.invite(by, f"{name.lower()}@example.org", name, role)
        return self.services.access.sign_in.accept(link.secret, PASSWORD, HOME)

    def token(self, by: Person, role: str | None = None, agents: tuple[str, ...] | None = None) -> Headers:
        draft = TokenDraft("a program", role or by.role, now() + timedelta(days=1), agents)
        return bearer(self.services.access.tokens.create(by, draft).secret)

    def say(self, by: Person, text: str, **more: Any) -> Turn:
        """Ask the first agent, and wait for the end."""
        agent = self.services.agents.list(by)[0]
        turn = self.services.turns.send(owner=by, agent_id=agent.id, text=text, **more)
        seen = 0
        while not turn.ended:
            seen += len(turn.get(seen, 10))
        return turn


Open = Callable[..., Doors]


def bearer(secret: str) -> Headers:
    return {"Authorization": f"Bearer {secret}"}


def open_doors(store: Store, folder: Path, **changes: Any) -> Doors:
    chosen = {"data_dir": folder, "database_url": store.url, "simulator_pace": 0, "drain_seconds": 0}
    services = open_services(Settings(_env_file=None, **{**chosen, **changes}))
    app = Starlette(routes=api_routes(lambda: services))
    client = TestClient(app, raise_server_exceptions=False, client=("127.0.0.1", 50_000))
    # Entered, it has one event loop instead of one for each request.
    return Doors(services, app, client.__enter__())
