"""What a new installation begins with."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from core.access.encryption import EncryptionKeys
from core.access.local import local_person
from core.agent.mcp.naming import is_of
from core.agent.tools.catalogue import CATALOGUE
from core.demo.agents import PEOPLE, read_demo_agents, seed
from core.provider.models import find_model
from core.registry.agent_draft import AgentDraft
from core.registry.agents import Agents
from core.registry.mcp_registry import McpRegistry
from core.store.database import Store, open_store

DRAFTS = read_demo_agents()
KEYS = EncryptionKeys(SecretStr(Fernet.generate_key().decode()), Path("none"))


def begun(store: Store) -> Agents:
    agents = Agents(store)
    seed(agents, McpRegistry(store, KEYS), local_person(store).id)
    return agents


def test_an_empty_installation_begins_with_agents_and_a_server_once(store: Store) -> None:
    seeded = begun(store).active()
    assert begun(store).active() == seeded
    assert [view.name for view in seeded] == [draft.name for draft in DRAFTS]
    ids = {view.name: view.id for view in seeded}
    assert [view.delegates for view in seeded] == [tuple(ids[name] for name in draft.delegates) for draft in DRAFTS]
    assert [server.name for server in McpRegistry(store, KEYS).known()] == [PEOPLE.name]


def test_an_installation_with_any_agent_is_left_alone(store: Store) -> None:
    agents, me = Agents(store), local_person(store)
    only = agents.create(me, replace(DRAFTS[0], name="Only"))
    agents.set_active(me, only.id, active=False)
    begun(store)
    assert [view.id for view in agents.list(me, include_inactive=True)] == [only.id]
    assert McpRegistry(store, KEYS).known() == []


@pytest.mark.each_database
def test_processes_that_start_together_seed_once(store: Store) -> None:
    local_person(store)
    stores = [open_store(store.url) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(begun, stores))
    for each in stores:
        each.close()
    assert len(Agents(store).active()) == len(DRAFTS)
    assert len(McpRegistry(store, KEYS).known()) == 1


@pytest.mark.parametrize("draft", DRAFTS, ids=lambda draft: draft.name)
def test_a_demo_agent_is_ready_for_use(draft: AgentDraft) -> None:
    model = find_model(draft.model)
    assert model is not None
    assert (model.legacy, model.retires, model.by_invitation) == (False, None, False)
    assert len(set(draft.starters)) == 3
    assert draft.description
    assert len(draft.system_prompt) > 500
    assert all(name in CATALOGUE or is_of(name, PEOPLE.name) for name in draft.tools)
    asks_first = {name for name in draft.tools if name in CATALOGUE and CATALOGUE[name].asks_first}
    assert set(draft.ask_first) == asks_first


def test_one_demo_agent_thinks_and_one_is_long_enough_for_any_current_models_cache() -> None:
    assert [draft.thinking for draft in DRAFTS].count(True) == 1
    # Five characters a token is more than English text ever has, so this is a safe lower bound.
    assert max(len(draft.system_prompt) for draft in DRAFTS) / 5 > 1_100
