"""Tools that the provider runs: sent, played, priced to the nano-dollar, resumed after a pause, sent again whole."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.access.local import local_person
from core.agent.mcp.servers import McpServers
from core.chat.turn import Turn
from core.provider.anthropic.client import open_provider
from core.provider.simulator.messages_api import Simulator
from core.provider.simulator.scripted import answer_events, block, streamed
from core.provider.simulator.transport import WireTransport
from core.provider.simulator.wire import WireRequest, WireResponse
from core.registry.agents import AgentDraft, Agents
from core.settings import Settings
from core.store.database import Store
from core.store.tables import LedgerLine
from core.toolbox.toolset import Toolbox
from core.wiring import Services, open_services
from tests.core.agent.toolkit import FINAL, MODEL, USAGE, Strict, says
from tests.core.books.in_store import rows
from tests.core.chat.conftest import ended

SEARCHED = {"server_tool_use": {"web_search_requests": 1, "web_fetch_requests": 0}}
CALL = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "tea"}}
RESULT = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
CALL_COST = 100 * 4_000 + 20 * 20_000


class Overheard(Simulator):
    """The simulator, and what it was asked."""

    def __init__(self) -> None:
        super().__init__(pace=0)
        self.bodies: list[dict[str, Any]] = []

    def answer(self, request: WireRequest) -> WireResponse:
        self.bodies.append(request.json())
        return super().answer(request)


class Asked:
    """An agent with these tools, answered by this."""

    def __init__(self, store: Store, folder: Path, answers: Any, *tools: str) -> None:
        url = store.url
        chosen = Settings(_env_file=None, data_dir=folder, database_url=url, anthropic_api_key="k", drain_seconds=0)
        self.services: Services = open_services(chosen, open_provider(chosen, WireTransport(answers)))
        draft = AgentDraft("Searcher", "", MODEL, "", 2_000, False, (), tools=tools)
        self.agent = self.services.agents.create(self.services.me, draft)

    def send(self, text: str, conversation_id: str | None = None) -> Turn:
        services = self.services
        return services.turns.send(
            owner=services.me, agent_id=self.agent.id, text=text, conversation_id=conversation_id
        )


@pytest.fixture
def overheard() -> Overheard:
    return Overheard()


@pytest.fixture
def asked(store: Store, tmp_path: Path, overheard: Overheard) -> Iterator[Asked]:
    asked = Asked(store, tmp_path, overheard, "web_search", "web_fetch", "code_execution", "calculator")
    yield asked
    asked.services.close()


@pytest.fixture
def script(store: Store, tmp_path: Path) -> Iterator[tuple[Asked, Strict]]:
    strict = Strict()
    asked = Asked(store, tmp_path, strict, "web_search")
    yield asked, strict
    asked.services.close()


def kinds(asked: Asked, turn: Turn) -> list[str]:
    answer = asked.services.conversations.transcript(asked.services.me, turn.conversation_id)[-1]
    return [block["type"] for block in answer.blocks]


def lines(store: Store, turn: Turn) -> dict[str, tuple[int, int]]:
    found = rows(store, LedgerLine, task_trace_id=turn.id)
    units = sorted({row["unit"] for row in found})
    return {
        unit: tuple(sum(row[of] for row in found if row["unit"] == unit) for of in ("quantity", "amount_nanos"))
        for unit in units
    }


def test_a_search_is_offered_made_and_priced_as_its_own_line(store: Store, asked: Asked, overheard: Overheard) -> None:
    end = ended(turn := asked.send("Search the web for tea"))
    assert [tool["name"] for tool in overheard.bodies[0]["tools"]] == [
        "calculator",
        "web_search",
        "web_fetch",
        "code_execution",
    ]
    assert kinds(asked, turn) == ["thinking", "server_tool_use", "web_search_tool_result", "text"]
    assert (end.status, end.usage.web_searches) == ("completed", 1)
    billed = lines(store, turn)
    assert billed["web_search"] == (1, 10_000_000)
    assert end.total == sum(amount for _, amount in billed.values())
    answer = asked.services.conversations.transcript(asked.services.me, turn.conversation_id)[-1]
    assert answer.turn is not None
    assert (answer.turn.usage.web_searches, answer.turn.total) == (1, end.total)


def test_what_was_found_is_sent_again_with_the_next_question(asked: Asked, overheard: Overheard) -> None:
    first = asked.send('[[call: web_search {"query": "tea"}]]')
    ended(first)
    assert ended(asked.send("And?", first.conversation_id)).status == "completed"
    again = [block["type"] for block in overheard.bodies[-1]["messages"][1]["content"]]
    assert again[-3:] == ["server_tool_use", "web_search_tool_result", "text"]


def test_a_pause_goes_on_and_both_calls_cost_exactly_what_they_took(store: Store, script: tuple[Asked, Strict]) -> None:
    asked, strict = script
    strict.give(
        streamed(answer_events(model=MODEL, usage=USAGE, final=FINAL, blocks=[block(CALL)], stop_reason="pause_turn")),
        streamed(answer_events("Tea.", model=MODEL, usage=USAGE, final={**FINAL, **SEARCHED}, blocks=[block(RESULT)])),
    )
    end = ended(turn := asked.send("Go."))
    assert (end.status, end.total, end.basis) == ("completed", 2 * CALL_COST + 10_000_000, "computed")
    assert lines(store, turn)["web_search"] == (1, 10_000_000)
    assert strict.messages[1][-1] == {"role": "assistant", "content": [CALL]}
    assert kinds(asked, turn) == ["server_tool_use", "web_search_tool_result", "text"]


def test_a_search_that_was_cut_off_is_not_sent_again(script: tuple[Asked, Strict]) -> None:
    asked, strict = script
    begun = answer_events("Let me", model=MODEL, usage=USAGE, calls=[block(CALL)], stop_reason="pause_turn")
    strict.give(streamed(begun), streamed(answer_events(model=MODEL, usage=USAGE)[:1], end="cut"), says("Better."))
    first = asked.send("Go.")
    assert ended(first).status == "failed"
    assert ended(asked.send("Again.", first.conversation_id)).status == "completed"
    assert [block["type"] for block in strict.messages[-1][1]["content"]] == ["text"]


@pytest.mark.anyio
async def test_a_model_that_nobody_knows_is_not_sent_them_and_the_reader_is_told(sqlite_store: Store) -> None:
    agents = Agents(sqlite_store)
    draft = AgentDraft("Searcher", "", MODEL, "", 2_000, False, (), tools=("web_search", "calculator"))
    agent = replace(agents.create(local_person(sqlite_store), draft), model="claude-next")
    toolset = await Toolbox({}, McpServers(tuple), agents, open_provider(Settings(_env_file=None))).equip(
        agent, (agent.id,)
    )
    assert toolset.definitions == []
    assert toolset.warnings == (
        "Web search (Anthropic) was left out: which version of it claude-next takes is not known.",
    )
