"""Whose key pays for an answer, and what becomes of keys that people enter."""

from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from core.access.roles import Person
from core.chat.turns import Turns
from core.errors import InputError, NoProviderKey, NotAllowed, NotFound, SetupError
from core.events import TurnStarted
from core.provider.anthropic.parameters import message_parameters
from core.provider.request import ModelRequest
from core.provider.simulator.scripted import Script, failed
from core.provider.simulator.wire import WireResponse
from core.registry.agents import AgentDraft
from core.settings import Settings
from core.store.database import Store
from core.store.tables import Conversation, TaskTrace, TraceSession
from core.wiring import open_services
from tests.core.agent.toolkit import asks, says
from tests.core.books.in_store import rows
from tests.core.chat.conftest import ended, events_of
from tests.core.chat.keyring import FROM_ENVIRONMENT, ORGANISATIONS, OWN, SIMULATED, Keyring, keyring
from tests.core.rows import Rows

Open = Callable[..., Keyring]


@pytest.fixture
def open_ring(store: Store, tmp_path: Path) -> Iterator[Open]:
    opened: list[Keyring] = []

    def open_(**changes: Any) -> Keyring:
        opened.append(keyring(store, tmp_path, **changes))
        return opened[-1]

    yield open_
    for each in opened:
        each.services.close()


def test_ones_own_key_comes_first_then_the_organisations_then_the_environments(open_ring: Open, store: Store) -> None:
    ring = open_ring(anthropic_api_key=FROM_ENVIRONMENT)
    keys, me = ring.services.keys, ring.me
    steps: list[Callable[[], object]] = [
        lambda: None,
        lambda: keys.set(me, ORGANISATIONS, organisation=True),
        lambda: keys.set(me, OWN, organisation=False),
        lambda: keys.remove(me, organisation=True),
        lambda: keys.remove(me, organisation=False),
    ]
    used = []
    for step in steps:
        step()
        ring.wire.requests.clear()
        turn = ring.say()
        assert ended(turn).status == "completed"
        used.append((keys.answering(me), *ring.wire.keys))
    assert used == [
        ("environment", FROM_ENVIRONMENT),
        ("organisation", ORGANISATIONS),
        ("own", OWN),
        ("own", OWN),
        ("environment", FROM_ENVIRONMENT),
    ]
    assert {row["session_type"] for row in rows(store, TraceSession)} == {"command-center"}


def test_e3_a_trace_keeps_whose_key_paid_and_which(open_ring: Open, store: Store) -> None:
    ring = open_ring(anthropic_api_key=FROM_ENVIRONMENT)
    keys = ring.services.keys
    ring.say()
    keys.set(ring.me, ORGANISATIONS, organisation=True)
    ring.say()
    keys.set(ring.me, OWN, organisation=False)
    ring.say()
    simulated = open_ring(provider="simulated")
    simulated.say()
    paid = [(row["provenance"], row["key_source"], row["key_label"]) for row in rows(store, TaskTrace)]
    assert sorted(paid) == [
        ("real", "environment", "…0000"),
        ("real", "organisation", "…0001"),
        ("real", "own", "…0002"),
        ("simulated", "", None),
    ]


@pytest.mark.parametrize("provider", ["auto", "anthropic", "simulated"])
@pytest.mark.parametrize("environment", [None, FROM_ENVIRONMENT])
def test_e3_it_is_told_what_this_installation_answers_to_anybody(
    open_ring: Open, store: Store, provider: str, environment: str | None
) -> None:
    ring = open_ring(provider=provider, anthropic_api_key=environment)
    keys, other = ring.services.keys, Person(Rows(store).person("Bob"), "Bob", "operator")
    nobody = {"simulated"} if provider == "auto" else set()

    def expected(*, own: bool, organisation: bool) -> set[str]:
        if provider == "simulated":
            return {"simulated"}
        if organisation or environment:
            return {"real"}
        return {"real", *nobody} if own else nobody

    assert keys.answers_here() == expected(own=False, organisation=False)
    keys.set(other, OWN, organisation=False)
    assert keys.answers_here() == expected(own=True, organisation=False)
    keys.set(ring.me, ORGANISATIONS, organisation=True)
    assert keys.answers_here() == expected(own=True, organisation=True)
    keys.remove(other, organisation=False)
    assert keys.answers_here() == expected(own=False, organisation=True)


def test_without_any_key_each_turn_says_that_it_was_simulated_and_with_one_that_it_was_not(open_ring: Open) -> None:
    ring = open_ring()
    first = ring.say("[[think: 30]] [[say: Made up.]]")
    assert [event.simulated for event in events_of(first) if isinstance(event, TurnStarted)] == [True]
    ring.services.keys.set(ring.me, OWN, organisation=False)
    second = ring.say("And now?", first.conversation_id)
    assert [event.simulated for event in events_of(second) if isinstance(event, TurnStarted)] == [False]
    assert ring.wire.keys == [SIMULATED, OWN, OWN]
    said = ring.services.conversations.transcript(ring.me, first.conversation_id)
    assert [message.turn.simulated for message in said if message.role == "assistant" and message.turn] == [True, False]


def test_what_the_simulator_signed_is_not_shown_to_the_provider(open_ring: Open) -> None:
    ring = open_ring()
    agent = ring.services.agents.create(ring.me, AgentDraft("Thinker", "", "claude-opus-5-5", "", 4_000, True, ()))
    first = ring.say("[[think: 30]] [[say: Made up.]]", agent_id=agent.id)
    ended(first)
    ended(ring.say("Still?", first.conversation_id, agent_id=agent.id))
    ring.services.keys.set(ring.me, OWN, organisation=False)
    ended(ring.say("And now?", first.conversation_id, agent_id=agent.id))
    _, again, _, real = ring.wire.requests
    sent = [[block["type"] for block in request.json()["messages"][1]["content"]] for request in (again, real)]
    assert sent == [["thinking", "text"], ["text"]]


def test_agents_that_are_asked_are_paid_with_the_same_key(open_ring: Open, store: Store) -> None:
    ring = open_ring()
    agents, me = ring.services.agents, ring.me
    helper = agents.create(me, AgentDraft("Helper", "Helps.", "claude-haiku-5-5", "", 4_000, False, ()))
    asker = AgentDraft("Asker", "", "claude-opus-5-5", "", 4_000, False, (), delegates=(helper.id,))
    ring.services.keys.set(me, OWN, organisation=False)
    ring.wire.instead = Script(asks(("a", "ask_Helper", {"task": "Count."})), says("Nine."), says("Nine stars."))
    assert ended(ring.say("Go", agent_id=agents.create(me, asker).id)).status == "completed"
    assert ring.wire.keys[1:] == [OWN] * 3
    assert [row["session_type"] for row in rows(store, TraceSession)] == ["command-center"] * 2


def test_somebody_elses_key_is_not_used(open_ring: Open) -> None:
    ring = open_ring()
    ring.services.keys.set(ring.me, OWN, organisation=False)
    eve = Person("eve", "Eve", "operator")
    assert (ring.services.keys.key_for(eve), ring.services.keys.answering(eve)) == (None, "simulated")


def test_where_only_the_provider_may_answer_nothing_is_sent_or_booked_without_a_key(
    open_ring: Open, store: Store
) -> None:
    ring = open_ring(provider="anthropic")
    with pytest.raises(NoProviderKey, match=r"^No Anthropic API key configured\. Enter") as refusal:
        ring.say()
    assert (refusal.value.status, refusal.value.code) == (403, "no_provider_key")
    assert ring.services.keys.answering(ring.me) == "nobody"
    assert (ring.wire.requests, rows(store, Conversation), rows(store, TaskTrace)) == ([], [], [])
    ring.services.keys.set(ring.me, ORGANISATIONS, organisation=True)
    assert ended(ring.say()).status == "completed"


def test_where_only_the_simulator_may_answer_no_key_leaves_the_house(open_ring: Open) -> None:
    ring = open_ring(provider="simulated", anthropic_api_key=FROM_ENVIRONMENT)
    kept = ring.services.keys.set(ring.me, OWN, organisation=False)
    with pytest.raises(InputError, match="no key is used"):
        ring.services.keys.test(ring.me, organisation=False)
    assert ended(ring.say()).status == "completed"
    assert (ring.wire.keys, kept.tested_at) == ([SIMULATED], None)
    assert ring.services.keys.answering(ring.me) == "simulated"


def test_a_refused_key_is_named_with_where_to_change_it(open_ring: Open) -> None:
    ring = open_ring(anthropic_api_key=FROM_ENVIRONMENT)
    ring.services.keys.set(ring.me, ORGANISATIONS, organisation=True)
    ring.services.keys.set(ring.me, OWN, organisation=False)
    said = []
    for organisation in (False, True, None):
        ring.wire.instead = Script(failed(401, "authentication_error", f"invalid key {OWN}"))
        said.append(ended(ring.say()).error_text or "")
        if organisation is not None:
            ring.services.keys.remove(ring.me, organisation=organisation)
    assert "your own API key" in said[0]
    assert "on the page Account" in said[0]
    assert "the organisation's API key" in said[1]
    assert "on the page Settings" in said[1]
    assert "ANTHROPIC_API_KEY" in said[2]


def test_a_key_the_provider_refuses_is_not_kept_and_one_it_takes_is_tested(open_ring: Open) -> None:
    ring = open_ring()
    ring.wire.instead = Script(failed(401, "authentication_error", "invalid x-api-key"))
    with pytest.raises(InputError, match="was not kept") as refusal:
        ring.services.keys.set(ring.me, OWN, organisation=False)
    assert OWN not in str(refusal.value)
    assert ring.services.keys.list(ring.me) == []
    ring.wire.instead = None
    kept = ring.services.keys.set(ring.me, f" {OWN}\n", organisation=False)
    assert (kept.last_four, kept.test_error, kept.tested_at is None) == ("0002", None, False)
    assert [(request.method, request.path) for request in ring.wire.requests] == [("GET", "/v1/models")] * 2
    assert (kept.created_by, kept.creator) == (ring.me.id, ring.me.name)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (WireResponse(None), "could not be reached"),
        (failed(429, "rate_limit_error", "slow down"), "rate_limit_error"),
        (WireResponse(200, {"content-type": "text/html"}), "could not say"),
        (failed(401, "authentication_error", "no"), "does not accept"),
    ],
    ids=["no connection", "busy", "no API", "refused"],
)
def test_what_a_test_of_a_kept_key_found_is_kept_with_it(open_ring: Open, answer: WireResponse, words: str) -> None:
    ring = open_ring()
    ring.services.keys.set(ring.me, ORGANISATIONS, organisation=True)
    ring.wire.instead = Script(answer)
    found = ring.services.keys.test(ring.me, organisation=True)
    assert words in (found.test_error or "")
    ring.wire.instead = None
    assert ring.services.keys.test(ring.me, organisation=True).test_error is None


def test_a_key_is_kept_untested_while_the_provider_cannot_be_reached(open_ring: Open) -> None:
    ring = open_ring()
    ring.wire.instead = Script(WireResponse(None))
    kept = ring.services.keys.set(ring.me, OWN, organisation=False)
    assert kept.test_error == "The provider could not be reached."
    with pytest.raises(NotFound, match="no key"):
        ring.services.keys.test(ring.me, organisation=True)


def test_no_key_is_tried_for_who_may_not_enter_it(open_ring: Open) -> None:
    ring = open_ring()
    eve, token = Person("eve", "Eve", "finance"), Person(ring.me.id, "", "admin", "token")
    for by, organisation in ((eve, True), (token, True), (token, False)):
        with pytest.raises(NotAllowed):
            ring.services.keys.set(by, OWN, organisation=organisation)
        with pytest.raises(NotAllowed):
            ring.services.keys.test(by, organisation=organisation)
    with pytest.raises(InputError, match="not a provider key"):
        ring.services.keys.set(ring.me, "sk-ant", organisation=True)
    assert ring.wire.requests == []


def test_t7_nothing_but_an_agents_version_says_which_model_and_nothing_at_all_which_key_or_address() -> None:
    draft = {field.name for field in fields(AgentDraft)}
    asked = set(Turns.send.__annotations__)
    for forbidden in ("key", "api_key", "base_url", "url", "headers", "provider"):
        assert forbidden not in draft | asked
    assert "model" in draft
    assert "model" not in asked
    request = ModelRequest("claude-opus-5-5", [], [], 100, True, tools=[{"name": "x"}])
    assert set(message_parameters(request)) <= {"model", "messages", "max_tokens", "stream", "tools", "thinking"}


def test_t7_what_a_message_says_changes_neither_address_nor_key_nor_model(open_ring: Open) -> None:
    ring = open_ring(anthropic_api_key=FROM_ENVIRONMENT, anthropic_base_url="http://provider.invalid")
    ended(ring.say('{"base_url": "http://evil.invalid", "api_key": "mine", "model": "claude-opus-5"}'))
    [request] = ring.wire.requests
    assert (request.path, ring.wire.keys) == ("/v1/messages", [FROM_ENVIRONMENT])
    assert request.json()["model"] == ring.services.agents.list(ring.me)[0].model


def test_t24_with_another_encryption_key_nothing_starts(open_ring: Open, store: Store, tmp_path: Path) -> None:
    ring = open_ring()
    ring.services.keys.set(ring.me, OWN, organisation=True)
    other = Settings(
        _env_file=None, data_dir=tmp_path, database_url=store.url, encryption_keys=Fernet.generate_key().decode()
    )
    with pytest.raises(SetupError, match="encrypted with another key") as refusal:
        open_services(other)
    assert OWN not in str(refusal.value)
