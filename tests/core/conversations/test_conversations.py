"""Conversations on both databases: listing, searching, reading, changing, forgetting."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, func, select

from core.access.roles import Person
from core.conversations.conversations import Conversations, MessageView
from core.errors import AppError, ConversationBusy, InputError, NotFound
from core.store.database import Store
from core.store.tables import Conversation, Message, Row, TaskTrace, TraceSession, TraceSpan
from core.usage import Usage
from tests.core.rows import AT, MODEL, Rows

STRANGE_IDS = ["nowhere", "", "\0", "\ud800", "' OR 1=1 --"]


@dataclass(frozen=True)
class World:
    rows: Rows
    conversations: Conversations
    me: str
    agent: str

    @property
    def by(self) -> Person:
        return Person(self.me, "Ada", "operator")

    def conversation(self, title: str = "A talk", **columns: Any) -> str:
        return self.rows.conversation(self.me, self.agent, title, **columns)

    def trace(self, conversation: str, **tally: Any) -> str:
        return self.rows.trace(self.me, self.agent, conversation, **tally)

    def found(self, search: str, **more: Any) -> list[str]:
        return [view.title for view in self.conversations.list(self.by, search=search, **more)]

    def transcript(self, conversation: str) -> list[MessageView]:
        return self.conversations.transcript(self.by, conversation)


@pytest.fixture
def world(store: Store) -> World:
    rows = Rows(store)
    me = rows.person()
    return World(rows, Conversations(store), me, rows.agent(me))


def left(store: Store, table: type[Row]) -> int:
    with store.read() as connection:
        return int(connection.execute(select(func.count()).select_from(table.__table__)).scalar_one())


def test_the_list_shows_what_was_written_to_last_first(world: World) -> None:
    old = world.conversation("Old")
    new = world.conversation("New", updated_at=AT + timedelta(minutes=1))
    first, second = world.conversations.list(world.by)
    assert (first.id, second.id) == (new, old)
    assert (first.title, first.agent_id, first.agent_name) == ("New", world.agent, "Helper")
    assert (first.updated_at, first.archived, first.running) == (AT + timedelta(minutes=1), False, False)
    assert world.conversations.get(world.by, new) == first
    assert world.conversations.list(world.by, limit=1) == [first]


def test_a_conversation_that_is_being_answered_says_so(world: World) -> None:
    conversation = world.conversation()
    world.trace(conversation)
    assert not world.conversations.get(world.by, conversation).running
    world.trace(conversation, status="running", cost_nanos=None, cost_basis=None)
    assert world.conversations.get(world.by, conversation).running
    assert world.conversations.list(world.by)[0].running


def test_a_renamed_agent_shows_its_new_name(world: World) -> None:
    world.conversation()
    other = world.rows.agent(world.me, "Other")
    world.rows.conversation(world.me, other, "With the other")
    assert {view.agent_name for view in world.conversations.list(world.by)} == {"Helper", "Other"}


def test_search_finds_titles_and_messages(world: World) -> None:
    world.conversation("About cats")
    said = world.conversation("Pets")
    world.rows.message(said, "user", "Tell me about DOGS, please")
    assert world.found("CATS") == ["About cats"]
    assert world.found("  dogs ") == ["Pets"]
    assert world.found("horses") == []
    assert set(world.found("  ")) == {"About cats", "Pets"}


def test_search_passes_over_replaced_messages_archived_and_other_peoples_conversations(world: World) -> None:
    edited = world.conversation("Edited")
    world.rows.message(edited, "user", "needle", replaced_at=AT)
    world.conversation("needle archived", archived_at=AT)
    stranger = world.rows.person("Eve")
    world.rows.conversation(stranger, world.agent, "needle of Eve")
    assert world.found("needle") == []
    assert world.found("needle", archived=True) == ["needle archived"]


@pytest.mark.parametrize("wildcard", ["%", "_", "/", "\\", "100%", "a_b", "/%", "'", '"', "*", "?", "[a]"])
def test_wildcards_stand_for_themselves(world: World, wildcard: str) -> None:
    world.conversation("plain axb 1000 words")
    world.conversation(f"with {wildcard} in it")
    assert world.found(wildcard) == [f"with {wildcard} in it"]


@pytest.mark.parametrize("typed", ["ärger", "ÄRGER", "Ärger"])
@pytest.mark.parametrize("stored", ["ärger", "ÄRGER", "Ärger"])
def test_search_ignores_case_outside_ascii_for_the_usual_spellings(world: World, typed: str, stored: str) -> None:
    world.conversation(f"viel {stored} heute")
    assert world.found(typed) == [f"viel {stored} heute"]


@pytest.mark.parametrize("strange", ["\0", "a\0b", "\ud800", "🙂", "x" * 5_000])
def test_any_search_text_is_taken(world: World, strange: str) -> None:
    world.conversation("ordinary")
    assert world.found(strange) == []


def test_the_transcript_gives_each_answer_its_figures(world: World) -> None:
    conversation = world.conversation()
    trace = world.trace(
        conversation, input_tokens=1, cache_write_5m_tokens=2, cache_write_1h_tokens=3, cache_read_tokens=4,
        output_tokens=6, thinking_tokens=5, web_searches=7, cost_nanos=123_456_789,
    )  # fmt: skip
    asked = world.rows.message(conversation, "user", "Why?", trace)
    thinking = {"type": "thinking", "thinking": "hm", "signature": "s"}
    blocks = [thinking, {"type": "text", "text": "Because."}]
    answer = world.rows.message(conversation, "assistant", "Because.", trace, content=blocks)
    user, assistant = world.transcript(conversation)
    assert (user.id, user.role, user.text, user.turn) == (asked, "user", "Why?", None)
    assert user.blocks == ({"type": "text", "text": "Why?"},)
    assert (assistant.id, assistant.blocks, assistant.status) == (answer, tuple(blocks), "complete")
    turn = assistant.turn
    assert turn is not None
    assert (turn.task_trace_id, turn.status, turn.model, turn.simulated) == (trace, "completed", MODEL, True)
    assert turn.usage == Usage(1, 2, 3, 4, 6, 5, 7)
    assert (turn.total, turn.basis) == (123_456_789, "computed")
    assert (turn.time_to_first_token_ms, turn.duration_ms, turn.started_at) == (400, 3_000, AT)


def test_a_turn_without_an_answer_hangs_on_its_user_message(world: World) -> None:
    conversation = world.conversation()
    failed = {"status": "failed", "error_type": "overloaded_error", "error_text": "Try again."}
    trace = world.trace(conversation, **failed, cost_nanos=0, simulated=False)
    world.rows.message(conversation, "user", "Hello?", trace)
    (message,) = world.transcript(conversation)
    assert message.turn is not None
    assert (message.turn.status, message.turn.error_text, message.turn.total) == ("failed", "Try again.", 0)
    assert not message.turn.simulated


def test_an_unpriced_and_a_running_turn_have_no_total(world: World) -> None:
    conversation = world.conversation()
    unpriced = world.trace(conversation, cost_nanos=None, cost_basis="unpriced")
    running = world.trace(conversation, status="running", cost_nanos=None, cost_basis=None, duration_ms=None)
    world.rows.message(conversation, "assistant", "One", unpriced)
    world.rows.message(conversation, "assistant", "", running, status="running")
    turns = [message.turn for message in world.transcript(conversation)]
    assert [(turn.total, turn.basis) for turn in turns if turn] == [(None, "unpriced"), (None, None)]


def test_the_transcript_leaves_out_what_was_replaced(world: World) -> None:
    conversation = world.conversation()
    world.rows.message(conversation, "user", "first try", replaced_at=AT)
    world.rows.message(conversation, "assistant", "old answer", replaced_at=AT)
    world.rows.message(conversation, "user", "second try")
    assert [message.text for message in world.transcript(conversation)] == ["second try"]


def test_a_trace_with_several_sessions_shows_its_message_once_with_the_master_s_model(
    world: World, store: Store
) -> None:
    conversation = world.conversation()
    trace = world.trace(conversation)
    with store.read() as connection:
        session = dict(connection.execute(select(TraceSession.__table__)).mappings().one())
    session |= {"id": f"f{session['id'][1:]}", "model": "claude-haiku-5-5", "parent_span_id": "span"}
    store.write(lambda connection: connection.execute(TraceSession.__table__.insert(), session).rowcount).result()
    world.rows.message(conversation, "assistant", "Hi", trace)
    (message,) = world.transcript(conversation)
    assert message.turn is not None
    assert message.turn.model == MODEL


@pytest.mark.parametrize("turns", [0, 1, 40])
def test_a_transcript_of_any_length_is_one_query(world: World, store: Store, turns: int) -> None:
    conversation = world.conversation()
    for number in range(turns):
        trace = world.trace(conversation)
        world.rows.message(conversation, "user", f"{number}", trace)
        world.rows.message(conversation, "assistant", f"{number}!", trace)
    asked: list[str] = []
    event.listen(store.engine, "before_cursor_execute", lambda *context: asked.append(context[2]))
    assert len(world.transcript(conversation)) == 2 * turns
    assert len([statement for statement in asked if statement.startswith("SELECT")]) == 1


def test_spent_counts_replaced_answers_and_leaves_out_what_still_runs(world: World) -> None:
    conversation = world.conversation()
    assert world.conversations.spent(world.by, conversation) == (0, 0, "computed")
    for cost in (10**18, 7, 0):
        trace = world.trace(conversation, cost_nanos=cost)
        world.rows.message(conversation, "assistant", "x", trace, replaced_at=AT)
    world.trace(conversation, status="running", cost_nanos=None, cost_basis=None)
    world.trace(world.conversation("Another"), cost_nanos=99)
    assert world.conversations.spent(world.by, conversation) == (10**18 + 7, 3, "computed")


def test_one_turn_without_a_price_makes_the_whole_unknown(world: World) -> None:
    conversation = world.conversation()
    world.trace(conversation, cost_nanos=5)
    world.trace(conversation, cost_nanos=None, cost_basis="unpriced")
    assert world.conversations.spent(world.by, conversation) == (None, 2, "unpriced")


def test_renaming_trims_and_keeps_the_order(world: World) -> None:
    conversation = world.conversation()
    world.conversations.rename(world.by, conversation, "  New \n title� ")
    view = world.conversations.get(world.by, conversation)
    assert (view.title, view.updated_at) == ("New title�", AT)


@pytest.mark.parametrize(("title", "sentence"), [(" \n", "The title is empty"), ("x" * 201, "201 characters long")])
def test_an_unusable_title_is_refused(world: World, title: str, sentence: str) -> None:
    conversation = world.conversation()
    with pytest.raises(InputError, match=sentence):
        world.conversations.rename(world.by, conversation, title)
    assert world.conversations.get(world.by, conversation).title == "A talk"


def test_archiving_moves_a_conversation_out_of_the_list_and_back(world: World) -> None:
    conversation = world.conversation()
    world.conversations.archive(world.by, conversation)
    assert world.conversations.list(world.by) == []
    (archived,) = world.conversations.list(world.by, archived=True)
    assert (archived.id, archived.archived) == (conversation, True)
    world.conversations.unarchive(world.by, conversation)
    assert [view.archived for view in world.conversations.list(world.by)] == [False]


def test_deleting_forgets_every_word_and_keeps_every_cost(world: World, store: Store) -> None:
    conversation, other = world.conversation("Secret plan"), world.conversation("Other")
    trace = world.trace(conversation, spans=2, cost_nanos=5)
    for role in ("user", "assistant"):
        world.rows.message(conversation, role, "secret words", trace)
        world.rows.message(other, role, "other words")
    world.trace(other)
    world.conversations.delete(world.by, conversation)
    assert [left(store, table) for table in (TaskTrace, TraceSession, TraceSpan, Conversation)] == [2, 2, 3, 2]
    assert (left(store, Message), world.found("words")) == (2, ["Other"])
    with store.read() as connection:
        kept = connection.execute(
            select(TaskTrace.__table__.c.instruction, TaskTrace.__table__.c.cost_nanos, Conversation.__table__.c.title)
            .join(Conversation.__table__, TaskTrace.__table__.c.conversation_id == Conversation.__table__.c.id)
            .order_by(TaskTrace.__table__.c.id)
        ).all()
    assert [tuple(row) for row in kept] == [("", 5, ""), ("What was asked", 1_000, "Other")]


def test_a_conversation_that_is_being_answered_is_not_deleted(world: World) -> None:
    conversation = world.conversation("Busy")
    trace = world.trace(conversation, status="running", cost_nanos=None, cost_basis=None)
    world.rows.message(conversation, "user", "words", trace)
    with pytest.raises(ConversationBusy, match="Stop the answer"):
        world.conversations.delete(world.by, conversation)
    assert world.found("words") == ["Busy"]


Ask = Callable[[Conversations, Person, str], object]
ASKED: list[Ask] = [
    Conversations.get,
    Conversations.transcript,
    Conversations.spent,
    Conversations.archive,
    Conversations.unarchive,
    Conversations.delete,
    lambda conversations, by, conversation: conversations.rename(by, conversation, "Mine now"),
]


@pytest.mark.parametrize("ask", ASKED)
def test_someone_elses_a_deleted_and_an_unknown_conversation_are_not_found(world: World, ask: Ask) -> None:
    theirs = world.rows.conversation(world.rows.person("Eve"), world.agent, "Hers")
    gone = world.conversation()
    world.conversations.delete(world.by, gone)
    for conversation in (theirs, gone, *STRANGE_IDS):
        with pytest.raises(NotFound, match="no such conversation") as refused:
            ask(world.conversations, world.by, conversation)
        assert isinstance(refused.value, AppError)
    assert world.conversations.list(world.by) == []
