"""Who may do what holds in every core function: roles by functions, and one person's ids in another one's hands."""

import inspect
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from core.access.access import Access
from core.access.roles import Person, may
from core.demo.cast import read_cast
from core.errors import ConversationBusy, NotAllowed, NotFound
from core.store.database import Store
from core.wiring import Services
from tests.core.access.calls import ABOUT_AN_ID, CALLS
from tests.core.access.world import World, a_world, outcome
from tests.core.demo.looks import contents

MACHINERY = {
    "Settings": "how the process is set up",
    "Store": "the database itself",
    "EncryptionKeys": "what secrets in the database are sealed with",
    "Provider": "asked by turns alone",
    "PriceBook": "published prices, nobody's",
    "Engine": "runs what was let in",
    "Books": "writes the books of what was let in",
    "Refresher": "sums up for nobody in particular",
    "McpServers": "asked by turns, and by McpStatus",
}
FOR_NOBODY = {
    "Agents.known": "for what runs inside a turn",
    "Agents.active": "for what runs inside a turn",
    "Agents.any": "asked at the start",
    "Agents.begin_with": "done at the start",
    "McpRegistry.known": "for McpStatus, which tells no more than one may know",
    "McpRegistry.active": "for the connections",
    "McpRegistry.begin_with": "done at the start",
    "Credentials.anybody": "for ProviderKeys.answers_here",
    "ProviderKeys.answers_here": "says only what kinds of answers there are, to everybody",
    "Bounds.of": "for what runs inside a turn",
    "Bounds.refresh": "a chore of the engine",
    "Costs.accuracy": "of all replies together, and no sum",
    "Approvals.ask": "by the turn that waits",
    "Approvals.verdict": "by the turn that waits",
    "Turns.prepare": "for an agent that one was given",
    "Exports.begin": "the order says for whom, and is judged anew: see test_exports_access",
    "Exports.known": "the order says for whom, and is judged anew: see test_exports_access",
    "Exports.close": "at the end of the process",
    "Access.bearer": "finds out who asks",
    "SignIn.sign_in": "finds out who asks",
    "SignIn.open_link": "the link says who asks",
    "SignIn.accept": "the link says who asks",
    "SignIn.set_up": "the link says who asks",
    "Sessions.check": "finds out who asks",
    "Sessions.sign_out": "the cookie says who asks",
    "Tokens.check": "finds out who asks",
    "People.is_set_up": "asked before anybody can sign in",
    "People.set_up_link": "for the server's console",
    "People.rescue_link": "for the server's console",
    "Credentials.check": "done at the start",
    "Credentials.key_for": "for ProviderKeys",
    "Turns.free": "of a key of their own, named by whom it is",
    "Credentials.whose": "for ProviderKeys",
    "Credentials.tested": "for ProviderKeys",
    "Credentials.rotate": "for the server's console",
    "SignIn.change_password": "for the session that asks, which it is given",
}


def parts() -> Iterator[type]:
    """The classes of what the services are made of."""
    for owner in (Services, Access):
        for hint in get_type_hints(owner).values():
            if inspect.isclass(hint) and hint.__module__.startswith("core.") and hint.__name__ not in MACHINERY:
                yield hint


def functions() -> dict[str, list[str]]:
    """The parameters of every public method."""
    return {
        f"{part.__name__}.{name}": list(inspect.signature(function).parameters)[1:]
        for part in parts()
        for name, function in inspect.getmembers(part, inspect.isfunction)
        if not name.startswith("_")
    }


@pytest.fixture
def world(store: Store, tmp_path: Path) -> Iterator[World]:
    """In which neither a server need be started nor a demo month be loaded."""
    with a_world(store, tmp_path) as made:
        services, me = made.services, made.services.me
        [server] = services.registry.known()
        services.registry.set_active(me, server.id, False)
        services.agents.create(me, replace(services.agents.active()[0], name=read_cast().agents[0].name))
        yield made


def test_every_function_is_told_who_asks_first() -> None:
    found = functions()
    assert set(FOR_NOBODY) <= set(found)
    told = set(found) - set(FOR_NOBODY)
    assert {name for name in told if found[name][:1] not in (["by"], ["owner"])} == set()
    assert told == set(CALLS), "what a function needs stands in calls.py"
    about = {name for name in told if any(each.endswith("_id") for each in found[name])}
    known = {"Agents", "Budgets", "McpRegistry", "McpStatus", "People"}
    assert {name for name in about if name.partition(".")[0] not in known} - {"Audit.list"} <= set(ABOUT_AN_ID)


def test_each_role_may_call_what_the_table_says_and_is_refused_the_rest(world: World) -> None:
    somebody = world.others["admin"]
    token = Person(somebody.id, somebody.name, "admin", "t")
    narrow = Person(somebody.id, somebody.name, "admin", "t", frozenset({world.ids["agent"]}))
    unknown = dict.fromkeys(world.ids, "unknown") | {"agent": world.ids["agent"]}
    for by in (*world.others.values(), token, narrow):
        for name, call in CALLS.items():
            found = outcome(world, call.ask, by, {**unknown, "person": by.id})
            refused = isinstance(found, tuple) and found[:1] == (NotAllowed,)
            assert refused != may(by, call.needs), (name, by, found)


def test_a_role_that_nobody_knows_gets_nothing(world: World) -> None:
    nobody = Person(world.ada.id, "Ada", "root")
    before = contents(world.services.store)
    for name, call in CALLS.items():
        found = outcome(world, call.ask, nobody, world.ids)
        refused = isinstance(found, tuple) and found[:1] in {(NotAllowed,), (NotFound,)}
        assert refused or not found or name in {"People.own", "ProviderKeys.answering"}, (name, found)
    assert contents(world.services.store) == before


def test_t11_of_others_there_is_as_much_as_of_nobody(world: World) -> None:
    """For an admin of what others wrote as well, but in traces; for a token of what other agents were asked."""
    elsewhere = frozenset({world.services.agents.active()[1].id})
    conversing, all_of_it = ("Conversations", "Turns", "Answers", "Approvals"), tuple(ABOUT_AN_ID)
    unknown = {name: f"unknown-{name}" for name in world.ids}
    before = contents(world.services.store)
    for by, theirs in (
        (world.others["operator"], all_of_it),
        (world.others["admin"], conversing),
        (Person(world.ada.id, "Ada", "operator", "t", elsewhere), (*conversing, "Traces", "Costs.total")),
    ):
        for name, call in ABOUT_AN_ID.items():
            if name.startswith(theirs):
                nothing = outcome(world, call.ask, by, unknown)
                assert outcome(world, call.ask, by, world.ids) == nothing, (by, name)
    assert contents(world.services.store) == before


def test_t11_nobody_takes_over_a_conversation_by_naming_it_as_a_new_one(world: World) -> None:
    services, before = world.services, contents(world.services.store)
    where: dict[str, Any] = {
        "agent_id": world.ids["agent"],
        "text": world.ids["text"],
        "draft_id": world.ids["conversation"],
    }
    with pytest.raises(ConversationBusy):
        services.turns.send(owner=world.others["admin"], **where)
    assert contents(services.store) == before


def test_the_owner_gets_all_of_it(world: World) -> None:
    """Or else the comparisons above would hold of nothing."""
    for name, call in ABOUT_AN_ID.items():
        if name not in {"Conversations.delete", "Turns.send", "Turns.post"}:
            found = outcome(world, call.ask, world.ada, world.ids)
            assert not (isinstance(found, tuple) and found[:1] == (NotFound,)), (name, found)
