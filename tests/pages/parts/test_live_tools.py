"""Tools, consent to them, warnings and other agents in a turn's log: each on the screen where it happened."""

import re
from datetime import timedelta

import pytest
from streamlit.testing.v1 import AppTest

from core.agent.loop import shortened
from core.clock import now
from core.events import (
    ApprovalDecided,
    ApprovalRequested,
    Decision,
    Delegated,
    IterationStarted,
    RunEvent,
    TextDelta,
    ThinkingDelta,
    ToolDetected,
    ToolProgress,
    Warned,
)
from tests.pages.parts.live import END, ScriptedTurn, drawn, shown
from tests.pages.screen import button, has_button, labelled

ASKED = ToolDetected("a", "people__get_employees", {"min": 5})
DONE = ToolProgress("a", "people__get_employees", "completed", 412, 1, 1, "14 employees", 12)


def lines(app: AppTest) -> list[tuple[str, str]]:
    return [(each.label, each.icon) for each in app.expander]


def request(call: str = "a", span: str = "span-a") -> ApprovalRequested:
    return ApprovalRequested(call, span, "fetch_url", {"url": f"http://{call}"}, now() + timedelta(minutes=5))


def test_a_call_is_a_line_between_what_was_said_before_and_after() -> None:
    said, then = TextDelta("Let me see."), TextDelta("Here they are.")
    app = drawn(ScriptedTurn(IterationStarted(1), said, ASKED, DONE, IterationStarted(2), then, END))
    assert shown(app) == ["Let me see.", '{\n  "min": 5\n}', "14 employees", "Here they are."]
    assert lines(app) == [(r"**get\_employees** · people · 412 ms", ":material/check_circle:")]
    assert not app.expander[0].proto.expanded


def test_a_call_that_runs_turns_and_one_that_failed_says_why() -> None:
    failed = ToolProgress("b", "broken", "failed", 20, 2, 2, "It *broke*:\nno host.", 20)
    turn = ScriptedTurn(ASKED, ToolDetected("b", "broken", {}), failed)
    assert lines(drawn(turn)) == [
        (r"**get\_employees** · people", "spinner"),
        (r"**broken** · :red[failed] after 20 ms — It \*broke\*\: no host\.", ":material/error:"),
    ]
    turn.tell(END)
    assert lines(drawn(turn))[0] == (r"**get\_employees** · people · stopped", ":material/stop_circle:")


def test_a_long_result_is_cut_and_its_size_said() -> None:
    text = shortened("x" * 9_000)
    app = drawn(ScriptedTurn(ASKED, ToolProgress("a", "x", "completed", 1, 1, 1, text, 123_456), END))
    assert app.code[1].value == text
    assert "Result · 123,456 bytes, of which this is the beginning" in [each.value for each in app.caption]


def test_each_iteration_thinks_in_a_place_of_its_own() -> None:
    app = drawn(ScriptedTurn(ThinkingDelta("one"), ASKED, DONE, ThinkingDelta("two"), TextDelta("So."), END))
    assert [each.label.partition(" ")[0] for each in app.expander] == ["Thinking", "**get\\_employees**", "Thinking"]
    assert shown(app)[0] == "one"
    assert shown(app)[-2:] == ["two", "So."]


def test_warnings_stand_above_the_answer_once_each_whoever_was_warned() -> None:
    warned = Warned("The server *people* does not answer.")
    app = drawn(ScriptedTurn(ASKED, TextDelta("Well."), warned, Delegated("a", "Analyst", warned), END))
    assert [each.value for each in app.warning] == [r"The server \*people\* does not answer\."]


def test_calls_that_wait_are_approved_and_denied_one_by_one() -> None:
    turn = ScriptedTurn(ASKED, ToolDetected("b", "fetch_url", {}), request("a", "span-a"), request("b", "span-b"))
    app = drawn(turn)
    assert [label.split(" · ")[-1] for label, _ in lines(app)] == ["waits for approval"] * 2
    assert '{\n  "url": "http://b"\n}' in [each.value for each in app.code]
    assert sum("Without an answer by" in each.value for each in app.caption) == 2
    app.text_input(key="reason-span-b").set_value("Not there.")
    app.button(key="deny-span-b").click().run()
    app.button(key="approve-span-a").click().run()
    assert turn.decided == [("span-b", False, "Not there."), ("span-a", True, "")]


@pytest.mark.parametrize(
    ("decision", "by", "words"),
    [
        ("approved", "Ada", r" · 1\.5 s"),
        ("denied", "Ada", r" · :orange\[not allowed\] — Denied by Ada\\: why\?"),
        ("expired", None, r" · :orange\[not allowed\] — Nobody decided in time\\\."),
    ],
)
def test_what_is_decided_anywhere_is_told_and_no_longer_asked(decision: Decision, by: str | None, words: str) -> None:
    ended = ToolProgress("a", "x", "completed" if by and decision == "approved" else "failed", 1_500, 1, 1, "ok", 2)
    turn = ScriptedTurn(ASKED, request())
    app = drawn(turn)
    assert has_button(app, "Approve")
    turn.tell(ApprovalDecided("a", decision, by, "why?" if by else ""), ended)
    app.run()
    assert not has_button(app, "Approve")
    assert re.search(f"{words}$", lines(app)[0][0])
    assert any("Ada" in each.value or "Nobody" in each.value for each in app.caption)


def test_an_agent_that_is_asked_works_in_a_block_below_the_call() -> None:
    turn = ScriptedTurn(ToolDetected("a", "ask_analyst", {"task": "Look"}))
    inner: list[RunEvent] = [
        ThinkingDelta("hm"),
        TextDelta("Mine."),
        ToolDetected("b", "ask_people", {}),
        request("b", "span-b"),
    ]
    turn.tell(*(Delegated("a", "The Analyst", each) for each in inner))
    turn.tell(Delegated("a", "The Analyst", Delegated("b", "People", TextDelta("Deepest."))))
    app = drawn(turn)
    outer, deeper = app.status
    assert (outer.label, outer.state) == ("The Analyst is working …", "running")
    assert [each.value for each in deeper.markdown] == ["Deepest."]
    assert labelled(outer.button, "Approve")
    turn.tell(Delegated("a", "The Analyst", ToolProgress("b", "ask_people", "failed", 5, 1, 1, "no", 2)))
    turn.tell(ToolProgress("a", "ask_analyst", "completed", 9, 1, 1, "Mine.", 5), TextDelta("The answer."), END)
    assert [(each.label, each.state) for each in drawn(turn).status] == [
        ("The Analyst", "complete"),
        ("People", "error"),
    ]
    assert shown(drawn(turn))[-1] == "The answer."


def test_agents_that_speak_at_the_same_time_do_not_mix() -> None:
    turn = ScriptedTurn(ToolDetected("a", "ask_one", {}), ToolDetected("b", "ask_two", {}))
    app = drawn(turn)
    for letter in "abcdefgh":
        turn.tell(Delegated("a", "One", TextDelta(f"{letter} ")), Delegated("b", "Two", TextDelta(letter.upper())))
        turn.tell(TextDelta("."))
    turn.tell(END)
    app.run()
    assert [each.value for status in app.status for each in status.markdown] == ["a b c d e f g h", "ABCDEFGH"]
    assert shown(app)[-1] == "........"
    assert not has_button(app, "Approve")
    assert button(app, "Stop")
