"""What somebody types is kept as typed or refused, wherever it goes: nothing in it is silently replaced."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeAlias, get_type_hints

import pytest

from core.access.roles import Person
from core.access.tokens import TokenDraft
from core.budgets.budgets import BudgetDraft
from core.clock import now
from core.errors import InputError
from core.registry.agents import AgentDraft
from core.registry.mcp_registry import McpServerDraft
from core.store.database import Store
from tests.core.access.calls import CALLS
from tests.core.access.test_matrix import parts
from tests.core.access.world import World, a_world

Type: TypeAlias = Callable[[World, Person, str], object]
"""Has an admin type the text."""

AGENT = AgentDraft("New", "", "claude-haiku-5-5", "", 1_000, False, ())
SERVER = McpServerDraft("New", "stdio", command="x")


def _agent(**changes: Any) -> Callable[[World, Person], object]:
    return lambda world, by: world.services.agents.create(by, replace(AGENT, **changes))


def _server(**changes: Any) -> Callable[[World, Person], object]:
    return lambda world, by: world.services.registry.register(by, replace(SERVER, **changes))


def _token(world: World, by: Person, text: str) -> object:
    return world.services.access.tokens.create(by, TokenDraft(text, "operator", now() + timedelta(days=1)))


TYPED: Mapping[str, Type] = {
    "AgentDraft.name": lambda w, by, text: _agent(name=text)(w, by),
    "AgentDraft.description": lambda w, by, text: _agent(description=text)(w, by),
    "AgentDraft.model": lambda w, by, text: _agent(model=text)(w, by),
    "AgentDraft.system_prompt": lambda w, by, text: _agent(system_prompt=text)(w, by),
    "AgentDraft.starters": lambda w, by, text: _agent(starters=(text,))(w, by),
    "AgentDraft.tools": lambda w, by, text: _agent(tools=(text,))(w, by),
    "AgentDraft.ask_first": lambda w, by, text: _agent(ask_first=(text,))(w, by),
    "AgentDraft.delegates": lambda w, by, text: _agent(delegates=(text,))(w, by),
    "McpServerDraft.name": lambda w, by, text: _server(name=text)(w, by),
    "McpServerDraft.transport": lambda w, by, text: _server(transport=text)(w, by),
    "McpServerDraft.command": lambda w, by, text: _server(command=text)(w, by),
    "McpServerDraft.args": lambda w, by, text: _server(args=(text,))(w, by),
    "McpServerDraft.url": lambda w, by, text: _server(transport="http", url=f"https://{text}.example")(w, by),
    "McpServerDraft.secrets": lambda w, by, text: _server(secrets={"KEY": text})(w, by),
    "TokenDraft.name": _token,
    "TokenDraft.role": lambda w, by, text: w.services.access.tokens.create(
        by, TokenDraft("t", text, now() + timedelta(days=1))
    ),
    "TokenDraft.agents": lambda w, by, text: w.services.access.tokens.create(
        by, TokenDraft("t", "operator", now() + timedelta(days=1), (text,))
    ),
    "Turns.send text": lambda w, by, text: w.services.turns.send(owner=by, agent_id=w.ids["agent"], text=text),
    "Turns.post text": lambda w, by, text: w.services.turns.post(owner=by, agent_id=w.ids["agent"], text=text),
    "Conversations.rename title": lambda w, by, text: w.services.conversations.rename(
        w.ada, w.ids["conversation"], text
    ),
    "Approvals.decide reason": lambda w, by, text: w.services.approvals.decide(
        w.ada, w.ids["span"], approved=False, reason=text
    ),
    "People.rename name": lambda w, by, text: w.services.access.people.rename(by, text),
    "People.invite name": lambda w, by, text: w.services.access.people.invite(by, "n@example.org", text, "operator"),
    "People.invite email": lambda w, by, text: w.services.access.people.invite(by, text, "New", "operator"),
    "People.invite role": lambda w, by, text: w.services.access.people.invite(by, "n@example.org", "New", text),
    "People.set_role role": lambda w, by, text: w.services.access.people.set_role(by, w.ada.id, text),
    "ProviderKeys.set secret": lambda w, by, text: w.services.keys.set(by, text * 20, organisation=True),
    "Credentials.set secret": lambda w, by, text: w.services.access.credentials.set(by, text * 20, organisation=True),
    "Credentials.acceptable secret": lambda w, by, text: w.services.access.credentials.acceptable(
        by, text * 20, organisation=True
    ),
}
KEPT_NOWHERE = {
    "Answers.follow after",
    "Audit.list before",
    "Audit.list what",
    "BudgetDraft.period",
    "BudgetDraft.reserve",
    "BudgetDraft.scope",
    "BudgetDraft.subject_id",
    "Budgets.change reserve",
    "Conversations.list search",
    "Conversations.newest_mention words",
    "Conversations.previews ids",
    "Costs.parts unit",
    "Exports.order file",
    "Exports.order zone",
    "Traces.page before",
    "Turns.post key",
    "Turns.send replaces",
    "Turns.send source",
}
"""It is looked for, or chooses, or names what there is; a program's own key came through the door of programs."""


def texts() -> Iterator[str]:
    """Every parameter of a core function, and every field of a draft, that takes somebody's words."""
    members = ((part, each) for part in parts() for each in inspect.getmembers(part, inspect.isfunction))
    for part, (name, function) in members:
        if f"{part.__name__}.{name}" in CALLS:
            for parameter, kind in get_type_hints(function).items():
                yield from _of(f"{part.__name__}.{name}", parameter, kind)


def _of(function: str, parameter: str, kind: Any) -> Iterator[str]:
    if kind in (AgentDraft, McpServerDraft, TokenDraft, BudgetDraft):
        yield from (f"{kind.__name__}.{each.name}" for each in fields(kind) if _is_text(each.type))
    elif parameter != "return" and not parameter.endswith(("_id", "_key")) and _is_text(kind):
        yield f"{function} {parameter}"


def _is_text(kind: Any) -> bool:
    return "str" in str(kind) or "Literal" in str(kind) or "Transport" in str(kind)


@pytest.fixture(scope="module")
def names() -> set[str]:
    return set(texts())


def test_h3_every_text_that_core_takes_is_in_the_table(names: set[str]) -> None:
    assert names == set(TYPED) | KEPT_NOWHERE


@pytest.fixture
def world(store: Store, tmp_path: Path) -> Iterator[World]:
    with a_world(store, tmp_path) as made:
        yield made


@pytest.mark.parametrize("bad", ["a\0b", "a\ud800b"])
def test_h3_what_cannot_be_kept_as_typed_is_refused_wherever_it_is_typed(world: World, bad: str) -> None:
    accepted = []
    for name, type_it in TYPED.items():
        try:
            type_it(world, world.others["admin"], bad)
        except InputError:
            continue
        accepted.append(name)
    assert accepted == []
