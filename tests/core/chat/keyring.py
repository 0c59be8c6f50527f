"""Services whose provider and simulator are one recording wire, and the keys that came over it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.access.roles import Person
from core.chat.turn import Turn
from core.provider.anthropic.client import open_provider
from core.provider.simulator.messages_api import Simulator
from core.provider.simulator.transport import WireTransport
from core.provider.simulator.wire import Answers, WireRequest, WireResponse
from core.settings import Settings
from core.store.database import Store
from core.wiring import Services, open_services

FROM_ENVIRONMENT = "sk-ant-api03-environment-0000"
ORGANISATIONS = "sk-ant-api03-organisation-0001"
OWN = "sk-ant-api03-own-0002"
SIMULATED = "none"


@dataclass
class Recording:
    """Answers as the simulator does, or as ``instead`` does."""

    instead: Answers | None = None
    requests: list[WireRequest] = field(default_factory=list)
    simulator: Answers = field(default_factory=lambda: Simulator(pace=0))

    def answer(self, request: WireRequest) -> WireResponse:
        self.requests.append(request)
        return (self.instead or self.simulator).answer(request)

    @property
    def keys(self) -> list[str]:
        return [_key(request.headers) for request in self.requests]


def _key(headers: Mapping[str, str]) -> str:
    return headers["authorization"].removeprefix("Bearer ")


@dataclass
class Keyring:
    services: Services
    wire: Recording

    @property
    def me(self) -> Person:
        return self.services.me

    def say(self, text: str = "Hello", conversation_id: str | None = None, **more: Any) -> Turn:
        agent_id = self.services.agents.list(self.me)[0].id
        more = {"owner": self.me, "agent_id": agent_id, **more}
        return self.services.turns.send(text=text, conversation_id=conversation_id, **more)


def keyring(store: Store, folder: Path, **changes: Any) -> Keyring:
    """To be closed by whoever opens it."""
    given = {"data_dir": folder, "database_url": store.url, "drain_seconds": 0, "attempts": 1, **changes}
    chosen, wire = Settings(_env_file=None, **given), Recording()
    return Keyring(open_services(chosen, open_provider(chosen, WireTransport(wire))), wire)
