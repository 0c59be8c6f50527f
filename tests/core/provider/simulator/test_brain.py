"""The simulated model asks for tools that fit, and answers from what they gave."""

import json
from typing import Any

import pytest

from core.provider.simulator.messages_api import Simulator
from core.provider.simulator.reports import report
from core.provider.simulator.talk import GivenResult
from core.usage import read_usage
from tests.core.provider.simulator.requests import body, error, events, text, wire


def tool(name: str, *properties: str) -> dict[str, Any]:
    schema = {"type": "object", "properties": {each: {} for each in properties}}
    return {"name": name, "description": "", "input_schema": schema}


TOOLS = [
    tool("people_get_employees", "department", "min_increment_percent", "max_increment_percent", "min_salary"),
    tool("calculator", "expression"),
    tool("current_time", "zone"),
    tool("query_costs", "group_by"),
    tool("fetch_url", "url", "start"),
]


def ask(content: str, *answered: tuple[str, Any], seed: int = 0, **fields: Any) -> list[dict[str, Any]]:
    """The events of the answer to a question, after so many rounds of calls and their results."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": content}]
    for number, (name, given) in enumerate(answered):
        call = {"type": "tool_use", "id": f"t{number}", "name": name, "input": {}}
        messages.append({"role": "assistant", "content": [call]})
        messages.append({"role": "user", "content": [{"type": "tool_result", "tool_use_id": f"t{number}", **given}]})
    response = Simulator(seed=seed).answer(wire(body(messages=messages, **{"tools": TOOLS, **fields})))
    assert response.status == 200, error(response)
    return events(response)


def calls(answer: list[dict[str, Any]]) -> list[tuple[str, Any]]:
    """The names and inputs asked for, each input put together from its pieces."""
    starts = {each["index"]: each["content_block"] for each in answer if each["type"] == "content_block_start"}
    pieces: dict[int, str] = {}
    for each in answer:
        if "partial_json" in each.get("delta", {}):
            pieces[each["index"]] = pieces.get(each["index"], "") + each["delta"]["partial_json"]
    return [(starts[index]["name"], json.loads(whole)) for index, whole in pieces.items()]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (
            "give me list of employees with 5-10% increment",
            [("people_get_employees", {"min_increment_percent": 5.0, "max_increment_percent": 10.0})],
        ),
        ("Which staff got a raise over 7.5 %?", [("people_get_employees", {"min_increment_percent": 7.5})]),
        ("Show all employees", [("people_get_employees", {})]),
        ("What is 12 * (3.5 + 4)?", [("calculator", {"expression": "12 * (3.5 + 4)"})]),
        ("How much is 15% of 80?", [("calculator", {"expression": "15% of 80"})]),
        ("What is 17% of 2,340?", [("calculator", {"expression": "17% of 2340"})]),
        ("What time is it in New York?", [("current_time", {"zone": "America/New_York"})]),
        ("What did we spend this week?", [("query_costs", {})]),
        ("Read https://example.org/a?b=1.", [("fetch_url", {"url": "https://example.org/a?b=1"})]),
        ("What is 2+2, and what time is it?", [("calculator", {"expression": "2+2"}), ("current_time", {})]),
        ("Write a haiku about 3 frogs in 2026-11.", []),
        ("[[say: Hi]] What is 2+2?", []),
    ],
)
def test_the_tools_that_fit_a_question_are_asked_for(question: str, expected: list[tuple[str, Any]]) -> None:
    answer = ask(question)
    assert calls(answer) == expected
    assert answer[-2]["delta"]["stop_reason"] == ("tool_use" if expected else "end_turn")


def test_without_tools_the_same_question_is_just_answered() -> None:
    assert calls(ask("What is 2+2?", tools=[])) == []


def test_the_input_counts_as_output_and_comes_after_an_empty_piece() -> None:
    answer = ask('[[think: 9]] [[call: calculator {"expression": "1 + 1"}]]')
    deltas = [each["delta"] for each in answer if each["type"] == "content_block_delta"]
    pieces = [delta["partial_json"] for delta in deltas if "partial_json" in delta]
    assert pieces[0] == ""
    assert len(pieces) > 3
    shown = len([delta for delta in deltas if "text" in delta]) + len(pieces) - 1
    assert read_usage({**answer[0]["message"]["usage"], **answer[-2]["usage"]}).usage.output == 9 + shown


def test_ordered_calls_are_made_round_by_round() -> None:
    order = '[[call: a {"n": 1}]] [[also: b]] [[call: c]] [[say: Done.]]'
    rounds = [("a", {"content": "x"}), ("c", {"content": "y"})]
    assert calls(ask(order)) == [("a", {"n": 1}), ("b", {})]
    assert calls(ask(order, *rounds[:1])) == [("c", {})]
    assert text(ask(order, *rounds)) == "Done."


def test_calls_get_ids_of_their_own() -> None:
    answers = [ask("[[call: a]] [[also: a]] [[call: a]]", *[("a", {"content": "x"})] * done) for done in range(2)]
    blocks = [each["content_block"] for answer in answers for each in answer if "content_block" in each]
    ids = [block["id"] for block in blocks if block["type"] == "tool_use"]
    assert (len(ids), len(set(ids))) == (3, 3)


def test_a_call_that_runs_out_of_room_is_cut() -> None:
    answer = ask('[[call: calculator {"expression": "1111 + 2222 + 3333"}]]', max_tokens=12)
    assert answer[-2]["delta"]["stop_reason"] == "max_tokens"
    assert answer[-2]["usage"]["output_tokens"] == 12


def test_a_pause_leaves_a_search_open_and_goes_on_when_it_is_sent_back() -> None:
    pause = ask("[[stop: pause_turn]] [[say: Done.]]")
    opened = next(
        each["content_block"] for each in pause if each.get("content_block", {}).get("type") == "server_tool_use"
    )
    assert pause[-2]["delta"]["stop_reason"] == "pause_turn"
    messages = [
        {"role": "user", "content": "[[stop: pause_turn]] [[say: Done.]]"},
        {"role": "assistant", "content": [opened]},
    ]
    resumed = events(Simulator().answer(wire(body(messages=messages))))
    starts = [each["content_block"] for each in resumed if each["type"] == "content_block_start"]
    assert (starts[0]["type"], starts[0]["tool_use_id"]) == ("web_search_tool_result", opened["id"])
    assert (text(resumed), resumed[-2]["delta"]["stop_reason"]) == ("Done.", "end_turn")


ROWS = [{"name": "Ada", "increment": 7.5}, {"name": "B|b", "increment": None}]
TABLE = "| name | increment |\n| --- | --- |\n| Ada | 7.5 |\n| B/b |  |"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (json.dumps(ROWS), f"`people` found **2**:\n\n{TABLE}"),
        (json.dumps({"total": 2, "employees": ROWS}), f"`people` found **2**:\n\n{TABLE}"),
        ("2 employees\nname,increment\nAda,7.5\nB|b,\n", f"`people` found **2**:\n\n{TABLE}"),
        ("[]", "`people` found nothing that fits."),
        ("42", "`people` gives **42**."),
        ("Hello, you\nthere", "`people` says:\n\nHello, you\nthere"),
    ],
)
def test_an_answer_is_made_of_the_rows_a_tool_gave(given: str, expected: str) -> None:
    assert report([GivenResult("people", given, failed=False)]) == expected


def test_a_long_list_is_cut_and_a_failure_is_told() -> None:
    many = report([GivenResult("people", json.dumps([{"n": n} for n in range(99)]), failed=False)])
    assert ("found **99**, the first 25" in many, many.count("\n| ")) == (True, 27)
    assert "did not work: no such" in report([GivenResult("people", "no such", failed=True)])


def test_the_answer_after_a_tool_holds_its_rows() -> None:
    question = "give me list of employees with 5-10% increment"
    answer = ask(question, ("people_get_employees", {"content": json.dumps(ROWS)}))
    assert TABLE in text(answer)
    assert answer[-2]["delta"]["stop_reason"] == "end_turn"
