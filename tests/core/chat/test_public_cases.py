"""Cases from public bug reports, end to end over the wire: what was seen, paused, renamed or tried again."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import time_machine

from core.provider.simulator.scripted import answer_events, block, failed, message_start, streamed, thinking_block
from core.store.database import Store
from core.store.tables import LedgerLine, TraceSpan
from tests.core.books.in_store import rows
from tests.core.chat.conftest import ended
from tests.core.chat.tooling import Open, assert_adds_up
from tests.core.exports.ledgers import exported, rows_of

FILE = Path(__file__).resolve().parents[2] / "golden" / "public_cases.json"
CASES = {case["id"]: case for case in json.loads(FILE.read_text())}
MODEL = "claude-sonnet-5-5"
PROMPT = {"input_tokens": 1_000, "output_tokens": 1}


def _search(number: int) -> list[list[dict[str, Any]]]:
    call = {"type": "server_tool_use", "id": f"srvtoolu_{number}", "name": "web_search", "input": {"query": "tea"}}
    found = [{"type": "web_search_result", "title": "Tea", "url": "https://example.org"}]
    result = {"type": "web_search_tool_result", "tool_use_id": call["id"], "content": found}
    return [block(call), block(result)]


def _cut(events: list[dict[str, Any]], before: str = "message_delta") -> Any:
    """The stream up to its last figures, then it breaks."""
    place = [event["type"] for event in events].index(before)
    return streamed(events[:place], end="cut")


def test_a5_searches_that_were_shown_are_booked_when_the_stream_is_cut(work: Open, store: Store) -> None:
    shown = CASES["search-cut"]["input"]["searches_shown"]
    blocks = [each for number in range(shown) for each in _search(number)]
    desk = work(_cut(answer_events("It is ", model=MODEL, usage=PROMPT, blocks=blocks)))
    turn = desk.send()
    assert ended(turn).basis == "estimated"
    [fee] = [line for line in rows(store, LedgerLine, task_trace_id=turn.id) if line["unit"] == "web_search"]
    assert (fee["quantity"], fee["amount_nanos"]) == (3, 30_000_000)
    assert_adds_up(store, turn)


def test_a_reply_of_a_gateways_regional_id_is_priced_as_the_model_it_names(work: Open, store: Store) -> None:
    case = CASES["bedrock-id"]["input"]
    usage = {"input_tokens": 1_000, "output_tokens": 100}
    desk = work(streamed(answer_events("Much.", model=case["answered"], usage=PROMPT, final=usage)))
    with time_machine.travel(datetime(2026, 11, 20, tzinfo=UTC)):  # the model of the case retires ten days later
        desk.change(model=case["asked"])
        turn = desk.send()
        end = ended(turn)
    assert (end.total, end.basis) == (1_000 * 3_000 + 100 * 15_000, "computed")
    [span] = rows(store, TraceSpan, task_trace_id=turn.id)
    assert span["response_model"] == case["answered"]
    assert case["answered"] in span["cost_reason"]


def test_all_legs_of_a_paused_answer_are_billed(work: Open, store: Store) -> None:
    case = CASES["pause-both-legs"]["input"]
    each, legs = case["each"], case["legs"]
    usage = {
        "input_tokens": each["input"],
        "cache_creation_input_tokens": each["cache_write_5m"],
        "cache_read_input_tokens": each["cache_read"],
        "output_tokens": each["output"],
        "server_tool_use": {"web_search_requests": each["searches"]},
    }
    answers = []
    for leg in range(legs):
        given, asked = _search(leg - 1)[1:] if leg else [], _search(leg)[:1] if leg < legs - 1 else []
        reason = "pause_turn" if asked else "end_turn"
        texts = () if asked else ("Tea.",)
        events = answer_events(
            *texts, model=MODEL, usage=usage, final=usage, blocks=[*given, *asked], stop_reason=reason
        )
        answers.append(events)
    desk = work(*map(streamed, answers))
    desk.change(model=MODEL, max_iterations=legs)
    turn = desk.send()
    assert ended(turn).total == 1_177_500_000
    assert len(rows(store, TraceSpan, task_trace_id=turn.id)) == legs


def test_three_refused_tries_are_three_calls_of_one_turn_that_cost_nothing(work: Open, store: Store) -> None:
    headers = {"retry-after": "0"}
    desk = work(*(failed(500, "api_error", "Oops", headers=headers) for _ in range(3)))
    turn = desk.send()
    end = ended(turn)
    assert (end.status, end.total, end.basis) == ("failed", 0, "computed")
    assert len(rows(store, TraceSpan, task_trace_id=turn.id)) == CASES["retries-counted"]["input"]["attempts"]


def test_a4_a_stream_that_reports_no_prompt_and_is_cut_costs_our_estimate_of_it(work: Open, store: Store) -> None:
    zeros = {"input_tokens": 0, "output_tokens": 0}
    for stop_reason in ("cut", "end_turn"):
        events = answer_events("It is " * 40, model=MODEL, usage=zeros, final={"output_tokens": 90})
        desk = work(_cut(events) if stop_reason == "cut" else streamed(events))
        turn = desk.send("word " * 2_000)
        end = ended(turn)
        assert end.basis == "estimated"
        assert 1_000 < end.usage.input < 4_000
        [span] = rows(store, TraceSpan, task_trace_id=turn.id)
        assert "no prompt" in span["cost_reason"]
        desk.services.close()


def test_a7_hidden_thinking_of_a_cut_reply_is_told_as_a_lower_bound(work: Open, store: Store) -> None:
    thought = thinking_block("", signature="c2lnbmVk")
    desk = work(streamed([message_start(MODEL, PROMPT), *({**event, "index": 0} for event in thought)], end="cut"))
    turn = desk.send()
    assert ended(turn).basis == "estimated"
    [span] = desk.services.traces.spans(desk.services.me, turn.id)
    assert span.cost_reason is not None
    assert "at least" in span.cost_reason


def test_one_cached_token_of_a_us_batch_is_written_without_an_exponent(work: Open, store: Store) -> None:
    case = CASES["csv-tiny"]
    desk = work(streamed(answer_events("A", model=case["input"]["model"], usage=PROMPT, final=case["input"]["usage"])))
    desk.change(model=case["input"]["model"])
    turn = desk.send()
    ended(turn)
    file = exported(store, "ledger").decode()
    amounts = {row["unit"]: row["amount_usd"] for row in rows_of(file.encode()) if row["trace_id"] == turn.id}
    assert [amounts["cache_read"], amounts["output"]] == re.findall(r"0\.\d{9}", case["right"])
