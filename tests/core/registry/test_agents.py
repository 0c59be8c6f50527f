"""The registry of agents on both databases: versions, names, what is refused, the demo agents."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine

from core.access.audit import Audit
from core.access.local import local_person
from core.access.roles import Person
from core.agent.limits import Limits
from core.errors import InputError, NotAllowed, NotFound
from core.registry.agents import AgentDraft, Agents, AgentView, limits_of
from core.store.database import Store, open_store

DRAFT = AgentDraft(
    name="Researcher",
    description="Looks things up.",
    model="claude-sonnet-5-5",
    system_prompt="You look things up.",
    max_output_tokens=2_000,
    thinking=False,
    starters=("What is new?", "What is old?"),
)


@pytest.fixture
def agents(store: Store) -> Agents:
    return Agents(store)


@pytest.fixture
def me(store: Store) -> Person:
    return local_person(store)


def draft_of(view: AgentDraft) -> AgentDraft:
    return AgentDraft(**{name: getattr(view, name) for name in AgentDraft.__dataclass_fields__})


def test_a_created_agent_is_found_as_it_was_drafted(agents: Agents, me: Person) -> None:
    made = agents.create(me, DRAFT)
    assert draft_of(made) == DRAFT
    assert (made.version, made.active, made.edited_by, made.edited_at) == (1, True, "Local admin", made.created_at)
    assert agents.get(me, made.id) == made
    assert agents.list(me) == [made]


def test_tools_and_limits_are_kept(agents: Agents, me: Person) -> None:
    limits: dict[str, Any] = {
        "max_iterations": 7,
        "max_cost_nanos": 10**9,
        "max_seconds": 60,
        "max_answer_tokens": 5_000,
    }
    made = agents.create(me, replace(DRAFT, tools=("echo", "calculator", "echo"), **limits))
    assert (made.tools, limits_of(made)) == (("echo", "calculator"), Limits(7, 10**9, 60, 5_000))
    assert limits_of(agents.edit(me, made.id, DRAFT)) == Limits()


def test_an_edit_is_a_new_version_and_leaves_the_old_one_as_it_was(agents: Agents, me: Person) -> None:
    first = agents.create(me, DRAFT)
    second = agents.edit(me, first.id, replace(DRAFT, name="Librarian", thinking=True))
    assert (second.version, second.name, second.thinking, second.id) == (2, "Librarian", True, first.id)
    assert (second.created_at, second.edited_at > first.edited_at) == (first.created_at, True)
    assert agents.versions(me, first.id) == [second, first]
    assert agents.list(me) == [second]


def test_a_view_can_be_saved_again(agents: Agents, me: Person) -> None:
    first = agents.create(me, DRAFT)
    assert agents.edit(me, first.id, replace(first, description="New")).description == "New"


def test_edits_at_the_same_time_get_numbers_of_their_own(agents: Agents, store: Store, me: Person) -> None:
    agent = agents.create(me, DRAFT)
    other = open_store(store.url)
    registries = [agents, Agents(other)] * 8
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda at: at[1].edit(me, agent.id, _numbered(at[0])), enumerate(registries)))
    other.close()
    assert sorted(view.version for view in made) == list(range(2, 18))
    assert {view.version: view.description for view in made}.items() <= {
        view.version: view.description for view in agents.versions(me, agent.id)
    }.items()
    assert agents.get(me, agent.id).version == 17


def _numbered(number: int) -> AgentDraft:
    return replace(DRAFT, description=str(number))


def test_a_name_taken_at_the_same_time_is_given_once(agents: Agents, store: Store, me: Person) -> None:
    other = open_store(store.url)

    def create(number: int) -> str:
        name = ("Scout", "SCOUT", " scout ")[number % 3]
        try:
            return (agents, Agents(other))[number % 2].create(me, replace(DRAFT, name=name)).id
        except InputError as error:
            return error.for_user

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(create, range(12)))
    other.close()
    assert sum("already" in outcome for outcome in outcomes) == 11
    assert len(agents.list(me)) == 1


@pytest.mark.parametrize("name", ["researcher", "  RESEARCHER\t", "Ｒｅｓｅａｒｃｈｅｒ"])
def test_a_name_is_taken_whatever_its_case_and_spaces(agents: Agents, me: Person, name: str) -> None:
    agents.create(me, DRAFT)
    with pytest.raises(InputError, match=r"agent named “Researcher” already\. Choose another"):
        agents.create(me, replace(DRAFT, name=name))


def test_case_is_no_difference_outside_ascii_either(agents: Agents, me: Person) -> None:
    agents.create(me, replace(DRAFT, name="Größe Élan"))
    with pytest.raises(InputError, match="already"):
        agents.create(me, replace(DRAFT, name="GRÖSSE éLAN"))


def test_an_inactive_agent_keeps_its_name_and_says_so(agents: Agents, me: Person) -> None:
    agents.set_active(me, agents.create(me, DRAFT).id, active=False)
    with pytest.raises(InputError, match="inactive"):
        agents.create(me, DRAFT)


def test_an_agent_may_keep_or_respell_its_own_name_but_not_take_another_ones(agents: Agents, me: Person) -> None:
    first = agents.create(me, DRAFT)
    agents.create(me, replace(DRAFT, name="Other"))
    assert agents.edit(me, first.id, replace(DRAFT, name="researcher")).name == "researcher"
    with pytest.raises(InputError, match="Other"):
        agents.edit(me, first.id, replace(DRAFT, name="OTHER"))
    assert agents.get(me, first.id).version == 2


def test_texts_are_trimmed_and_blank_starters_left_out(agents: Agents, me: Person) -> None:
    untidy = replace(DRAFT, name="  Big \n Helper ", description=" d ", starters=(" a ", "", "  "))
    made = agents.create(me, untidy)
    assert (made.name, made.description, made.starters) == ("Big Helper", "d", ("a",))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": " \n "}, "The name is empty. Give the agent a name."),
        ({"name": "x" * 61}, "The name is 61 characters long; at most 60 fit."),
        ({"description": "x" * 301}, "The description is 301 characters long"),
        ({"system_prompt": "x" * 200_001}, "The system prompt is 200,001 characters long"),
        ({"model": "gpt-9"}, "The model “gpt-9” is not in the catalogue. Choose one"),
        ({"model": ""}, "No model is chosen. Choose one"),
        ({"max_output_tokens": 0}, "Max output tokens is 0. Claude Sonnet 5.5 takes a number from 1 to 128,000."),
        ({"max_output_tokens": 128_001}, "Max output tokens is 128,001."),
        ({"max_output_tokens": 64_001, "model": "claude-haiku-4-5"}, "from 1 to 64,000"),
        ({"starters": ("a",) * 7}, "There are 7 starter prompts; at most 6 fit."),
        ({"starters": ("x" * 501,)}, "A starter prompt is 501 characters long"),
        ({"tools": ("no spaces",)}, "no name of a tool"),
        ({"max_iterations": 0}, "limit on model calls"),
        ({"max_cost_nanos": -1}, "limit on dollars"),
        ({"max_seconds": 10**6}, "limit on seconds"),
        ({"max_answer_tokens": 0}, "limit on output tokens"),
    ],
)
def test_a_bad_draft_is_refused_with_what_to_mend(sqlite_store: Store, change: dict[str, Any], sentence: str) -> None:
    agents, me = Agents(sqlite_store), local_person(sqlite_store)
    kept = agents.create(me, replace(DRAFT, name="Kept"))
    bad = replace(DRAFT, **change)
    saves: list[Callable[[], AgentView]] = [lambda: agents.create(me, bad), lambda: agents.edit(me, kept.id, bad)]
    for save in saves:
        with pytest.raises(InputError) as refused:
            save()
        assert sentence in refused.value.for_user
    assert agents.list(me) == [kept]


def test_a_retired_model_is_refused_with_its_successor(sqlite_store: Store) -> None:
    agents, me = Agents(sqlite_store), local_person(sqlite_store)
    old = replace(DRAFT, model="claude-sonnet-4-5")
    with time_machine.travel(datetime(2026, 11, 29, 23, tzinfo=UTC), tick=False):
        agent = agents.create(me, old)
    with time_machine.travel(datetime(2026, 11, 30, tzinfo=UTC), tick=False):
        with pytest.raises(InputError, match=r"retired on 2026-11-30.*Choose Claude Sonnet 5\.5 instead"):
            agents.create(me, replace(old, name="Late"))
        assert agents.edit(me, agent.id, DRAFT).model == "claude-sonnet-5-5"


def test_strange_characters_are_kept(agents: Agents, me: Person) -> None:
    """Those that no database takes are refused: see test_typed_text."""
    made = agents.create(me, replace(DRAFT, name="a�b", system_prompt="x\x01\u200d�y 🙂", starters=("q\x7f",)))
    assert (made.name, made.system_prompt, made.starters) == ("a�b", "x\x01\u200d�y 🙂", ("q\x7f",))
    with pytest.raises(InputError, match="already"):
        agents.create(me, replace(DRAFT, name="A�B"))


def test_an_inactive_agent_is_listed_only_on_request(agents: Agents, me: Person) -> None:
    first, second = agents.create(me, DRAFT), agents.create(me, replace(DRAFT, name="Second"))
    agents.set_active(me, first.id, active=False)
    assert agents.list(me) == [second]
    assert [view.active for view in agents.list(me, include_inactive=True)] == [False, True]
    agents.set_active(me, first.id, active=True)
    assert agents.list(me) == [first, second]
    assert agents.get(me, first.id).version == 1


@pytest.mark.parametrize("unknown", ["nobody", "", "\0", "\ud800"])
def test_unknown_agents_are_not_found(agents: Agents, me: Person, unknown: str) -> None:
    asked: list[Callable[[], object]] = [
        lambda: agents.get(me, unknown),
        lambda: agents.versions(me, unknown),
        lambda: agents.edit(me, unknown, DRAFT),
        lambda: agents.set_active(me, unknown, active=True),
    ]
    for ask in asked:
        with pytest.raises(NotFound, match="no such agent"):
            ask()


def test_agents_may_be_asked_by_others_but_not_by_themselves(agents: Agents, me: Person) -> None:
    one = agents.create(me, DRAFT)
    other = agents.create(me, replace(DRAFT, name="Other", delegates=(one.id, one.id)))
    assert other.delegates == (one.id,)
    for delegates in [(other.id,), ("nobody",)]:
        with pytest.raises(InputError, match="it may ask"):
            agents.edit(me, other.id, replace(DRAFT, name="Other", delegates=delegates))


def test_only_tools_that_it_has_ask_first(agents: Agents, me: Person) -> None:
    draft = replace(DRAFT, tools=("a", "b"), ask_first=("b", "c"))
    assert agents.create(me, draft).ask_first == ("b",)


def test_who_changed_what_is_written_down_with_it(agents: Agents, me: Person, store: Store) -> None:
    made = agents.create(me, DRAFT)
    agents.edit(me, made.id, replace(DRAFT, description="Other words"))
    for active in (False, False, True):
        agents.set_active(me, made.id, active)
    with pytest.raises(InputError):
        agents.create(me, DRAFT)
    entries = Audit(store).list(me)
    assert [entry.action for entry in entries] == ["activated", "deactivated", "edited", "created"]
    assert {(entry.actor_id, entry.subject_kind, entry.subject_id) for entry in entries} == {(me.id, "agent", made.id)}
    assert entries[2].detail == {"name": "Researcher", "model": DRAFT.model, "version": 2}


def test_a_token_for_other_agents_finds_and_changes_nothing(agents: Agents, me: Person) -> None:
    made, other = agents.create(me, DRAFT), agents.create(me, replace(DRAFT, name="Other"))
    narrow = replace(me, token_id="t", agents=frozenset({other.id}))
    assert agents.list(narrow) == [other]
    for ask in (agents.get, agents.versions):
        with pytest.raises(NotFound, match="no such agent"):
            ask(narrow, made.id)
    with pytest.raises(NotAllowed):
        agents.edit(narrow, other.id, replace(DRAFT, delegates=(made.id,)))


def test_inactive_agents_are_listed_for_those_who_may_change_them(agents: Agents, me: Person) -> None:
    made = agents.create(me, DRAFT)
    agents.set_active(me, made.id, False)
    operator = replace(me, role="operator")
    assert [agent.id for agent in agents.list(me, include_inactive=True)] == [made.id]
    assert agents.list(operator, include_inactive=True) == []
    assert agents.get(operator, made.id).active is False
