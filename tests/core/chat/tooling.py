"""Services whose provider plays a script and whose first agent may use the test tools."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.chat.agents import AgentDraft
from core.chat.turn import Turn
from core.provider.client import open_provider
from core.provider.simulator.transport import WireTransport
from core.provider.simulator.wire import WireResponse
from core.settings import Settings
from core.store.database import Store
from core.wiring import Services, open_services
from tests.core.agent.toolkit import MODEL, TOOLS, Strict


@dataclass(frozen=True)
class Workshop:
    """``script`` may be given further answers while it is open."""

    services: Services
    script: Strict
    agent_id: str

    def send(self, text: str = "Go.", conversation_id: str | None = None, **more: Any) -> Turn:
        services = self.services
        more = {"agent_id": self.agent_id, "conversation_id": conversation_id, **more}
        return services.turns.send(owner=services.me, text=text, **more)

    def limit(self, **limits: int) -> None:
        view = self.services.agents.get(self.agent_id)
        kept = {name: getattr(view, name) for name in AgentDraft.__dataclass_fields__}
        self.services.agents.edit(self.agent_id, AgentDraft(**{**kept, **limits}), self.services.me.id)

    def answer(self, turn: Turn) -> Any:
        return self.services.conversations.transcript(self.services.me.id, turn.conversation_id)[-1]


def workshop(store: Store, folder: Path, answers: Iterable[WireResponse], **limits: Any) -> Workshop:
    """To be closed by whoever opens it."""
    chosen = Settings(_env_file=None, data_dir=folder, database_url=store.url, anthropic_api_key="key", drain_seconds=0)
    script = Strict(*answers)
    services = open_services(chosen, open_provider(chosen, WireTransport(script)), TOOLS)
    draft = AgentDraft("Worker", "", MODEL, "", 4_000, True, (), tools=tuple(TOOLS), **limits)
    known = [agent.id for agent in services.agents.list() if agent.name == draft.name]
    agent_id = known[0] if known else services.agents.create(draft, services.me.id).id
    return Workshop(services, script, agent_id)
