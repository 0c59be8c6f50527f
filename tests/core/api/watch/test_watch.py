"""The terminal client against a server that breaks off everywhere: each event once, and an exit status to rely on."""

import io
import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import JSONResponse

from core.api.watch.__main__ import COMPLETED, FAILED, INTERRUPTED, NO_CONNECTION, run
from core.api.watch.report import percentile
from core.place import COMMAND
from tests.core.api.watch.scripted import ANSWER, TRACE, Script, told
from tests.served import free_port

NAMES = [name for name, _, _ in ANSWER]
_LINE = re.compile(r"^ +\d+\.\d{3} s +\+\d+\.\d{3}  (\w+)", re.MULTILINE)


@pytest.fixture
def script() -> Iterator[Script]:
    with told(Script()) as script:
        yield script


def watch(script: Script, *more: str, out: io.StringIO | None = None) -> tuple[int, str, list[float]]:
    out, pauses = out or io.StringIO(), list[float]()
    asked = more or ("6*7?", "--agent", "analyst")
    status = run([*asked, "--url", script.url], out, pause=pauses.append)
    return status, out.getvalue(), pauses


def test_an_answer_is_shown_event_by_event_and_summed_up(script: Script) -> None:
    status, out, pauses = watch(script)
    assert (status, pauses) == (COMPLETED, [])
    assert _LINE.findall(out) == NAMES
    assert '"Let me"' in out
    assert '" see: 42\\u001b[2J"' in out
    assert "\x1b" not in out
    *_, done, tokens, cost, throughput, latency = out.splitlines()
    assert re.fullmatch(r"Done after \d\.\d{3} s: 11 events", done)
    assert tokens.split(maxsplit=1) == ["Tokens", "1,807 in, 260 out"]
    assert cost.split() == ["Cost", "$0.0071175"]
    assert re.fullmatch(r"Throughput +[\d,.]+ output tokens/s from the first text to the last", throughput)
    assert re.fullmatch(r"Latency +first text after [\d.]+ s; between events p50 \d+ ms, p99 \d+ ms", latency)


@pytest.mark.parametrize("cut", range(len(ANSWER)))
def test_a_connection_lost_after_any_event_loses_and_repeats_none(script: Script, cut: int) -> None:
    script.cuts = [cut, 1]
    status, out, pauses = watch(script)
    assert (status, _LINE.findall(out)) == (COMPLETED, NAMES)
    assert len(pauses) in (1, 2)
    assert len(set(script.keys)) == 1
    assert len(script.keys) <= 2 if cut == 0 else len(script.keys) == 1


def test_a_connection_that_is_lost_again_and_again_is_given_up_with_a_way_back(script: Script) -> None:
    script.cuts = [3, *[0] * 20]
    status, out, pauses = watch(script)
    assert status == NO_CONNECTION
    assert _LINE.findall(out) == NAMES[:3]
    assert pauses == sorted(pauses)
    assert f"--resume {TRACE} --after 3" in out
    script.cuts = []
    status, out, _ = watch(script, "--resume", TRACE, "--after", "3")
    assert (status, _LINE.findall(out)) == (COMPLETED, NAMES[3:])


def test_an_answer_that_fails_says_so_in_the_exit_status(script: Script) -> None:
    script.answer[-1] = ("error", {"error": "The provider is overloaded.", "code": "overloaded_error"}, "10")
    status, out, _ = watch(script)
    assert status == FAILED
    assert "Failed after" in out


def test_a_server_that_leaves_is_looked_for_again(script: Script) -> None:
    script.answer.insert(3, ("error", {"error": "The server is shutting down.", "code": "shutting_down"}, ""))
    script.cuts = [4]
    out = io.StringIO()

    def come_back(_: float) -> None:
        script.answer = list(ANSWER)

    assert run(["6*7?", "--agent", "a1", "--url", script.url], out, pause=come_back) == COMPLETED
    assert _LINE.findall(out.getvalue()) == NAMES


def test_a_busy_server_is_asked_again_with_the_same_key_when_it_says(script: Script) -> None:
    busy = JSONResponse({"detail": "Slowly."}, 429, {"Retry-After": "7"})
    script.refusals = [busy, JSONResponse({}, 503)]
    status, _, pauses = watch(script)
    assert (status, len(script.keys), len(set(script.keys))) == (COMPLETED, 3, 1)
    assert pauses[0] == 7


def test_l1_the_only_agent_there_is_does_not_stand_in_for_another_that_was_named(script: Script) -> None:
    script.names, script.refusals = ("Analyst",), [JSONResponse({"detail": "No."}, 403)]
    status, out, _ = watch(script, "6*7?", "--agent", "Nobody")
    assert (status, script.keys) == (NO_CONNECTION, [])
    assert "Choose one with --agent: Analyst." in out


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("6*7?",), "Choose one with --agent: Everyday Assistant, Analyst."),
        (("6*7?", "--agent", "Nobody"), "Choose one with --agent"),
        (("6*7?", "--agent", "a1"), "The server answered 403. No."),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(script: Script, asked: tuple[str, ...], said: str) -> None:
    script.refusals = [JSONResponse({"detail": "No."}, 403)]
    status, out, _ = watch(script, *asked)
    assert status == NO_CONNECTION
    assert said in out
    assert "Traceback" not in out


def test_no_server_is_a_sentence_too() -> None:
    status, out, _ = watch(Script(url=f"http://127.0.0.1:{free_port()}"))
    assert status == NO_CONNECTION
    assert "Is the server running?" in out


class Interrupted(io.StringIO):
    """Where somebody presses Ctrl-C at the third event."""

    def write(self, text: str) -> int:
        if "tool_detected" in text:
            raise KeyboardInterrupt
        return super().write(text)


def test_an_interruption_leaves_the_answer_alone_and_says_how_to_come_back(script: Script) -> None:
    status, out, _ = watch(script, "6*7?", "--agent", "a1", out=Interrupted())
    assert status == INTERRUPTED
    assert f"The answer goes on without you for a while. To go on watching it: {COMMAND} watch --resume {TRACE}" in out


@given(st.lists(st.floats(0, 100), min_size=1), st.integers(1, 100))
def test_a_percentile_is_a_value_that_so_many_do_not_exceed(values: list[float], percent: int) -> None:
    found = percentile(sorted(values), percent) / 1_000
    assert sum(value <= found + 1e-9 for value in values) * 100 >= percent * len(values)
    assert sum(value < found - 1e-9 for value in values) * 100 < percent * len(values)
