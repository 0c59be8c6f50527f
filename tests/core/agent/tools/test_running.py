"""Whatever a tool does and whatever the model wrote, there is one clean and bounded outcome."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from core.agent.tools.running import LONGEST, run_tool
from core.agent.tools.tool import Tool, ToolContext
from core.errors import ToolDenied, ToolError, ToolInputInvalid, ToolUnavailable
from tests.core.agent.tools.asking import ADA, ANYTHING, run, run_named

Act = Callable[[Any], Awaitable[Any]]


def tool(act: Act, schema: dict[str, Any] = ANYTHING, timeout_seconds: float = 5.0) -> Tool:
    async def call(given: Any, _: ToolContext) -> Any:
        return await act(given)

    return Tool("it", "Does it.", schema, call, timeout_seconds)


def gives(result: Any) -> Tool:
    async def act(_: Any) -> Any:
        return result

    return tool(act)


def raises(error: BaseException) -> Tool:
    async def act(_: Any) -> Any:
        raise error

    return tool(act)


def test_a_result_is_passed_on_as_it_is() -> None:
    outcome = run(gives("Grüße 👩‍👩‍👧\n\tتحية"))
    assert (outcome.text, outcome.failure) == ("Grüße 👩‍👩‍👧\n\tتحية", None)
    assert outcome.size == len(outcome.text.encode())


def test_an_unknown_tool_is_answered_with_those_there_are() -> None:
    outcome = run_named({"a": gives(""), "b": gives("")}, "c", {})
    assert (outcome.failure, outcome.text) == ("unknown", "There is no tool called c. There are: a, b.")


def test_all_that_does_not_fit_is_told_but_not_without_end() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "array", "items": {"type": "integer"}}}}
    outcome = run(tool(lambda _: asyncio.sleep(0), schema), {"n": ["x" * 10_000] * 10_000})
    assert outcome.failure == "invalid_input"
    assert outcome.text.count("is not of type 'integer'") == 8
    assert outcome.text.count("$.n[") == 8
    assert len(outcome.text) < 4_000


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "no-such-type"},
        {"properties": 7},
        {"properties": {"a": {"pattern": "("}}},
        {"$ref": "http://127.0.0.1:9/schema.json"},
        {"$ref": "#/nowhere"},
        {"$schema": "no such draft", "type": ["object", 3]},
        {"$ref": "#"},
    ],
)
def test_a_schema_that_cannot_be_used_fails_the_call_alone(schema: dict[str, Any]) -> None:
    with capture_logs() as logs:
        outcome = run(tool(lambda _: asyncio.sleep(0), schema), {"a": "b"})
    assert outcome.failure == "failed"
    assert [log["event"] for log in logs] == ["a tool failed"]


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (ToolError("No."), "failed"),
        (ToolInputInvalid("No."), "invalid_input"),
        (ToolUnavailable("No."), "unavailable"),
        (ToolDenied("No."), "denied"),
    ],
)
def test_an_error_written_for_the_model_reaches_it(error: ToolError, failure: str) -> None:
    with capture_logs() as logs:
        outcome = run(raises(error))
    assert outcome.failure == failure
    assert outcome.text.endswith("No.")
    assert logs == []


@pytest.mark.parametrize(
    "error",
    [
        ValueError("key sk-ant-api03-secret"),
        SystemExit("sk-ant-api03-secret"),
        asyncio.CancelledError("sk-ant-api03-secret"),
        TimeoutError("sk-ant-api03-secret"),
        BaseExceptionGroup("sk-ant-api03-secret", [SystemExit(1)]),
        RecursionError("sk-ant-api03-secret"),
    ],
)
def test_any_other_error_is_for_the_log_and_the_model_learns_its_kind(error: BaseException) -> None:
    with capture_logs() as logs:
        outcome = run(raises(error))
    assert (outcome.failure, type(error).__name__ in outcome.text, "secret" in outcome.text) == ("failed", True, False)
    assert [log["exc_info"] for log in logs] == [error]


def test_a_tool_that_hangs_is_given_up() -> None:
    outcome = run(tool(lambda _: anyio.sleep_forever(), timeout_seconds=0.05))
    assert (outcome.failure, outcome.text) == ("timeout", "The tool it was given up after 0.05 seconds.")
    assert 50 <= outcome.duration_ms < 20_000


def test_a_tool_that_ignores_its_end_is_told_again_and_again() -> None:
    async def stubborn(_: Any) -> str:
        for _again in range(3):
            try:
                await anyio.sleep_forever()
            except asyncio.CancelledError:
                continue
        return "Too late."

    outcome = run(tool(stubborn, timeout_seconds=0.05))
    assert (outcome.text, outcome.duration_ms < 20_000) == ("Too late.", True)


def test_time_is_measured_around_the_tool() -> None:
    async def act(_: Any) -> str:
        await anyio.sleep(0.05)
        return "Done."

    assert 50 <= run(tool(act)).duration_ms < 2_000


@pytest.mark.parametrize("allowed", [True, False])
def test_e6_the_wait_for_consent_is_not_the_tool_s_own_time(allowed: bool) -> None:
    async def consent(*_: Any) -> None:
        await anyio.sleep(0.2)
        if not allowed:
            raise ToolDenied("No.")

    outcome = run(replace(gives("done"), consent=consent))
    assert outcome.failure == (None if allowed else "denied")
    assert 200 <= outcome.waited_ms <= outcome.duration_ms
    assert outcome.own_ms == outcome.duration_ms - outcome.waited_ms < 100


def test_fifty_megabytes_are_cut_and_it_is_said() -> None:
    began = time.process_time()
    outcome = run(gives("é" * 25_000_000))
    assert outcome.size == 50_000_000
    assert outcome.text.endswith(f"\n[Cut: these are the first {LONGEST:,} of 50,000,000 bytes.]")
    assert len(outcome.text.encode()) < LONGEST + 100
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("result", "shown"),
    [
        ("a\x00b" + "c" * 20, "a\ufffdb" + "c" * 20),
        ("half \ud83d of a pair", "half \ufffd of a pair"),
        ("safe \u202etxt.exe and so on", "safe \ufffdtxt.exe and so on"),
        ("hidden \U000e0041 letter", "hidden \ufffd letter"),
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("", "The tool gave no output."),
    ],
)
def test_what_cannot_be_shown_is_marked(result: str, shown: str) -> None:
    outcome = run(gives(result))
    assert (outcome.text, outcome.failure) == (shown, None)


def test_binary_data_is_left_out_and_fails() -> None:
    outcome = run(gives(bytes(range(256)).decode("latin-1") * 9))
    assert (outcome.failure, "3,456 bytes that are not text" in outcome.text) == ("failed", True)


@pytest.mark.parametrize("result", [None, 7, b"bytes", ["text"]])
def test_a_result_that_is_no_text_fails(result: Any) -> None:
    with capture_logs() as logs:
        assert run(gives(result)).failure == "failed"
    assert len(logs) == 1


def test_a_cancelled_turn_cancels_its_tools() -> None:
    async def turn() -> None:
        running = asyncio.create_task(run_tool({"it": tool(lambda _: anyio.sleep_forever())}, "it", {}, ADA))
        await asyncio.sleep(0.02)
        running.cancel()
        await running

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(turn())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
SCHEMAS = st.sampled_from([ANYTHING, {}, {"type": "array"}, {"required": ["a"]}]) | st.dictionaries(
    st.sampled_from(["type", "properties", "items", "required", "pattern", "enum", "$ref"]), JSON, max_size=3
)
TEXTS = st.text(st.characters(codec=None), max_size=50)
ERRORS = st.sampled_from([ValueError, KeyError, OSError, SystemExit, asyncio.CancelledError, ToolError, MemoryError])


@st.composite
def tools(draw: st.DrawFn) -> Tool:
    result = draw(TEXTS | JSON | st.binary())
    error = draw(st.none() | st.builds(lambda kind, text: kind(text), ERRORS, TEXTS))
    wait = draw(st.sampled_from([None, 0.0, 1.0]))

    async def act(_: Any) -> Any:
        if wait is not None:
            await anyio.sleep(wait)
        if error is not None:
            raise error
        return result

    return tool(act, draw(SCHEMAS), timeout_seconds=0.005)


@settings(max_examples=80, deadline=None)
@given(tools(), st.sampled_from(["it", "other"]) | TEXTS, JSON)
def test_any_tool_with_any_input_has_one_clean_outcome(tool: Tool, name: str, given: Any) -> None:
    with capture_logs():
        outcome = run_named({tool.name: tool}, name, given)
    assert 0 < len(outcome.text.encode("utf-8", "strict")) <= LONGEST + 100
    assert not set(outcome.text) & {chr(code) for code in range(32)} - {"\n", "\t"}
    assert outcome.duration_ms >= 0


@given(TEXTS)
def test_printable_text_is_never_changed(text: str) -> None:
    plain = "".join(letter for letter in text if letter.isprintable())
    assert run(gives(plain)).text == (plain or "The tool gave no output.")
