"""The dialects over any turn: strictly parsed, whole in text, and after each event exactly the rest."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.api.sse.dialects import Dialect, NamedEvents, Tokens, TypedEvents
from core.api.sse.wire import WireEvent
from core.chat.following import SAVED, Followed, LiveTurn, Place
from core.chat.log import EventLog
from core.chat.new_turn import Head
from core.errors import NotSignedIn
from core.events import (
    ApprovalRequested,
    CostSoFar,
    Delegated,
    Event,
    IterationStarted,
    RetryScheduled,
    TextDelta,
    ThinkingDelta,
    ToolDetected,
    ToolProgress,
    TurnEnded,
    TurnStarted,
    Warned,
)
from core.store.text import storable
from core.usage import Usage
from tests.core.api.sse.reading import Read, read_events, text_of

AT = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
HEAD = Head("trace", "conversation", "answer", "owner", "agent", AT)
START = TurnStarted("trace", "conversation", "Helper", "claude-sonnet-5-5", True)
END = TurnEnded(
    "completed", Usage(10, cache_read=5, output=7), 123_456_789, "computed", "end_turn", 1, 2, None, None, "t1"
)

texts = st.text(st.characters(codec="utf-8") | st.sampled_from("\n\r\x00\u2028\x85:"), max_size=20)
values = st.recursive(st.none() | st.floats() | texts, lambda inner: st.lists(inner, max_size=2), max_leaves=3)
tools = st.builds(ToolDetected, texts, texts, st.dictionaries(texts, values, max_size=2)) | st.builds(
    ToolProgress, texts, texts, st.sampled_from(["executing", "completed", "failed"]), st.none(), st.just(1), st.just(1)
)
silent = st.just(CostSoFar(Usage(), None, None))
aside = (
    st.builds(ThinkingDelta, texts)
    | st.builds(RetryScheduled, st.just(1), texts, st.just(0.5))
    | st.builds(Warned, texts)
)
middles = st.builds(TextDelta, texts) | tools | silent | aside | st.just(IterationStarted(2))
others = st.builds(Delegated, texts, texts, tools | aside | st.builds(TextDelta, texts))
ends = st.builds(
    TurnEnded,
    st.sampled_from(["completed", "failed", "stopped", "interrupted"]),
    st.just(Usage(1, output=2)),
    st.none() | st.integers(0, 10**14),
    st.sampled_from(["computed", "estimated"]),
    st.none(),
    st.none(),
    st.just(3),
    st.none() | st.just("overloaded_error"),
    st.none() | texts,
)
turns = st.builds(
    lambda middle, end: [START, IterationStarted(1), *middle, end], st.lists(middles | others, max_size=12), ends
)


def logged(events: list[Event]) -> EventLog:
    log = EventLog()
    for event in events:
        log.append(event)
    return log


def told(events: list[Event], dialect: Dialect, after: Place = 0) -> list[Read]:
    following = LiveTurn(HEAD, logged(events), after)
    batch = asyncio.run(following.next(0))
    assert following.ended
    pieces = [_encoded(each, list(dialect.encode(each))) for each in batch if not each.known]
    return read_events(b"".join(pieces))


def _encoded(followed: Followed, events: list[WireEvent]) -> bytes:
    """As a stream does it: the last of what one event became has the place."""
    encoded = [event.encode() for event in events[:-1]]
    return b"".join(encoded + [event.encode(str(followed.place)) for event in events[-1:]])


def answer_of(events: list[Event]) -> str:
    """As the books have it: the texts of the replies, with a blank line between them."""
    replies = [""]
    for event in events:
        if isinstance(event, IterationStarted):
            replies.append("")
        elif isinstance(event, TextDelta):
            replies[-1] += event.text
    return storable("\n\n".join(reply for reply in replies if reply))


@given(turns)
@settings(max_examples=60)
def test_named_events_carry_the_answer_its_cost_and_its_end(events: list[Event]) -> None:
    read = told(events, NamedEvents())
    names = [event.name for event in read]
    assert text_of(read) == answer_of(events)
    assert names[0] == "session_start"
    assert names[-2:] == ["cost", "done" if events[-1].status == "completed" else "error"]  # type: ignore[union-attr]
    assert names.count("cost") == 1
    ids = [int(event.id) for event in read if event.id]
    assert ids == sorted(set(ids))
    assert ids[-1] == len(events)


@given(turns)
@settings(max_examples=30)
def test_after_each_event_a_reader_who_comes_back_gets_exactly_the_rest(events: list[Event]) -> None:
    read = told(events, NamedEvents())
    for place, event in enumerate(read):
        if event.id:
            assert told(events, NamedEvents(), after=int(event.id)) == read[place + 1 :]


@given(turns, st.sampled_from([SAVED, 1_000_000]))
@settings(max_examples=30)
def test_who_has_text_without_a_place_gets_the_whole_of_it_instead(events: list[Event], after: Place) -> None:
    read = told(events, NamedEvents(), after)
    assert read[0].data == {"text": answer_of(events), "replace": True}
    assert [event.name for event in read[1:]] == [event.name for event in told(events, NamedEvents())[-2:]]


@given(turns)
@settings(max_examples=60)
def test_tokens_are_the_answer_and_end_with_the_whole_of_it(events: list[Event]) -> None:
    *tokens, last = told(events, Tokens())
    assert "".join(event.data["token"] for event in tokens) == answer_of(events)
    assert all(event.data["done"] is False for event in tokens)
    assert all(event.name is None for event in [*tokens, last])
    if events[-1].status == "completed":  # type: ignore[union-attr]
        whole = {"token": "", "done": True, "fullText": answer_of(events)}
        assert whole.items() <= last.data.items()
    else:
        assert {"error", "message"} <= last.data.keys()


@given(turns)
@settings(max_examples=60)
def test_typed_events_accumulate_the_answer(events: list[Event]) -> None:
    read = told(events, TypedEvents(AT))
    text = ""
    for event in read:
        assert datetime.fromisoformat(event.data["timestamp"]) >= AT
        if event.data["type"] == "text_chunk":
            text += event.data["chunk"]
            assert event.data["accumulated"] == text
    assert text == answer_of(events)
    assert read[-1].data["type"] == ("complete" if events[-1].status == "completed" else "error")  # type: ignore[union-attr]


def test_what_an_answer_cost_is_exact() -> None:
    cost = told([START, END], NamedEvents())[-2]
    tokens = {"inputTokens": 15, "outputTokens": 7}
    assert cost.data == {**tokens, "totalCost": 0.123456789, "estimated": False, "basis": "computed"}


def test_what_tools_do_is_told_also_of_agents_that_were_asked() -> None:
    asked = ApprovalRequested("call", "span", "fetch_url", {}, AT)
    inner = Delegated("first", "Researcher", Delegated("second", "Archivist", asked))
    progress = ToolProgress("call", "fetch_url", "completed", 12, 1, 1)
    first, second = told([progress, inner, END], NamedEvents())[:2]
    assert first.data == {"id": "call", "tool": "fetch_url", "status": "completed", "executionTime": 12}
    assert second.data["status"] == "awaiting_approval"
    assert (second.data["spanId"], second.data["agent"], second.data["askedBy"]) == ("span", "Archivist", "second")


def test_thoughts_retries_and_warnings_are_told_but_not_what_another_agent_thinks() -> None:
    retry, warned = RetryScheduled(1, "Overloaded.", 0.5), Warned("A server is away.")
    by_another = [Delegated("call", "Helper", event) for event in (ThinkingDelta("Hm"), TextDelta("Ha"), retry, warned)]
    events = told([ThinkingDelta("So"), retry, warned, *by_another, END], NamedEvents())[:-2]
    again, aside = {"attempt": 1, "waitSeconds": 0.5, "error": "Overloaded."}, {"text": "A server is away."}
    who = {"agent": "Helper", "askedBy": "call"}
    assert [(event.name, event.data) for event in events] == [
        ("thinking", {"text": "So"}),
        ("retry", again),
        ("warning", aside),
        ("retry", {**again, **who}),
        ("warning", {**aside, **who}),
    ]
    typed = told([retry, END], TypedEvents(AT))[0].data
    assert (typed["type"], again.items() <= typed.items()) == ("retry", True)
    assert [event.data["done"] for event in told([ThinkingDelta("So"), retry, warned, END], Tokens())] == [True]


@pytest.mark.parametrize(
    ("dialect", "said"),
    [
        (NamedEvents(), {"error": "Go.", "code": "not_signed_in"}),
        (Tokens(), {"error": "not_signed_in", "message": "Go."}),
        (TypedEvents(AT), {"type": "error", "error": "Go.", "code": "not_signed_in"}),
    ],
)
def test_who_cannot_go_on_reads_why(dialect: Dialect, said: dict[str, Any]) -> None:
    [event] = read_events(dialect.failed(NotSignedIn("Go.")).encode())
    assert said.items() <= event.data.items()


@pytest.mark.parametrize("status", ["completed", "stopped", "failed", "interrupted"])
@pytest.mark.parametrize(("basis", "total"), [("computed", 5), ("estimated", 5), ("unpriced", None)])
def test_a8_the_last_event_of_every_door_tells_trace_stop_reason_and_basis(
    status: Any, basis: Any, total: int | None
) -> None:
    end = replace(END, status=status, basis=basis, total=total, stop_reason="max_tokens")
    for dialect in (NamedEvents(), Tokens(), TypedEvents(AT)):
        events = told([START, end], dialect)
        known = {"taskTraceId": "t1", "stopReason": "max_tokens", "basis": basis}
        assert known.items() <= events[-1].data.items()
        costs = [event.data for event in events if "totalCost" in event.data]
        assert all(cost["basis"] == basis for cost in costs)
        assert all((cost["totalCost"] is None) == (basis == "unpriced") for cost in costs)
