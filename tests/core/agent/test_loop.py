"""ToolContext, running tools, asking again: over wires that refuse what the API refuses."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.agent.limits import Allowance, CutShort, Limits, Spending
from core.agent.loop import AT_ONCE, CallEnded, CallsStarting, GoingOn, Loop, LoopEvent, RunInput
from core.agent.tools.tool import ToolContext
from core.errors import ProviderRefused
from core.events import IterationStarted, TextDelta, ToolDetected, ToolProgress, ToolsExecuting
from core.provider.blocks import ToolCall
from core.provider.request import ModelRequest
from core.provider.simulator.scripted import answer_events, block, streamed
from core.provider.simulator.wire import WireResponse
from tests.core.agent.toolkit import ASKING, DEFINITIONS, FINAL, MODEL, TOOLS, USAGE, Strict, asks, results, says, tool
from tests.core.agent.wires import connected

pytestmark = pytest.mark.usefixtures("each_provider")

QUESTION: dict[str, Any] = {"role": "user", "content": [{"type": "text", "text": "Go."}]}


@dataclass
class Told:
    """What a loop told, and what the provider was sent."""

    script: Strict
    events: list[LoopEvent] = field(default_factory=list)

    def of(self, *kinds: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kinds)]

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.of(TextDelta))

    @property
    def cut(self) -> str | None:
        return next((event.kind for event in self.of(CutShort)), None)


def request(max_tokens: int = 4_000) -> ModelRequest:
    return ModelRequest(MODEL, [], [QUESTION], max_tokens, thinking=True, tools=DEFINITIONS)


async def follow(*answers: WireResponse, limits: Limits | None = None, spent: Spending | None = None) -> Told:
    told = Told(Strict(*answers))
    async with connected(told.script) as provider:
        allowance = Allowance(limits or Limits(), lambda: spent or Spending(0, 0, 0.0))
        async for event in Loop(provider, RunInput(request(), ASKING, TOOLS), allowance).run():
            told.events.append(event)
    return told


def told(*answers: WireResponse, **more: Any) -> Told:
    return asyncio.run(follow(*answers, **more))


def test_without_tools_the_model_is_asked_once() -> None:
    seen = told(says("Hello."))
    assert (seen.text, len(seen.script.requests), seen.cut) == ("Hello.", 1, None)
    assert seen.of(IterationStarted, GoingOn) == [IterationStarted(1)]


def test_a_tool_is_detected_run_and_answered_with_its_result() -> None:
    seen = told(asks(("a", "echo", {"say": "Hi"}), text="Let me see."), says("Done."))
    assert seen.of(ToolDetected, ToolsExecuting, ToolProgress, CallsStarting, GoingOn) == [
        ToolDetected("a", "echo", {"say": "Hi"}),
        CallsStarting((ToolCall("a", "echo", {"say": "Hi"}),)),
        ToolsExecuting(1, ("echo",)),
        ToolProgress("a", "echo", "executing", None, 1, 1),
        ToolProgress("a", "echo", "completed", seen.of(CallEnded)[0].outcome.duration_ms, 1, 1, "Hi for ada", 10),
        seen.of(GoingOn)[0],
    ]
    assert seen.of(IterationStarted) == [IterationStarted(1), IterationStarted(2)]
    assistant, user = seen.script.messages[1][1:]
    assert [block["type"] for block in assistant["content"]] == ["text", "tool_use"]
    assert results(user) == [{"type": "tool_result", "tool_use_id": "a", "content": "Hi for ada"}]


def test_tools_asked_for_together_run_together_and_are_answered_in_their_order() -> None:
    calls = [("a", "slow", {"seconds": 0.3}), ("b", "slow", {"seconds": 0.2}), ("c", "echo", {"say": "Hi"})]
    seen = told(asks(*calls), says("Done."))
    assert [event.place for event in seen.of(CallEnded)] == [2, 1, 0]
    assert [result["tool_use_id"] for result in results(seen.script.messages[1][-1])] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("name", "failure"),
    [("broken", "failed"), ("hanging", "timeout"), ("nowhere", "unknown"), ("self_cancelling", "failed")],
)
def test_a_tool_that_fails_is_told_to_the_model_and_the_answer_goes_on(name: str, failure: str) -> None:
    seen = told(asks(("a", name, {}), ("b", "echo", {"say": "Hi"})), says("Done."))
    first, second = results(seen.script.messages[1][-1])
    assert (first["is_error"], "is_error" in second) == (True, False)
    assert [event.outcome.failure for event in sorted(seen.of(CallEnded), key=lambda e: e.place)] == [failure, None]
    assert seen.text == "Done."


def test_thinking_goes_back_as_it_came_also_when_its_text_is_empty() -> None:
    thoughts = [("Hm, ünï 🙂", "x"), ("", "y")]
    seen = told(*(asks((call, "echo", {}), thought=thought) for thought, call in thoughts), says("Done."))
    assert [message["content"][0]["type"] for message in seen.script.messages[2][1::2]] == ["thinking", "tool_use"]
    assert seen.text == "Done."


def test_input_cut_into_single_characters_is_whole_again() -> None:
    given = {"say": 'quotes " \\ and ünï 🙂', "deep": [{"n": 1.5}, None, True]}
    seen = told(asks(("a", "echo", given), split=1), says("Done."))
    assert seen.of(ToolDetected) == [ToolDetected("a", "echo", given)]


@pytest.mark.parametrize("broken", ['{"say": "Hi', "[1, 2]", '{"say": "\\ud83d"}'])
def test_input_that_could_not_be_sent_back_is_kept_as_text(broken: str) -> None:
    seen = told(asks(("a", "echo", broken)), says("Done."))
    assert seen.of(ToolDetected)[0].input == {"INVALID_JSON": broken}
    assert seen.text == "Done."


@pytest.mark.parametrize("reason", ["end_turn", "stop_sequence", "refusal", "something_new"])
def test_every_other_reason_ends_the_answer_and_runs_nothing(reason: str) -> None:
    seen = told(asks(("a", "echo", {}), stop_reason=reason))
    assert (seen.of(CallsStarting), seen.cut, len(seen.script.requests)) == ([], None, 1)


@pytest.mark.parametrize("reason", ["max_tokens", "model_context_window_exceeded"])
def test_a_call_cut_by_a_length_limit_is_not_run(reason: str) -> None:
    seen = told(asks(("a", "echo", '{"say": "H'), stop_reason=reason))
    assert (seen.of(CallsStarting), seen.cut) == ([], "tool_call_cut")


@pytest.mark.parametrize("reason", ["max_tokens", "model_context_window_exceeded"])
def test_text_cut_by_a_length_limit_is_an_answer_as_before(reason: str) -> None:
    assert told(says("Half a", stop_reason=reason)).cut is None


SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "tea"}}


FOUND = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}


def paused() -> WireResponse:
    return streamed(answer_events(usage=USAGE, final=FINAL, blocks=[block(SEARCH)], stop_reason="pause_turn"))


def test_a_pause_is_resumed_with_the_same_words() -> None:
    seen = told(paused(), paused(), says("Done."))
    assert seen.script.messages[2] == [QUESTION, *[{"role": "assistant", "content": [SEARCH]}] * 2]
    assert ([event.n for event in seen.of(GoingOn)], seen.text) == ([2, 3], "Done.")


def test_only_the_newest_results_are_marked_for_caching() -> None:
    seen = told(*(asks((call, "echo", {})) for call in "abc"), says("Done."))
    marked = [["cache_control" in block for block in message["content"]] for message in seen.script.messages[3]]
    assert marked == [[False]] * 6 + [[True]]


@pytest.mark.parametrize(
    ("limits", "spent", "kind"),
    [
        (Limits(iterations=1), Spending(0, 0, 0), "iteration_limit"),
        (Limits(nanos=10), Spending(10, 0, 0), "cost_limit"),
        (Limits(nanos=10), Spending(None, 0, 0), "cost_limit"),
        (Limits(seconds=5), Spending(0, 0, 5.0), "time_limit"),
        (Limits(output_tokens=50), Spending(0, 50, 0), "output_limit"),
    ],
)
def test_a_limit_that_is_reached_ends_the_answer_before_its_tools_run(
    limits: Limits, spent: Spending, kind: str
) -> None:
    seen = told(asks(("a", "echo", {})), says("Never."), limits=limits, spent=spent)
    assert (seen.cut, seen.of(CallsStarting), len(seen.script.requests)) == (kind, [], 1)
    assert seen.events[-1].text.startswith("This answer was ended because")  # type: ignore[union-attr]


def test_just_below_its_limits_the_answer_goes_on_with_the_room_that_is_left() -> None:
    limits = Limits(iterations=2, nanos=10, seconds=5, output_tokens=50)
    seen = told(asks(("a", "echo", {})), says("Done."), limits=limits, spent=Spending(9, 49, 4.9))
    assert (seen.text, seen.cut) == ("Done.", None)
    assert [each.json()["max_tokens"] for each in seen.script.requests] == [1, 1]


def test_a_limit_reached_while_tools_ran_stops_the_next_call() -> None:
    async def run() -> Told:
        seen, spent = Told(Strict(asks(("a", "echo", {})), says("Never."))), [Spending(0, 0, 0), Spending(9, 0, 0)]
        async with connected(seen.script) as provider:
            allowance = Allowance(Limits(nanos=9), lambda: spent[bool(seen.of(CallEnded))])
            async for event in Loop(provider, RunInput(request(), ASKING, TOOLS), allowance).run():
                seen.events.append(event)
        return seen

    seen = asyncio.run(run())
    assert (seen.cut, len(seen.of(CallEnded)), len(seen.script.requests)) == ("cost_limit", 1, 1)


def test_only_some_tools_run_at_once_and_all_run() -> None:
    running, most = 0, 0

    async def act(given: Any, asking: ToolContext) -> str:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.001)
        running -= 1
        return asking.call_id

    async def run() -> list[str]:
        calls = [(f"c{n}", "act", {"n": n}) for n in range(40)]
        async with connected(Strict(asks(*calls), says("Done."))) as provider:
            work = RunInput(request(), ASKING, {"act": tool("act", act)})
            events = [each async for each in Loop(provider, work, Allowance(Limits(), lambda: Spending(0, 0, 0))).run()]
        return [each.outcome.text for each in events if isinstance(each, CallEnded)]

    assert (sorted(asyncio.run(run())), most) == (sorted(f"c{n}" for n in range(40)), AT_ONCE)


def test_results_that_no_longer_fit_the_model_end_the_answer() -> None:
    usage = {"input_tokens": 999_900, "output_tokens": 1}
    full = answer_events(usage=usage, final={"output_tokens": 20}, calls=[block(dict(CALL))], stop_reason="tool_use")
    assert told(streamed(full)).cut == "context_full"


CALL = {"type": "tool_use", "id": "a", "name": "echo", "input": {}}


def test_what_the_provider_refuses_is_raised() -> None:
    with pytest.raises(ProviderRefused, match="request 2"):
        told(asks(("a", "echo", {})))


def test_leaving_the_loop_stops_its_tools() -> None:
    async def leave() -> list[str]:
        begun, ended = asyncio.Event(), list[str]()

        async def wait(given: Any, asking: Any) -> str:
            begun.set()
            try:
                return str(await asyncio.Event().wait())
            finally:
                ended.append("stopped")

        async with connected(Strict(asks(("a", "wait", {}), ("b", "wait", {})))) as provider:
            work = RunInput(request(), ASKING, {"wait": tool("wait", wait)})
            allowance = Allowance(Limits(), lambda: Spending(0, 0, 0))
            following = asyncio.create_task(_last_of(Loop(provider, work, allowance).run()))
            await begun.wait()
            following.cancel()
            await asyncio.wait([following])
            await asyncio.sleep(0.01)
        return ended

    assert asyncio.run(leave()) == ["stopped", "stopped"]


async def _last_of(events: AsyncGenerator[LoopEvent, None]) -> None:
    async for _ in events:
        pass


_call = st.sampled_from(["echo", "broken", "nowhere"])
_rounds = st.lists(
    st.fixed_dictionaries(
        {
            "calls": st.lists(_call, min_size=1, max_size=4),
            "text": st.sampled_from(["", "Let me see."]),
            "thought": st.sampled_from(["", "Hm."]),
            "split": st.integers(0, 3),
            "paused": st.booleans(),
        }
    ),
    max_size=4,
)


@settings(max_examples=40, deadline=None)
@given(_rounds)
def test_every_call_of_any_script_has_one_result_in_its_place(rounds: list[dict[str, Any]]) -> None:
    answers, expected = list[WireResponse](), list[list[str]]()
    for number, each in enumerate(rounds):
        pauses = each["paused"] and not number
        answers += [paused()] if pauses else []
        calls = [(f"{number}-{place}", name, {"say": place}) for place, name in enumerate(each["calls"])]
        said = {part: each[part] for part in ("text", "thought", "split")}
        answers.append(asks(*calls, found=[FOUND] if pauses else [], **said))
        expected.append([call[0] for call in calls])
    seen = told(*answers, says("Done."))
    given = [[result["tool_use_id"] for result in results(message)] for message in seen.script.messages[-1]]
    assert [ids for ids in given if ids] == expected
    assert (seen.text.endswith("Done."), len(seen.script.requests)) == (True, len(answers) + 1)
    assert sum(len(ids) for ids in expected) == len(seen.of(CallEnded))
