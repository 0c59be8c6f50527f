"""Services whose provider plays a script and whose first agent may use the test tools."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

from core.chat.turn import Turn
from core.provider.anthropic.client import open_provider
from core.provider.simulator.transport import WireTransport
from core.provider.simulator.wire import WireResponse
from core.registry.agents import AgentDraft
from core.settings import Settings
from core.store.database import Store
from core.store.tables import LedgerLine, Message, TaskTrace, TraceSession, TraceSpan
from core.wiring import Services, open_services
from tests.core.agent.toolkit import MODEL, TOOLS, Strict
from tests.core.books.in_store import rows
from tests.core.books.test_sums import assert_priced, assert_sums
from tests.core.provider.other import OtherProvider
from tests.core.provider.other_wire import OtherWire

HELPERS_MODEL = "claude-haiku-4-5"


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

    def draft(self, agent_id: str, **changes: Any) -> AgentDraft:
        """An agent as it is but for the changes."""
        view = self.services.agents.known(agent_id)
        kept = {name: getattr(view, name) for name in AgentDraft.__dataclass_fields__}
        return AgentDraft(**{**kept, **changes})

    def change(self, **changes: Any) -> None:
        self.services.agents.edit(self.services.me, self.agent_id, self.draft(self.agent_id, **changes))

    def helper(self, name: str = "Helper", **changes: Any) -> str:
        """Another agent; returns its id."""
        draft = replace(AgentDraft(name, "Helps.", HELPERS_MODEL, "", 4_000, False, ()), **changes)
        return self.services.agents.create(self.services.me, draft).id

    def answer(self, turn: Turn) -> Any:
        return self.services.conversations.transcript(self.services.me, turn.conversation_id)[-1]


def workshop(
    store: Store,
    folder: Path,
    answers: Iterable[WireResponse],
    *,
    consent_seconds: float = 60,
    other: bool = False,
    turn_seconds: float = 900,
    drain_stopped_seconds: float = 0,
    **limits: Any,
) -> Workshop:
    """To be closed by whoever opens it; calls wait for consent that many seconds.

    With ``other`` the script is told by another provider, on its own wire.
    """
    chosen = Settings(
        _env_file=None,
        data_dir=folder,
        database_url=store.url,
        anthropic_api_key="key",
        drain_seconds=0,
        approval_seconds=consent_seconds,
        turn_seconds=turn_seconds,
        drain_stopped_seconds=drain_stopped_seconds,
    )
    script = Strict(*answers)
    provider = OtherProvider(OtherWire(script)) if other else open_provider(chosen, WireTransport(script))
    services = open_services(chosen, provider, TOOLS)
    draft = AgentDraft("Worker", "", MODEL, "", 4_000, True, (), tools=tuple(TOOLS), **limits)
    known = [agent.id for agent in services.agents.list(services.me) if agent.name == draft.name]
    agent_id = known[0] if known else services.agents.create(services.me, draft).id
    return Workshop(services, script, agent_id)


Open: TypeAlias = Callable[..., Workshop]


def calls(store: Store, turn: Turn) -> list[Any]:
    """A turn's tool spans in the order they were opened."""
    found = rows(store, TraceSpan, task_trace_id=turn.id, kind="tool")
    return sorted(found, key=lambda row: (row["iteration"], row["id"]))


def assert_adds_up(store: Store, turn: Turn) -> None:
    (trace,) = rows(store, TaskTrace, id=turn.id)
    sessions = rows(store, TraceSession, task_trace_id=turn.id)
    spans = rows(store, TraceSpan, task_trace_id=turn.id)
    lines = rows(store, LedgerLine, task_trace_id=turn.id)
    told = {row["id"]: row["status"] for row in [trace, *sessions, *spans]}
    assert "running" not in told.values(), told
    assert_sums([trace], sessions)
    assert_sums(sessions, spans)
    assert_priced(spans, lines)
    assert all((span["cost_nanos"], span["cost_basis"]) == (0, "computed") for span in spans if span["kind"] == "tool")


def assert_whole(store: Store, turn: Turn) -> list[dict[str, Any]]:
    """Every call in the answer has one result, in order, and one span; returns the answer's blocks."""
    (answer,) = rows(store, Message, task_trace_id=turn.id, role="assistant")
    asked = [block["id"] for block in answer["content"] if block["type"] == "tool_use"]
    assert [block["tool_use_id"] for block in answer["content"] if block["type"] == "tool_result"] == asked
    assert sorted(row["tool_use_id"] for row in calls(store, turn)) == sorted(asked)
    return list(answer["content"])
