"""Turns end to end: the engine, the books and the simulator, on each database."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from core.books.settling import NOT_BILLED
from core.chat.turn import Turn
from core.clock import new_id
from core.errors import AgentInactive, ContextTooLong, ConversationBusy, InputError, NotFound, ShuttingDown
from core.events import CostSoFar, RetryScheduled, TextDelta, ThinkingDelta, TurnEnded, TurnStarted
from core.registry.agents import AgentDraft
from core.wiring import Services
from tests.core.chat.conftest import ended, events_of

Send = Callable[..., Turn]

SLOW = "[[tokens: 2000]] [[pace: 1]] [[first: 0]] [[rate: 100]]"


def wait_for_text(turn: Turn) -> None:
    seen = 0
    while True:
        batch = turn.get(seen, 10)
        assert batch, "no text came"
        if any(isinstance(logged.event, TextDelta) for logged in batch):
            return
        seen += len(batch)


def test_a_turn_starts_streams_and_ends_with_its_exact_cost(services: Services, send: Send) -> None:
    events = events_of(send("Tell me something."))
    assert isinstance(events[0], TurnStarted)
    assert any(isinstance(event, CostSoFar) for event in events)
    end = events[-1]
    assert isinstance(end, TurnEnded)
    (row,) = services.traces.page(services.me)
    assert (end.status, end.basis, end.stop_reason) == ("completed", "computed", "end_turn")
    assert end.total
    assert (row.total, row.usage, row.status) == (end.total, end.usage, "completed")


def test_the_transcript_holds_what_was_streamed(services: Services, send: Send) -> None:
    turn = send("Hello [[say: **Hi** there.]]")
    streamed = "".join(event.text for event in events_of(turn) if isinstance(event, TextDelta))
    said, answer = services.conversations.transcript(services.me, turn.conversation_id)
    assert streamed == answer.text == "**Hi** there."
    assert (said.text, said.role, answer.status) == ("Hello [[say: **Hi** there.]]", "user", "complete")
    assert answer.turn is not None
    assert answer.turn.total == ended(turn).total


def test_thinking_is_streamed_apart_and_kept_with_its_signature(services: Services, send: Send) -> None:
    turn = send("[[think: 30]] [[say: Done.]]")
    thought = "".join(event.text for event in events_of(turn) if isinstance(event, ThinkingDelta))
    block = services.conversations.transcript(services.me, turn.conversation_id)[-1].blocks[0]
    assert (block["type"], block["thinking"], bool(block["signature"])) == ("thinking", thought, True)


def test_a_long_conversation_reads_its_history_from_the_cache(services: Services, send: Send) -> None:
    first = send("[[tokens: 3000]]")
    ended(first)
    usage = ended(send("And then?", first.conversation_id)).usage
    assert usage.cache_read > 1_000
    assert usage.input < 100


def test_stop_keeps_the_text_and_books_an_estimated_cost(services: Services, send: Send) -> None:
    turn = send(SLOW)
    wait_for_text(turn)
    turn.stop()
    end = ended(turn)
    answer = services.conversations.transcript(services.me, turn.conversation_id)[-1]
    assert (end.status, end.basis, end.error_type) == ("stopped", "estimated", "stopped")
    assert answer.status == "partial"
    assert answer.text
    assert end.total
    assert services.traces.page(services.me)[0].total == end.total


def test_stopping_twice_or_after_the_end_changes_nothing(services: Services, send: Send) -> None:
    turn = send(SLOW)
    turn.stop()
    turn.stop()
    first = ended(turn)
    turn.stop()
    assert first.status == "stopped"
    assert ended(turn) == first
    assert services.traces.count(services.me) == 1


@pytest.mark.parametrize(
    "fault",
    ["overloaded after 5", "cut after 5", "eof after 5", "garbled after 5", "disorder after 5", "cut after 0"],
)
def test_a_stream_that_breaks_keeps_its_text_and_its_cost(services: Services, send: Send, fault: str) -> None:
    turn = send(f"[[tokens: 50]] [[fault: {fault}]]")
    end = ended(turn)
    answer = services.conversations.transcript(services.me, turn.conversation_id)[-1]
    assert (end.status, end.basis) == ("failed", "estimated")
    assert end.error_text
    assert end.total
    assert (answer.status, bool(answer.text)) == ("partial", "after 5" in fault)
    assert len(services.traces.spans(services.me, turn.id)) == 1


def test_a_refused_attempt_is_a_row_of_its_own_and_costs_nothing(services: Services, send: Send) -> None:
    turn = send("[[fault: overloaded 2 times]] [[fault: overloaded retry 0 2 times]] [[say: At last.]]")
    events = events_of(turn)
    spans = services.traces.spans(services.me, turn.id)
    assert [event.attempt for event in events if isinstance(event, RetryScheduled)] == [1, 2]
    assert [(span.attempt, span.status, span.total, span.cost_reason) for span in spans[:2]] == [
        (1, "failed", 0, NOT_BILLED),
        (2, "failed", 0, NOT_BILLED),
    ]
    assert (spans[2].status, spans[2].total) == ("success", ended(turn).total)


def test_a_key_that_is_refused_fails_at_once_with_what_to_do(services: Services, send: Send) -> None:
    end = ended(turn := send("[[fault: authentication]]"))
    assert (end.status, end.total, end.basis, end.error_type) == ("failed", 0, "computed", "authentication_error")
    assert "ANTHROPIC_API_KEY" in (end.error_text or "")
    assert len(services.traces.spans(services.me, turn.id)) == 1


def test_after_a_failure_the_conversation_goes_on(services: Services, send: Send) -> None:
    first = send("[[fault: authentication]]")
    ended(first)
    second = send("[[say: Better.]]", first.conversation_id)
    assert ended(second).status == "completed"
    texts = [message.text for message in services.conversations.transcript(services.me, first.conversation_id)]
    assert texts == ["[[fault: authentication]]", "", "[[say: Better.]]", "Better."]


def test_the_same_message_sent_twice_follows_the_running_turn(services: Services, send: Send) -> None:
    first = send(SLOW)
    assert send(SLOW, first.conversation_id) is first
    first.stop()
    ended(first)
    assert services.traces.count(services.me) == 1


def test_another_message_while_a_turn_runs_is_refused_and_nothing_is_called(services: Services, send: Send) -> None:
    first = send(SLOW)
    with pytest.raises(ConversationBusy):
        send("Something else", first.conversation_id)
    first.stop()
    ended(first)
    assert services.traces.count(services.me) == 1


@pytest.mark.each_database
def test_a_first_message_sent_from_two_places_at_once_starts_one_turn(services: Services, send: Send) -> None:
    draft, turns = new_id(), list[Turn]()
    threads = [threading.Thread(target=lambda: turns.append(send("Hello", draft_id=draft))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(turns) == 8
    assert {turn.id for turn in turns} == {turns[0].id}
    ended(turns[0])
    assert services.traces.count(services.me) == 1


@pytest.mark.each_database
def test_many_messages_to_one_conversation_at_once_call_the_provider_once(services: Services, send: Send) -> None:
    first = send("Hello")
    ended(first)
    turns, refusals = list[Turn](), list[Exception]()

    def say(number: int) -> None:
        try:
            turns.append(send(f"{SLOW} {number}", first.conversation_id))
        except ConversationBusy as error:
            refusals.append(error)

    threads = [threading.Thread(target=say, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (len(turns), len(refusals)) == (1, 7)
    turns[0].stop()
    ended(turns[0])
    assert services.traces.count(services.me) == 2


def test_resending_an_edited_message_replaces_what_followed(services: Services, send: Send) -> None:
    first = send("[[say: One.]]")
    ended(first)
    ended(send("[[say: Two.]]", first.conversation_id))
    said = services.conversations.transcript(services.me, first.conversation_id)[0]
    ended(send("[[say: Other.]]", first.conversation_id, replaces=said.id))
    texts = [message.text for message in services.conversations.transcript(services.me, first.conversation_id)]
    assert texts == ["[[say: Other.]]", "Other."]
    assert services.traces.count(services.me) == 3


def test_the_books_are_open_before_the_provider_is_called(services: Services, send: Send) -> None:
    turn = send("[[fault: unanswered]]")
    (row,) = services.traces.page(services.me)
    assert (row.id, row.status, row.total) == (turn.id, "running", None)
    turn.stop()
    end = ended(turn)
    assert (end.status, end.total) == ("stopped", 0)


@pytest.mark.parametrize("busy", [False, True])
def test_a_turn_nobody_watches_stops_after_its_grace(make_services: Callable[..., Services], busy: bool) -> None:
    """Also where other answers ask for checkpoints all the time."""
    services = make_services(grace_seconds=0)
    agent = services.agents.list(services.me)[0]
    turn = services.turns.send(owner=services.me, agent_id=agent.id, text="[[fault: silence after 3]]")
    pause = threading.Event()
    for _ in range(200):
        if turn.ended:
            break
        if busy:
            services.engine.call_soon(services.engine.wake)
        pause.wait(0.05)
    assert turn.ended
    end = ended(turn)
    assert (end.status, end.error_type) == ("stopped", "unwatched")


def test_shutting_down_books_every_live_turn(make_services: Callable[..., Services]) -> None:
    services = make_services(drain_seconds=0, answers_at_once=20)
    agent = services.agents.list(services.me)[0]
    turns = [services.turns.send(owner=services.me, agent_id=agent.id, text=f"{SLOW} {n}") for n in range(20)]
    for turn in turns:
        wait_for_text(turn)
    services.engine.drain(0, services.provider.close)
    assert {ended(turn).status for turn in turns} == {"interrupted"}
    rows = services.traces.page(services.me, limit=50)
    assert {(row.status, row.basis, row.error_type) for row in rows} == {("interrupted", "estimated", "shutdown")}
    with pytest.raises(ShuttingDown):
        services.turns.send(owner=services.me, agent_id=agent.id, text="One more")


@pytest.mark.parametrize("text", ["", "  \n ", "x" * 400_001])
def test_an_unusable_message_is_refused_before_anything_is_written(services: Services, send: Send, text: str) -> None:
    with pytest.raises(InputError):
        send(text)
    assert services.conversations.list(services.me) == []


def test_an_inactive_agent_answers_nobody(services: Services, send: Send) -> None:
    agent = services.agents.list(services.me)[0]
    services.agents.set_active(services.me, agent.id, active=False)
    with pytest.raises(AgentInactive, match=agent.name):
        send("Hello", agent_id=agent.id)


def test_unknown_conversations_messages_and_agents_are_not_found(services: Services, send: Send) -> None:
    first = send("Hello")
    ended(first)
    with pytest.raises(NotFound):
        send("Hello", "nowhere")
    with pytest.raises(NotFound):
        send("Hello", first.conversation_id, replaces="nothing")
    with pytest.raises(NotFound):
        send("Hello", agent_id="nobody")


def test_a_conversation_that_no_longer_fits_says_so_before_spending(services: Services) -> None:
    draft = dict[str, Any](name="Small", description="", system_prompt="", max_output_tokens=500, thinking=False)
    small = AgentDraft(**draft, model="claude-haiku-4-5-20251001", starters=())
    agent = services.agents.create(services.me, small)
    conversation_id = None
    for _ in range(2):
        turn = services.turns.send(
            owner=services.me, agent_id=agent.id, text="word " * 60_000, conversation_id=conversation_id
        )
        conversation_id = turn.conversation_id
        assert ended(turn).status == "completed"
    with pytest.raises(ContextTooLong, match="takes at most 200,000"):
        services.turns.send(
            owner=services.me, agent_id=agent.id, text="word " * 60_000, conversation_id=conversation_id
        )
    assert services.traces.count(services.me) == 2


@pytest.mark.each_database
def test_strange_characters_lose_no_message(services: Services, send: Send) -> None:
    text = "🙂 ünï \u202e code"
    turn = send(text)
    assert ended(turn).status == "completed"
    said = services.conversations.transcript(services.me, turn.conversation_id)[0]
    assert said.blocks[0]["text"] == text


@pytest.mark.parametrize("text", ["nul \x00 inside", "half a pair \ud83d here", "\udc00"])
def test_h3_what_cannot_be_answered_is_refused_before_it_is_booked(services: Services, send: Send, text: str) -> None:
    with pytest.raises(InputError):
        send(text)
    assert services.traces.count(services.me) == 0
    assert services.conversations.list(services.me) == []
