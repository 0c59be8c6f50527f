"""Folding raw events: whatever the splits and repeats of the wire, the same reply."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.events import TextDelta, ThinkingDelta
from core.provider.anthropic.events import fold, is_content, start_reply
from core.provider.reply import MalformedEvent, Reply
from core.provider.simulator.scripted import (
    Script,
    answer_events,
    block,
    ending,
    message_start,
    streamed,
    text_block,
    thinking_block,
)
from core.provider.simulator.wire import sse
from core.usage import read_usage
from tests.core.provider.wiring import ask, in_process

TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=12), min_size=1, max_size=8)
COUNTS = st.lists(st.integers(0, 10**9), min_size=1, max_size=6)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
KINDS = ["message_delta", "content_block_start", "content_block_delta", "content_block_stop", "message_stop", "ping"]


def folded(events: list[dict[str, Any]]) -> Reply:
    reply = start_reply(events[0], None)
    assert reply is not None
    for event in events[1:]:
        fold(reply, event)
    return reply


def known(reply: Reply) -> tuple[Any, ...]:
    return reply.model, reply.content, reply.usage, reply.stop_reason, reply.complete, reply.text, reply.thinking_text


@given(TEXTS, st.lists(st.integers(1, 40), max_size=60))
@settings(max_examples=60, deadline=None)
def test_any_split_of_the_bytes_folds_to_the_same_reply(texts: list[str], cuts: list[int]) -> None:
    events = answer_events(*texts, final={"output_tokens": 7})
    wire, pieces = b"".join(map(sse, events)), []
    for size in cuts:
        pieces.append(wire[:size])
        wire = wire[size:]
    split = asyncio.run(asked([*pieces, wire]))
    assert known(split) == known(folded(events))
    assert split.text == "".join(texts)


async def asked(pieces: list[bytes]) -> Reply:
    async with in_process(Script(streamed(pieces))) as provider:
        outcome = await ask(provider)
    assert outcome.error is None
    assert outcome.shown == outcome.reply.text
    return outcome.reply


@given(COUNTS, COUNTS)
def test_a3_any_row_of_cumulative_figures_ends_at_the_largest(outputs: list[int], inputs: list[int]) -> None:
    usage = {"input_tokens": 5, "cache_read_input_tokens": 3, "output_tokens": 1}
    deltas = [{"type": "message_delta", "delta": {}, "usage": {"input_tokens": count}} for count in inputs]
    deltas += [{"type": "message_delta", "delta": {}, "usage": {"output_tokens": count}} for count in outputs]
    reply = folded([message_start("m", usage), *deltas, *ending({})])
    read = read_usage(reply.usage)
    assert (read.usage.input, read.usage.cache_read) == (max(5, *inputs), 3)
    assert read.usage.output == (max(outputs) if max(outputs) > 3 else outputs[-1])


@given(st.sampled_from(KINDS), st.dictionaries(st.sampled_from(["index", "delta", "usage", "content_block"]), JSON))
def test_no_event_fails_in_a_way_of_its_own(kind: str, fields: dict[str, Any]) -> None:
    reply = folded(answer_events("Hi")[:3])
    try:
        fold(reply, {"type": kind, **fields})
    except MalformedEvent:
        assert kind != "ping"
    assert reply.text.startswith("Hi")


@given(st.dictionaries(st.sampled_from(["type", "delta"]), JSON))
@example({"type": []})
def test_no_event_is_content_in_a_way_of_its_own(event: dict[str, Any]) -> None:
    assert not is_content(event)
    assert not is_content({**event, "type": [event]})


@given(JSON)
@example({"type": []})
def test_no_first_event_fails_in_a_way_of_its_own(event: Any) -> None:
    try:
        reply = start_reply(event, None)
    except MalformedEvent:
        return
    assert reply is None


def test_blocks_can_be_sent_back_as_they_came() -> None:
    redacted = {"type": "redacted_thinking", "data": "EmwKAhgB=="}
    search = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
    result = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [{"url": "https://x"}]}
    blocks = [
        thinking_block("Let me ", "see…", signature="c2ln+/=="),
        block(redacted),
        block(search, {"type": "input_json_delta", "partial_json": '{"query": "t'}, _json('ea"}')),
        block(result),
        block({"type": "hologram", "depth": 3}),
    ]
    reply = folded(answer_events("Done", blocks=blocks))
    assert reply.content == [
        {"type": "thinking", "thinking": "Let me see…", "signature": "c2ln+/=="},
        redacted,
        {**search, "input": {"query": "tea"}},
        result,
        {"type": "hologram", "depth": 3},
        {"type": "text", "text": "Done"},
    ]
    assert (
        json.dumps(reply.content[0]) == '{"type": "thinking", "thinking": "Let me see\\u2026", "signature": "c2ln+/=="}'
    )
    assert (reply.text, reply.thinking_text) == ("Done", "Let me see…")


def _json(text: str) -> dict[str, Any]:
    return {"type": "input_json_delta", "partial_json": text}


TOOL = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}}


@pytest.mark.parametrize(
    ("pieces", "arguments"),
    [([""], {}), (["", '{"city":', '"Rome"}'], {"city": "Rome"}), (['{"city": "Ro'], {"INVALID_JSON": '{"city": "Ro'})],
    ids=["none", "split", "cut by max_tokens"],
)
def test_tool_arguments_are_read_when_their_block_ends(pieces: list[str], arguments: dict[str, str]) -> None:
    reply = folded(answer_events(blocks=[block(TOOL, *map(_json, pieces))]))
    assert reply.content == [{**TOOL, "input": arguments}]


def test_a_block_under_way_shows_what_it_has() -> None:
    thinking = [{**event, "index": 0} for event in thinking_block("Hm", ", so", signature="s")]
    reply = folded([message_start("m", {}), *thinking[:3]])
    assert reply.content == [{"type": "thinking", "thinking": "Hm, so", "signature": ""}]
    assert (reply.complete, reply.stop_reason) == (False, None)


def test_citations_gather_on_their_block() -> None:
    cites = [{"type": "citations_delta", "citation": {"cited_text": text}} for text in "ab"]
    reply = folded(answer_events(blocks=[block({"type": "text", "text": "", "citations": None}, *cites)]))
    assert reply.content[0]["citations"] == [{"cited_text": "a"}, {"cited_text": "b"}]


def test_what_a_reader_sees_of_an_event() -> None:
    reply = folded([message_start("m", {})])
    start, thought, signed, stop = ({**event, "index": 0} for event in thinking_block("Hm", signature="s"))
    assert [fold(reply, event) for event in (start, thought, signed, stop)] == [None, ThinkingDelta("Hm"), None, None]
    start, said, stop = ({**event, "index": 1} for event in text_block("Hi"))
    assert [fold(reply, event) for event in (start, said, stop)] == [None, TextDelta("Hi"), None]


@pytest.mark.parametrize(
    "event",
    [
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "?"}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "?"}},
    ],
    ids=["started twice", "after its end", "never started"],
)
def test_a_block_out_of_order_never_costs_text(event: dict[str, Any]) -> None:
    reply = folded(answer_events("Hi")[:4])
    with pytest.raises(MalformedEvent):
        fold(reply, event)
    assert reply.text == "Hi"


def test_a_refusal_keeps_its_reason() -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": "no"}
    delta = {"stop_reason": "refusal", "stop_details": details}
    reply = folded([message_start("m", {}), {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 0}}])
    assert (reply.stop_reason, reply.stop_details, reply.content) == ("refusal", details, [])


def test_the_end_of_a_message_without_its_reason_is_no_end() -> None:
    reply = folded(answer_events("Hi")[:4])
    with pytest.raises(MalformedEvent, match="stop_reason"):
        fold(reply, {"type": "message_stop"})
    assert not reply.complete
