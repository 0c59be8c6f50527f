"""Faults laid over an answer."""

import pytest

from core.provider.simulator.directives import HTTP_FAULTS
from core.provider.simulator.messages_api import Simulator
from core.provider.simulator.wire import End, WireResponse
from tests.core.provider.simulator.requests import body, events, text, wire
from tests.core.provider.wiring import PATIENCE, Connect, ask, question


def ordered(fault: str) -> WireResponse:
    return Simulator().answer(wire(body(f"[[{fault}]] [[say: one two three four]]")))


@pytest.mark.parametrize(("kind", "end"), [("cut", "cut"), ("eof", "clean"), ("silence", "hang")])
@pytest.mark.parametrize(("after", "said"), [(0, ""), (2, "one two"), (99, "one two three four")])
def test_a_stream_ends_after_so_many_tokens(kind: str, end: End, after: int, said: str) -> None:
    response = ordered(f"{kind} after {after}")
    came = events(response)
    assert (response.status, response.end) == (200, end)
    assert text(came) == said[: len(text(came))]
    assert (came[-1]["type"] == "message_stop") == (after == 99)


@pytest.mark.parametrize("kind", ["cut", "eof", "silence"])
def test_without_a_place_it_ends_before_the_first_event(kind: str) -> None:
    assert events(ordered(kind)) == []


@pytest.mark.parametrize(("kind", "end"), [("refused", "clean"), ("unanswered", "hang")])
def test_some_faults_give_no_answer_at_all(kind: str, end: End) -> None:
    response = ordered(kind)
    assert (response.status, response.end) == (None, end)


@pytest.mark.parametrize("kind", HTTP_FAULTS)
def test_an_http_fault_within_the_stream_is_an_error_event(kind: str) -> None:
    came = events(ordered(f"{kind} after 2"))
    assert came[-1] == {"type": "error", "error": dict(zip(("type", "message"), HTTP_FAULTS[kind][1:], strict=True))}
    assert text(came).startswith("one")


pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("kind", ["unknown after 1", "split", "crlf"])
async def test_what_a_client_must_not_mind_leaves_the_answer_whole(connect: Connect, kind: str) -> None:
    async with connect(Simulator(pace=0)) as provider:
        outcome = await ask(provider, question(f"[[{kind}]] [[say: häß 😀 – done]]"))
    assert outcome.error is None
    assert outcome.shown == "häß 😀 – done"


@pytest.mark.parametrize(
    ("fault", "code", "kind"),
    [
        ("cut after 2", "provider_broken", "stream_cut"),
        ("eof after 2", "provider_broken", "stream_incomplete"),
        ("silence after 2", "provider_broken", "stream_silent"),
        ("garbled after 2", "provider_broken", "stream_garbled"),
        ("disorder after 2", "provider_broken", "stream_garbled"),
        ("overloaded after 2", "provider_busy", "overloaded_error"),
        ("refused", "provider_busy", "connection_error"),
        ("unanswered", "provider_busy", "timeout_error"),
        ("html", "provider_busy", "http_502"),
        ("spend_limit", "provider_refused", "spend_limit_reached"),
        ("credit", "provider_refused", "billing_error"),
    ],
)
async def test_every_fault_reaches_the_client_as_what_it_is(connect: Connect, fault: str, code: str, kind: str) -> None:
    async with connect(Simulator(pace=0), attempts=1, read_seconds=PATIENCE) as provider:
        outcome = await ask(provider, question(f"[[{fault}]] [[say: one two three]]"))
    assert outcome.error is not None
    assert (outcome.error.code, outcome.error.kind) == (code, kind)
    assert outcome.shown in ("", "one two", "one tw", "one")
